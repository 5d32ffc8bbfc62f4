"""All notebooks in an environment like Colab's: the first cell installs what is missing, and torch stays.

COLAB_PYTHON names the Python to use; left out, the first python3.13 that is found.
"""

import json
import os
import shutil
from pathlib import Path

import repository

from . import ROOT, Failed, NotHere, Result, call, execute, fresh_environment, sessions

WHERE = "environment with Colab's versions (not Colab itself)"
# What Colab had in August 2026, as far as it touches the course.
VERSIONS = (
    *("torch==2.11.0", "numpy==2.1.3", "scipy==1.16.3", "matplotlib==3.10.*", "pandas", "plotly==5.24.1"),
    *(
        "ipython==7.34.0",
        "ipykernel",
        "ipywidgets==7.7.1",
        "nbclient",
        "psutil",
        "requests",
        "pyyaml",
        "tqdm",
    ),
)
KEPT = ("torch", "numpy", "scipy", "plotly", "ipython")


def find_python() -> str:
    """Return Python 3.13, or raise NotHere."""
    python = os.environ.get("COLAB_PYTHON") or shutil.which("python3.13")
    if not python or "3.13" not in call([python, "--version"]):
        raise NotHere("no Python 3.13: name one in COLAB_PYTHON")
    return python


def environment(folder: Path) -> Path:
    """Make the environment, once; returns its Python."""
    python = folder / "environment/bin/python"
    if not (folder / "made").exists():
        python = fresh_environment(folder / "environment", find_python())
        call([python, "-m", "pip", "install", "--quiet", *VERSIONS])
        (folder / "made").touch()
    call([python, "-m", "pip", "uninstall", "--quiet", "--yes", "tutorial-utils"])
    return python


def versions(python: Path) -> dict[str, str]:
    """Return the versions of what the first cell must leave alone."""
    script = "import sys, json, importlib.metadata as m; names = sys.argv[1:]; "
    script += "print(json.dumps({name: m.version(name) for name in names}))"
    return json.loads(call([python, "-c", script, *KEPT]))


def as_opened_in_colab(path: Path, folder: Path) -> Path:
    """Write a notebook as it is once the course has an address, but installing from this folder."""
    name = "someone/course"
    text = repository.notebook(path.read_text(encoding="utf-8"), name, f"notebooks/{path.name}")
    copy = folder / path.name
    copy.write_text(text.replace(f"git+https://github.com/{name}", ROOT.as_uri()), encoding="utf-8")
    return copy


def run(folder: Path) -> list[Result]:
    """Run every notebook; the first one installs the course."""
    python = environment(folder)
    before = versions(python)
    opened = folder / "opened"
    opened.mkdir(exist_ok=True)
    paths = [as_opened_in_colab(path, opened) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    report = folder / "report.json"
    try:
        call(execute(python, report, *paths), limit=2 * 3600, CUDA_VISIBLE_DEVICES="")
    finally:
        after = versions(python)
    if before != after:
        raise Failed(f"the first cell changed {before} into {after}")
    found = sessions(json.loads(report.read_text()))
    return [*found, *(Result(name, version) for name, version in after.items() if name != "torch")]
