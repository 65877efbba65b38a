#!/bin/sh
# Makes the virtual environment with the locked dependencies. Run by make; safe to run again.
set -eu
cd "$(dirname "$0")/.."
venv=.venv

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

find_python() {
    for name in ${PYTHON:-} python3.13 python3.12 python3.11 python3 python; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
}

# What a system package gives is asked for in one sentence, and installed where that is allowed without a password.
system_package() {
    command -v apt-get >/dev/null 2>&1 || fail "$2"
    if [ "$(id -u)" = 0 ]; then as_root=""; elif sudo -n true 2>/dev/null; then as_root="sudo -n"; else fail "$2"; fi
    say "installing the system package $1"
    $as_root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -qq -y --no-install-recommends "$1" >/dev/null || fail "$2"
}

python=$(find_python)
[ -n "$python" ] || fail "Switchbay needs Python 3.11, 3.12 or 3.13; install one, or name it with PYTHON=/path/to/python."
say "using $("$python" --version) at $python"

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    system_package "python$version-venv" "Python's venv module is missing; install it (on Debian: apt-get install python$version-venv)."
fi

[ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1 || {
    say "making the virtual environment in $venv"
    rm -rf "$venv"
    "$python" -m venv "$venv"
}
say "installing the locked dependencies (about a minute the first time)"
# The lock names everything, so nothing is resolved: pip would look for versions newer than the locked ones where a package
# asks for another with an extra, and refuse those.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
"$venv/bin/python" -m pip check --quiet --disable-pip-version-check || fail "The lock file does not hold what its packages need; run make lock."
touch "$venv/.ready"
say "ready"
