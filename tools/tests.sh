#!/bin/sh
# Runs the tests. Where code has changed since BASE (default: where this branch left origin/main), it also measures which
# of the changed lines they run, and fails below nine in ten. Measuring takes half as long again, so only then.
set -eu
cd "$(dirname "$0")/.."
base=${BASE:-$(git merge-base HEAD origin/main 2>/dev/null || true)}
run() {
    .venv/bin/python -m pytest -n 2 --dist worksteal --durations=15 --durations-min=1 "$@"
}
if [ -z "$base" ] || git diff --quiet "$base" -- src; then
    run "$@"
    echo "coverage of changes: no code has changed, or there is nothing to compare with"
    exit 0
fi
run --cov --cov-report=xml --cov-report= "$@"
exec .venv/bin/diff-cover coverage.xml --compare-branch="$base" --fail-under=90
