"""The core of a notebook runs alone, the core and any one further section too, and no name means two things.

Names are checked by reading the code. A quick one is run for real, in a fresh kernel: it shows that reading
is enough.
"""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from notebook_sections import changed_names, load, missing_names, names, sections

ROOT = Path(__file__).parents[1]
NOTEBOOKS = [*sorted((ROOT / "notebooks").glob("*.ipynb")), ROOT / "book/conventions.ipynb"]
RUN, ONE_MORE = "notebooks/02_group_theory", "11 · "  # a notebook, and a further section of it


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_core_and_any_one_further_section_have_all_names_they_need(path):
    content = load(path)
    assert missing_names(content) == []
    assert changed_names(content) == []


def test_the_core_runs_alone_and_then_one_further_section(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    path = ROOT / f"{RUN}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    core, *others = sections(load(path))
    (further,) = (section for section in others if section.kind.startswith(ONE_MORE))
    kept = {cell["id"] for cell in (*core.cells, *further.cells)}
    assert len(core.cells) > 20 and len(further.cells) > 1
    notebook.cells = [cell for cell in notebook.cells if cell.id in kept]
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()


@pytest.mark.parametrize(
    ("source", "needed", "bound"),
    [
        ("a = b + 1", {"b"}, {"a"}),
        ("a = 1\nb = a", set(), {"a", "b"}),
        ("a += 1", {"a"}, set()),
        ("def f(x):\n    return x + y\ny = 1", set(), {"f", "y"}),
        ("def f(x):\n    z = x\n    return z + y", {"y"}, {"f"}),
        ("print(sum(i * k for i in items))", {"k", "items"}, set()),
        ("for i, v in pairs:\n    total = i + v", {"pairs"}, {"i", "v", "total"}),
        ("from a import b as c\nc.d(e)", {"e"}, {"c"}),
        ("f = lambda x, s=2: x * s * t", {"t"}, {"f"}),
        ("try:\n    a = 1\nexcept ValueError as error:\n    print(error)", set(), {"a", "error"}),
        ("class A(B):\n    k = 2\n    def m(self):\n        return self.k + q", {"B", "q"}, {"A"}),
        ("%matplotlib inline\na = 1", set(), {"a"}),
    ],
)
def test_reading_finds_what_a_cell_needs_and_binds(source, needed, bound):
    found = names(source)
    assert found.needed == needed and set(found.bound) == bound


def page(*cells: tuple[str, str]) -> dict:
    return {"cells": [{"cell_type": kind, "source": text, "metadata": {}} for kind, text in cells]}


CORE = [("markdown", "## 1 · Begin"), ("code", "import numpy as np\nx = 1"), ("code", "y = x")]
FURTHER = [("markdown", "## 2 · Going further: more"), ("code", "z = x")]


def test_what_planted_faults_are_called():
    sound = [*CORE, *FURTHER, ("markdown", "## Going further: last"), ("code", "import numpy as np\nw = y")]
    assert missing_names(page(*sound)) == [] == changed_names(page(*sound))
    assert [section.kind for section in sections(page(*sound, ("markdown", "## Summary")))] == [
        "core", "2 · Going further: more", "Going further: last", "closing",
    ]  # fmt: skip
    # a further section that needs another one, a core that needs a further section, a subsection of the core
    assert "['z']" in missing_names(page(*sound, ("code", "print(z)")))[0]
    assert "core: ['z']" in missing_names(page(*sound, ("markdown", "## 3 · On"), ("code", "print(z)")))[0]
    inside = page(
        *CORE, ("markdown", "### Going further: inside"), ("code", "u = 1"), ("markdown", "## 2 · On")
    )
    assert [len(section.cells) for section in sections(inside)] == [4, 2]
    # a name that another cell needs is bound again
    assert changed_names(page(*sound, ("code", "x = 2"))) == ["x"]
    assert changed_names(page(*sound, ("code", "from scipy import x"))) == ["x"]
    assert changed_names(page(*CORE, ("code", "t = 1\nprint(t)"), ("code", "t = 2\nprint(t)"))) == []
