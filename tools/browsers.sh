#!/bin/sh
# Installs what tests/browser needs besides the development environment: Playwright and Chromium. Safe to run again.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'browsers: %s\n' "$*"; }
fail() { printf 'browsers: %s\n' "$*" >&2; exit 1; }
missing="Chromium is missing; install it (on Debian: apt-get install chromium), or name one with SWITCHBAY_TEST_CHROMIUM."

find_chromium() {
    [ -n "${SWITCHBAY_TEST_CHROMIUM:-}" ] && return
    for name in chromium chromium-browser google-chrome-stable google-chrome chrome; do
        command -v "$name" >/dev/null 2>&1 && return
    done
    return 1
}

.venv/bin/python -c 'import playwright' 2>/dev/null || {
    say "installing Playwright, which drives the browser"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-browser.lock
}
find_chromium || {
    command -v apt-get >/dev/null 2>&1 || fail "$missing"
    if [ "$(id -u)" = 0 ]; then as_root=""; elif sudo -n true 2>/dev/null; then as_root="sudo -n"; else fail "$missing"; fi
    say "installing the system package chromium"
    $as_root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -qq -y --no-install-recommends chromium >/dev/null || fail "$missing"
}
