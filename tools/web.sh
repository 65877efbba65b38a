#!/bin/sh
# Builds the scripts of the web messenger and the web tag from their TypeScript ("build"), or compares the committed
# scripts with it ("check"). Needs Node.js with npm, which nothing else here does: where it is missing, "check" says so
# and passes.
set -eu
cd "$(dirname "$0")/../web"
MOST_TAG_BYTES=10240 # compressed: every page of a site loads it

say() { printf 'web: %s\n' "$*"; }
fail() { printf 'web: %s\n' "$*" >&2; exit 1; }
built_of() {
    case "$1" in
        messenger) echo ../src/switchbay/messaging/static/messenger.js ;;
        tag) echo ../src/switchbay/engagement/static/tag.js ;;
    esac
}
size_of() { gzip -9c "$1" | wc -c | tr -d ' '; }

if ! command -v npm >/dev/null 2>&1; then
    [ "${1:-build}" = check ] || fail "npm is missing; install Node.js 20 or later (on Debian: apt-get install npm)."
    say "skipped: npm is not installed, so the scripts are not compared with their source"
    exit 0
fi
if ! cmp -s package-lock.json node_modules/.switchbay-lock; then
    say "installing the locked build tools"
    if ! npm ci --no-audit --no-fund --silent; then
        [ "${1:-build}" = check ] || fail "npm could not install the build tools."
        say "skipped: npm could not install the build tools, so the scripts are not compared with their source"
        exit 0
    fi
    cp package-lock.json node_modules/.switchbay-lock
fi
npm run --silent types || fail "the types of the source do not hold."
fresh=$(mktemp)
trap 'rm -f "$fresh"' EXIT
for script in messenger tag; do
    built=$(built_of "$script")
    npm run --silent "$script" -- --log-level=warning >"$fresh"
    [ "$script" != tag ] || [ "$(size_of "$fresh")" -lt "$MOST_TAG_BYTES" ] ||
        fail "the tag's script has $(size_of "$fresh") bytes, compressed; it may have $MOST_TAG_BYTES."
    if [ "${1:-build}" = check ]; then
        cmp -s "$fresh" "$built" || fail "the script of the $script is not what its source makes; run make web."
        say "the script of the $script is what its source makes"
    else
        mkdir -p "$(dirname "$built")"
        cat "$fresh" >"$built"
        say "built the $script, $(size_of "$built") bytes compressed"
    fi
done
