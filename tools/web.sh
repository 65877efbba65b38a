#!/bin/sh
# Builds the web messenger's script from its TypeScript ("build"), or compares the committed script with it ("check").
# Needs Node.js with npm, which nothing else here does: where it is missing, "check" says so and passes.
set -eu
cd "$(dirname "$0")/../web/messenger"
built=../../src/switchbay/messaging/static/messenger.js

say() { printf 'web: %s\n' "$*"; }
fail() { printf 'web: %s\n' "$*" >&2; exit 1; }

if ! command -v npm >/dev/null 2>&1; then
    [ "${1:-build}" = check ] || fail "npm is missing; install Node.js 20 or later (on Debian: apt-get install npm)."
    say "skipped: npm is not installed, so the messenger's script is not compared with its source"
    exit 0
fi
if ! cmp -s package-lock.json node_modules/.switchbay-lock; then
    say "installing the locked build tools"
    if ! npm ci --no-audit --no-fund --silent; then
        [ "${1:-build}" = check ] || fail "npm could not install the build tools."
        say "skipped: npm could not install the build tools, so the messenger's script is not compared with its source"
        exit 0
    fi
    cp package-lock.json node_modules/.switchbay-lock
fi
npm run --silent types || fail "the types of the messenger's source do not hold."
if [ "${1:-build}" = check ]; then
    fresh=$(mktemp)
    trap 'rm -f "$fresh"' EXIT
    npm run --silent build -- --log-level=warning >"$fresh"
    cmp -s "$fresh" "$built" || fail "the messenger's script is not what its source makes; run make web."
    say "the messenger's script is what its source makes"
else
    mkdir -p "$(dirname "$built")"
    npm run --silent build -- --log-level=warning --outfile="$built"
    say "built $(gzip -9c "$built" | wc -c | tr -d ' ') bytes, compressed"
fi
