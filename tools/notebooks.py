"""Re-execute notebooks in place, measure them, and store the measurement where readers and tests find it.

    python tools/notebooks.py [notebooks/01_symmetry.ipynb ...]

A notebook whose run fails, or writes to stderr, is left as it was; the cell is shown.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import sys
import threading
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

ROOT = Path(__file__).parents[1]
EXPECTED = ROOT / "src/tutorial_utils/datasets/bundled/expected.json"
# COURSE_RECORD: `notebook.expect` stores what it sees. The rest is what the tests set, too.
KERNEL = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "COURSE_RECORD": "1"}
CORES = 2
CELL_TIMEOUT = 600  # seconds
BOX = re.compile(r"<!-- measured -->.*?<!-- /measured -->", re.S)


class NotStored(Exception):
    """A notebook that must not be stored; the message says which cell and why."""


@dataclass(frozen=True)
class Measured:
    """What one run took.

    Attributes:
        seconds: wall time from the kernel's start to its end.
        memory_gb: peak memory of the kernel and its child processes together, in GB (1e9 bytes).
        cores: CPU cores that the run could use.
        python: version of Python.
        torch: version of torch.
    """

    seconds: int
    memory_gb: float
    cores: int
    python: str
    torch: str

    def __str__(self) -> str:
        return f"runs in {self.seconds} s on {self.cores} CPUs, {self.memory_gb:.1f} GB"


class PeakMemory(threading.Thread):
    """Watches the memory of all child processes of this one, in a thread; `peak` is in bytes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self.done = threading.Event()

    def run(self) -> None:
        """Sample until `done` is set."""
        while not self.done.wait(0.2):
            children = psutil.Process().children(recursive=True)
            self.peak = max(self.peak, sum(memory(child) for child in children))


def memory(process: psutil.Process) -> int:
    """Return the memory of a process in bytes; pages shared by several are divided among them on Linux."""
    try:
        full = process.memory_full_info()
    except psutil.Error:  # it ended meanwhile
        return 0
    return getattr(full, "pss", full.rss)


def run(notebook: NotebookNode, folder: Path) -> Measured:
    """Execute all cells, outputs into the notebook; returns what it took."""
    place = {"metadata": {"path": str(folder)}}
    # a print that arrives in two parts is one output: the book would break the line between them
    client = NotebookClient(notebook, timeout=CELL_TIMEOUT, resources=place, coalesce_streams=True)
    watch, begun = PeakMemory(), time.monotonic()
    watch.start()
    try:
        client.execute()
    finally:
        watch.done.set()
    return Measured(
        seconds=round(time.monotonic() - begun),
        memory_gb=round(watch.peak / 1e9, 2),
        cores=min(CORES, os.cpu_count() or CORES),
        python=platform.python_version(),
        torch=version("torch").split("+")[0],
    )


def failure(notebook: NotebookNode) -> str | None:
    """Return the source and the error of the first cell that failed, or None."""
    for number, cell in enumerate(notebook.cells):
        if "raises-exception" in cell.metadata.get("tags", []):
            continue
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return f"cell {number} failed:\n{cell.source}\n\n" + "\n".join(output.traceback)
            if output.get("name") == "stderr":
                return f"cell {number} wrote to stderr:\n{cell.source}\n\n{output.text}"
    return None


def tidy(notebook: NotebookNode) -> None:
    """Take away what differs from run to run or from machine to machine, and says nothing to a reader."""
    notebook.metadata = NotebookNode(
        course=notebook.metadata.get("course", {}),
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"file_extension": ".py", "name": "python", "pygments_lexer": "ipython3"},
    )
    for cell in notebook.cells:
        for key in ("execution", "ExecuteTime", "collapsed", "scrolled", "trusted"):
            cell.metadata.pop(key, None)
        for output in cell.get("outputs", []):
            output.get("metadata", {}).pop("execution", None)


def fold(notebook: NotebookNode) -> None:
    """Fold solutions with their outputs, and the code of figures and of the set-up, in every front end.

    The book goes by tags, JupyterLab by "jupyter", Colab by "cellView" and "collapsed".
    """
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", []))
        solved = "solution" in tags
        if cell.cell_type != "code" or not (solved or tags & {"hide-input", "setup"}):
            continue
        cell.metadata["cellView"] = "form"
        cell.metadata["jupyter"] = {"source_hidden": True, **({"outputs_hidden": True} if solved else {})}
        if solved:
            cell.metadata["collapsed"] = True


def name_cells(content: dict) -> None:
    """Give each cell without an id one that depends only on its text and place, so that it stays."""
    content["nbformat_minor"] = max(content.get("nbformat_minor", 5), 5)
    seen: set[str] = set()
    for number, cell in enumerate(content["cells"]):
        if cell.get("id") in seen | {None}:
            text = f"{number}{''.join(cell['source'])}"
            cell["id"] = hashlib.sha256(text.encode()).hexdigest()[:8]
        seen.add(cell["id"])


def store_measured(notebook: NotebookNode, measured: Measured) -> None:
    """Write the measurement into the metadata and into the box at the notebook's top, where it has one."""
    notebook.metadata.course["measured"] = asdict(measured)
    for cell in notebook.cells[:3]:
        cell.source = BOX.sub(f"<!-- measured -->{measured}<!-- /measured -->", cell.source)


def write(notebook: NotebookNode, path: Path) -> None:
    """Write under a temporary name first: nobody ever sees half a notebook."""
    nbformat.validate(notebook)
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    draft = path.with_suffix(".tmp")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)


def split_lines(notebook: NotebookNode) -> NotebookNode:
    """Return the notebook in the form of the file: texts as lists of lines, as Jupyter stores them."""
    return nbformat.v4.rwbase.split_lines(nbformat.from_dict(notebook))


def execute(path: Path) -> Measured:
    """Run one notebook and store it, or leave it as it was and raise NotStored."""
    content = json.loads(path.read_text(encoding="utf-8"))
    name_cells(content)
    notebook = nbformat.v4.rwbase.rejoin_lines(nbformat.from_dict(content))
    expected = EXPECTED.read_bytes() if EXPECTED.exists() else None
    try:
        measured = run(notebook, path.parent)
        problem = failure(notebook)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        problem = failure(notebook) or str(error)
    if problem:
        if expected is not None:
            EXPECTED.write_bytes(expected)  # numbers of a run that is not stored
        raise NotStored(f"{path}: not stored. {problem}")
    tidy(notebook)
    fold(notebook)
    store_measured(notebook, measured)
    write(split_lines(notebook), path)
    return measured


def all_notebooks(paths: list[Path]) -> list[Path]:
    """Return the notebooks among the paths and inside the folders among them."""
    found = [sorted(path.glob("*.ipynb")) if path.is_dir() else [path] for path in paths]
    return [path for paths in found for path in paths if path.exists()]


def main() -> int:
    """Execute the notebooks named; 1 if one of them was not stored."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = [ROOT / "notebooks", ROOT / "book/conventions.ipynb"]
    parser.add_argument("paths", nargs="*", type=Path, default=default)
    os.environ.update(KERNEL)
    if hasattr(os, "sched_setaffinity"):  # Linux: the kernels inherit it
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    bad = 0
    for path in all_notebooks(parser.parse_args().paths):
        try:
            print(f"{path.name}: {execute(path)}", flush=True)
        except NotStored as problem:
            print(problem, file=sys.stderr)
            bad += 1
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
