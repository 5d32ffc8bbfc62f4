"""A hub on this machine: a room logs in at once, runs session 1, and nobody can disturb or read the others.

Everything happens in namespaces of its own: accounts, mounts and network end with the trial.
PROXY_FOLDER: where configurable-http-proxy is installed already (npm's --prefix); else npm fetches it.
"""

import json
import os
import shutil
import sys
from pathlib import Path

from . import ROOT, Result, call, cut_off, need

SEATS = int(os.environ.get("SEATS", "20"))
WHERE = "workshop hub, JupyterHub on one machine"
PROXY = "configurable-http-proxy@5.3.0"

# Layers in memory over what changes: accounts in /etc, homes, JupyterHub in the course's environment.
# What root alone may enter on the way to the course is opened.
PREPARE = r"""
set -e
layer() { mkdir -p "$work$1/up" "$work$1/work"; chmod 711 "$work$1/up"
          mount -t overlay overlay -o "lowerdir=$1,upperdir=$work$1/up,workdir=$work$1/work" "$1"; }
work=$1; shift
mount -t tmpfs tmpfs "$work"
chmod 711 "$work"
for place in /etc /home "$ENVIRONMENT"; do layer "$place"; done
"$PYTHON" -m pip install --quiet --no-index --find-links "$WHEELS" --requirement deploy/requirements.txt
for place in "$@"; do
    while [ "$place" != / ]; do
        [ $(( 0$(stat -c %a "$place") % 2 )) = 1 ] || layer "$place"
        place=$(dirname "$place")
    done
done
exec "$PYTHON" -m trials.room
"""


def fetch_wheels(folder: Path) -> Path:
    """Fetch JupyterHub, which is installed later, where there is no network; returns the folder of wheels."""
    wheels = folder / "wheels"
    pins = ["--constraint", ROOT / "constraints.txt", "--requirement", ROOT / "deploy/requirements.txt"]
    call([sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", wheels, *pins])
    return wheels


def proxy(folder: Path) -> Path:
    """Return the folder of programs with configurable-http-proxy in it."""
    place = Path(os.environ.get("PROXY_FOLDER", folder / "proxy"))
    if not (place / "node_modules/.bin/configurable-http-proxy").exists():
        call(["npm", "install", "--silent", "--prefix", place, PROXY])
    return place / "node_modules/.bin"


def run(folder: Path) -> list[Result]:
    """Start the hub in its namespaces, and the room beside it."""
    need("unshare", "ip", "npm", "node", "useradd", root=True)
    folder = folder.resolve()
    wheels, programs = fetch_wheels(folder), proxy(folder)
    report = folder / "report.json"
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    places = [sys.base_prefix, sys.prefix, ROOT, programs]
    variables = {
        "PYTHON": sys.executable,
        "ENVIRONMENT": sys.prefix,
        "WHEELS": str(wheels),
        "PYTHONPATH": f"{ROOT / 'tools'}:{ROOT / 'src'}",
        "PATH": f"{Path(sys.prefix) / 'bin'}:{programs}:{os.environ['PATH']}",
        "ROOM": str(work),
        "ROOM_REPORT": str(report),
        "ROOM_SEATS": str(SEATS),
        "CUDA_VISIBLE_DEVICES": "",
    }
    print(call(cut_off(["bash", "-c", PREPARE, "prepare", work, *places]), **variables))
    return [Result(**result) for result in json.loads(report.read_text())]
