"""The image for CPUs, built with buildah on a Debian made by debootstrap, and used without a network."""

import json
import os
import shlex
import subprocess
import time
from pathlib import Path

from . import ROOT, Failed, Result, call, cut_off, need, sessions

WHERE = "container image, CPU variant"
BASE, IMAGE = "localhost/course-base", "localhost/tutorial-utils"

# Inside a network namespace: the image's own entry point and command, and its own health check.
SERVE = r"""
serve() {{ {run} --env JUPYTER_TOKEN=secret {container} -- {start}; }}
ask() {{ {run} {container} -- "$@"; }}
serve >{log} 2>&1 &
for _ in $(seq 60); do ask {health} 2>/dev/null && healthy=yes && break; sleep 1; done
[ "$healthy" = yes ] || {{ cat {log}; echo "never healthy"; exit 1; }}
ask python3 -c '
import urllib.error, urllib.request
address = "http://127.0.0.1:8888/api/contents/01_symmetry.ipynb?content=0"
def status(token):
    try:
        headers = dict(Authorization="token " + token)
        return urllib.request.urlopen(urllib.request.Request(address, headers=headers)).status
    except urllib.error.HTTPError as error:
        return error.code
assert status("secret") == 200, status("secret")
assert status("wrong") == 403, status("wrong")
'
"""


def buildah(folder: Path, *words: str | Path) -> list[str]:
    """Return a command of buildah that keeps everything in the folder."""
    place = ["--storage-driver", "overlay", "--root", folder / "images", "--runroot", folder / "containers"]
    return [str(word) for word in ("buildah", *place, *words)]


def make_base(folder: Path) -> None:
    """Make the Debian that the image is built on, once."""
    if BASE in call(buildah(folder, "images")):
        return
    tree = folder / "debian"
    if not (tree / "etc/debian_version").exists():
        call(["debootstrap", "--variant=minbase", "bookworm", tree])
    container = call(buildah(folder, "from", "scratch")).split()[-1]
    call(buildah(folder, "add", container, tree, "/"))
    call(buildah(folder, "commit", container, BASE))
    call(buildah(folder, "rm", container))


def build(folder: Path) -> float:
    """Build the image; returns the seconds it took.

    BUILD_OPTIONS: more options for buildah, for example a mounted certificate or package folder.
    TORCH: the CPU build of torch that pip is asked for, as in the Dockerfile; a wheel at hand, if left out.
    """
    pin = next(
        line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("torch==")
    )
    options = ["--isolation", "chroot", "--network", "host", "--pull-never", "--layers", "--format", "docker"]
    options += ["--build-arg", f"BASE_IMAGE={BASE}"]
    options += ["--build-arg", f"TORCH={os.environ.get('TORCH') or f'{pin}+cpu'}"]
    options += shlex.split(os.environ.get("BUILD_OPTIONS", ""))
    begun = time.monotonic()
    call(buildah(folder, "bud", *options, "--tag", IMAGE, "."))
    return time.monotonic() - begun


def size_gb(folder: Path) -> float:
    """Return the size of the image's files in GB."""
    about = json.loads(call(buildah(folder, "images", "--json", IMAGE)))[0]["size"]
    number, unit = about.split()
    return float(number) * {"MB": 1e-3, "GB": 1}[unit]


def use(folder: Path, container: str) -> list[Result]:
    """Ask the doctor and run sessions 1 and 5 as the image's user, without a network."""
    run = buildah(folder, "run", "--isolation", "chroot")
    user = call(cut_off([*run, container, "--", "id", "-un"])).strip()
    if user == "root":
        raise Failed("the image runs as root")
    call(cut_off([*run, container, "--", "tutorial-utils", "doctor"]))
    script = "cp -r $COURSE/notebooks /tmp/trial && cd /tmp/trial; "
    script += "python3 /trial/execute.py --report report.json 01_*.ipynb 05_*.ipynb; cat report.json"
    printed = call(
        cut_off([*run, "--volume", f"{ROOT / 'tools'}:/trial:ro", container, "--", "bash", "-c", script])
    )
    return [Result("user", user), *sessions(json.loads(printed[printed.rindex("[\n {") :]))]


def serve(folder: Path, container: str) -> float:
    """Start the entry point until it is healthy; ask with a right and a wrong token. Returns seconds."""
    about = json.loads(call(buildah(folder, "inspect", "--type", "container", container)))
    config = about["Docker"]["config"]
    script = SERVE.format(
        run=shlex.join(buildah(folder, "run", "--isolation", "chroot")),
        container=container,
        start=shlex.join([*config["Entrypoint"], *config["Cmd"]]),
        health=shlex.join(config["Healthcheck"]["Test"][1:]),
        log=folder / "server.log",
    )
    begun = time.monotonic()
    call(cut_off(["bash", "-c", script]))
    return time.monotonic() - begun


def run(folder: Path) -> list[Result]:
    """Build, use, serve."""
    need("buildah", "debootstrap", "unshare", "ip", root=True)
    make_base(folder)
    results = [Result("built", round(build(folder)), "s"), Result("size", round(size_gb(folder), 1), "GB")]
    container = call(buildah(folder, "from", "--pull-never", IMAGE)).split()[-1]
    try:
        results += use(folder, container)
        serve(folder, container)
        return [*results, Result("entry point", "healthy; wrong token refused")]
    finally:
        subprocess.run(buildah(folder, "rm", container), capture_output=True)
