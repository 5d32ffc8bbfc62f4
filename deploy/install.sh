#!/bin/sh
# Installs the course from this folder, offline, into the folder environment beside this file.
# This kit is for Python @PYTHON@ on @PLATFORM@. PYTHON=/path/to/python names another than python@PYTHON@.
set -e
cd "$(dirname "$0")"
python=${PYTHON:-python@PYTHON@}
if ! "$python" -c 'import sys, ensurepip; sys.exit("%d.%d" % sys.version_info[:2] != "@PYTHON@")' 2>/dev/null; then
    echo "This kit needs Python @PYTHON@ with venv. Type: PYTHON=/path/to/python@PYTHON@ sh install.sh" >&2
    exit 1
fi
echo "Comparing checksums"
sha256sum --check --quiet SHA256SUMS
echo "Installing (takes a few minutes)"
"$python" -m venv environment
environment/bin/python -m pip install --quiet --no-index --find-links wheels 'tutorial-utils[lab,md,dft]'
mkdir -p environment/share/tutorial_utils
cp book/_static/vendor/3Dmol-min.js environment/share/tutorial_utils/
environment/bin/jupyter trust notebooks/*.ipynb >/dev/null
environment/bin/tutorial-utils doctor
cat <<'END'

Notebooks:  environment/bin/jupyter lab notebooks
Book:       open book/index.html in a browser
END
