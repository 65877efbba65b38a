#!/bin/sh
# Fails when lines that changed since BASE (default: where this branch left origin/main) are not covered by tests.
set -eu
cd "$(dirname "$0")/.."
base=${BASE:-$(git merge-base HEAD origin/main 2>/dev/null || true)}
if [ -z "$base" ] || [ "$base" = "$(git rev-parse HEAD)" ]; then
    echo "coverage of changes: nothing to compare with; the floor of the whole tree holds"
    exit 0
fi
exec .venv/bin/diff-cover coverage.xml --compare-branch="$base" --fail-under=90
