"""A hub on this machine: a room logs in at once, runs session 1, and nobody can disturb or read the others.

Everything happens in namespaces of its own: accounts, mounts and network end with the trial.
PROXY_FOLDER: where configurable-http-proxy is installed already (npm's --prefix); else npm fetches it.
"""

import json
import os
import shutil
import sys
from pathlib import Path

from . import ROOT, Result, call, cut_off, fresh_environment, need

SEATS = int(os.environ.get("SEATS", "20"))
WHERE = "workshop hub, JupyterHub on one machine"
PROXY = "configurable-http-proxy@5.3.0"

# Accounts are made in a copy of /etc, homes in a folder of the trial; what root alone may enter is opened.
PREPARE = r"""
set -e
layer() { mkdir -p "$work$1/up" "$work$1/work"; chmod 711 "$work$1/up"
          mount -t overlay overlay -o "lowerdir=$1,upperdir=$work$1/up,workdir=$work$1/work" "$1"; }
work=$1; shift
mount -t tmpfs tmpfs "$work"
chmod 711 "$work"
layer /etc
layer /home
for place in "$@"; do
    while [ "$place" != / ]; do
        [ $(( 0$(stat -c %a "$place") % 2 )) = 1 ] || layer "$place"
        place=$(dirname "$place")
    done
done
exec "$PYTHON" -m trials.room
"""


def environment(folder: Path) -> Path:
    """Make an environment with JupyterHub on top of the one that runs this; returns its Python."""
    python = fresh_environment(folder / "environment")
    (site,) = [path for path in sys.path if path.endswith("site-packages") and path.startswith(sys.prefix)]
    library = next((folder / "environment/lib").glob("python*")) / "site-packages"
    (library / "course.pth").write_text(f"{ROOT / 'src'}\n{site}\n")
    pins = ["--constraint", ROOT / "constraints.txt", "--requirement", ROOT / "deploy/requirements.txt"]
    call([python, "-m", "pip", "install", "--quiet", *pins])
    return python


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
    python, programs = environment(folder), proxy(folder)
    report = folder / "report.json"
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    places = [sys.base_prefix, sys.prefix, ROOT, folder / "environment", programs]
    variables = {
        "PYTHON": str(python),
        "PYTHONPATH": f"{ROOT / 'tools'}:{ROOT / 'src'}",
        "PATH": f"{python.parent}:{Path(sys.prefix) / 'bin'}:{programs}:{os.environ['PATH']}",
        "ROOM": str(work),
        "ROOM_REPORT": str(report),
        "ROOM_SEATS": str(SEATS),
        "CUDA_VISIBLE_DEVICES": "",
    }
    print(call(cut_off(["bash", "-c", PREPARE, "prepare", work, *places]), **variables))
    return [Result(**result) for result in json.loads(report.read_text())]
