"""Run notebooks to the end wherever this is, and say what each took; nothing is stored in them.

    python tools/execute.py --report report.json notebooks/01_symmetry.ipynb

What a cell asserts counts, what it prints is not compared; but where a cell has output in the notebook it
must have some here. Needs nbclient and psutil, which come with JupyterLab.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from notebooks import all_notebooks, run


def errors(notebook: NotebookNode) -> list[str]:
    """Return what cells raised that are not meant to raise."""
    return [
        "\n".join(output.traceback)
        for cell in notebook.cells
        if cell.cell_type == "code" and "raises-exception" not in cell.metadata.get("tags", [])
        for output in cell.outputs
        if output.output_type == "error"
    ]


def shows(cell: NotebookNode) -> set[str]:
    """Return the kinds of output that a cell has: words, figures."""
    outputs = [output for output in cell.get("outputs", []) if output.get("name") != "stderr"]
    figures = {"figure" for output in outputs if output.output_type in ("display_data", "execute_result")}
    return figures | {"words" for output in outputs if output.output_type == "stream"}


def silent(stored: NotebookNode, fresh: NotebookNode) -> list[str]:
    """Return the cells that showed something when they were stored, and show less here."""
    pairs = zip(stored.cells, fresh.cells, strict=True)
    return [before.source for before, after in pairs if not shows(before) <= shows(after)]


def execute(path: Path) -> dict[str, object]:
    """Run one notebook; returns what it took, and its problem or None."""
    stored = nbformat.read(path, as_version=4)
    fresh = nbformat.read(path, as_version=4)
    try:
        took = asdict(run(fresh, path.parent))
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return {"notebook": path.stem, "problem": "\n".join(errors(fresh)) or str(error)}
    problems = errors(fresh) + [f"shows nothing any more:\n{source}" for source in silent(stored, fresh)]
    return {"notebook": path.stem, **took, "problem": "\n".join(problems) or None}


def main() -> int:
    """Run the notebooks named; 1 if one of them has a problem."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--report", type=Path, required=True, help="JSON file to write")
    chosen = parser.parse_args()
    results = []
    for path in all_notebooks(chosen.paths):
        results.append(execute(path))
        print(json.dumps(results[-1]), flush=True)
        chosen.report.write_text(json.dumps(results, indent=1))
    return any(result["problem"] for result in results)


if __name__ == "__main__":
    sys.exit(main())
