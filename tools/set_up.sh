#!/usr/bin/env bash
# Makes .venv with the course and everything it needs; takes no time where that is done already.
#
#   tools/set_up.sh            what `make lab` needs
#   tools/set_up.sh --browser  also Chromium, for the browser tests
#
# PYTHON=/path/to/python       the Python to use (3.11 or newer) instead of the first one found
# TORCH_INDEX_URL=address      take torch from this package index (PyTorch offers one with CPU builds)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
venv=.venv
stamp=$venv/.installed

# Prints the first Python that is new enough, or nothing. A name on the PATH may be an empty shim, so each is tried.
find_python() {
    local name
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
}

has_browser() {
    command -v chromium || command -v chromium-browser || command -v google-chrome || command -v google-chrome-stable
} >/dev/null

# Prints the Debian packages that are missing, one a line.
missing_packages() {
    local python
    python=$(find_python)
    if [ -z "$python" ]; then
        echo python3
        echo python3-venv
    elif ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        # Debian keeps venv in a package of its own, named after the version where that is not the default one.
        [ "$python" = python3 ] && echo python3-venv || echo "$(basename "$python")-venv"
    fi
    command -v g++ >/dev/null || echo g++
    if [ "${1:-}" = --browser ] && ! has_browser; then
        echo chromium
    fi
}

install_packages() {
    local missing
    missing=$(missing_packages "$@" | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing system packages: $missing"
        apt-get update -qq
        # shellcheck disable=SC2086  # one word for each package
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
        missing=$(missing_packages "$@" | tr '\n' ' ')
        [ -n "$missing" ] || return 0
        echo "Still missing after apt-get: $missing" >&2
        [ -n "$(find_python)" ] || echo "The course needs Python 3.11 or newer: give its path, make lab PYTHON=/path/to/python3.12" >&2
        [[ $missing != *chromium* ]] || echo "Where apt-get has no Chromium (Ubuntu), install it with: snap install chromium" >&2
    elif command -v apt-get >/dev/null; then
        printf 'The course needs system packages. Type this, then repeat your command:\n\n    sudo apt-get install %s\n\n' "$missing" >&2
        [ -n "$(find_python)" ] || echo "(It must give Python 3.11 or newer; else name one: make lab PYTHON=/path/to/python3.12)" >&2
    else
        echo "Please install, with your system's package manager: $missing (Python 3.11 or newer, a C++ compiler, Chromium for the tests)" >&2
    fi
    exit 1
}

# What the environment was made from: when this changes, it is brought up to date.
fingerprint() {
    echo "$PWD" "${TORCH_INDEX_URL:-}"
    cksum pyproject.toml constraints.txt
}

install_packages "$@"
wanted=$(fingerprint)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && "$venv/bin/python" -c '' 2>/dev/null; then
    exit 0
fi

python=$(find_python)
pip=("$venv/bin/python" -m pip --disable-pip-version-check --no-input)
# An environment that was made in another folder, or whose Python has gone, is made anew.
if ! "$venv/bin/python" -c '' 2>/dev/null || ! grep -qF "$PWD/$venv" "$venv/bin/activate"; then
    echo "Making $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
fi
rm -f "$stamp"
torch=$(grep '^torch==' constraints.txt)
echo "Installing $torch, then the other packages of constraints.txt (the first time takes minutes)"
# First and alone: a later step that sees torch in place leaves it as it is.
"${pip[@]}" install --quiet "$torch" ${TORCH_INDEX_URL:+--index-url "$TORCH_INDEX_URL"}
"${pip[@]}" install --quiet --use-pep517 --constraint constraints.txt --editable '.[all]'
# JavaScript for figures that are drawn offline; if it cannot be fetched, figures take it from the web, and `make book` says why not.
"$venv/bin/python" tools/vendor.py || true
echo "$wanted" > "$stamp"
