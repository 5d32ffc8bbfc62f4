"""`make notebooks`: what it stores, and that a run that fails leaves everything as it was."""

import json

import nbformat
import pytest

import notebooks


def write(path, *cells):
    """Write a notebook as an older editor would: without ids, with the traces of its last run."""
    content = [
        {"cell_type": "markdown", "metadata": {}, "source": "# A\n<!-- measured --><!-- /measured -->"}
    ]
    for source in cells:
        metadata = {"execution": {"iopub.execute_input": "2026-11-20T10:00:00Z"}}
        cell = {
            "cell_type": "code",
            "metadata": metadata,
            "source": source,
            "outputs": [],
            "execution_count": 7,
        }
        content.append(cell)
    text = {
        "cells": content,
        "metadata": {"language_info": {"version": "3.9"}},
        "nbformat": 4,
        "nbformat_minor": 4,
    }
    path.write_text(json.dumps(text), encoding="utf-8")
    return path


def test_a_run_is_stored_with_what_it_took(tmp_path):
    # written to, or the system would not give the memory yet; and held until it was looked at
    hold = "import time\nnumbers = b'1' * 300_000_000\ntime.sleep(1)"
    path = write(tmp_path / "a.ipynb", hold, "print(len(numbers))")
    measured = notebooks.execute(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    stored = content["metadata"]["course"]["measured"]
    assert set(stored) == {"seconds", "memory_gb", "cores", "python", "torch"}
    assert 0.3 < stored["memory_gb"] < 1  # what the cell takes, and the kernel itself
    box, _, printing = content["cells"]
    assert f"<!-- measured -->{measured}<!-- /measured -->" in "".join(box["source"])
    assert printing["outputs"] == [{"name": "stdout", "output_type": "stream", "text": ["300000000\n"]}]
    assert printing["execution_count"] == 2
    assert printing["metadata"] == {}
    assert list(tmp_path.iterdir()) == [path]


def test_a_second_run_changes_nothing_but_the_measurement(tmp_path):
    path = write(tmp_path / "a.ipynb", "print(1)")
    notebooks.execute(path)
    first = json.loads(path.read_text(encoding="utf-8"))
    notebooks.execute(path)
    second = json.loads(path.read_text(encoding="utf-8"))
    for content in (first, second):
        content["metadata"].pop("course")
        content["cells"][0].pop("source")
    assert first == second
    assert len({cell["id"] for cell in first["cells"]}) == 2


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("1 / 0", "cell 2 failed:\n1 / 0"),
        ("import warnings; warnings.warn('old')", "cell 2 wrote to stderr"),
        ("import os; os._exit(1)", "died"),
    ],
)
def test_a_run_that_fails_leaves_everything_as_it_was(tmp_path, monkeypatch, cell, why):
    expected = tmp_path / "expected.json"
    expected.write_text("{}")
    monkeypatch.setattr(notebooks, "EXPECTED", expected)
    path = write(tmp_path / "a.ipynb", f"open({str(expected)!r}, 'w').write('changed')", cell)
    before = path.read_bytes()
    with pytest.raises(notebooks.NotStored, match="not stored") as reason:
        notebooks.execute(path)
    assert why in str(reason.value)
    assert path.read_bytes() == before
    assert expected.read_text() == "{}"
    assert set(tmp_path.iterdir()) == {path, expected}


def test_folders_stand_for_their_notebooks(tmp_path):
    path = write(tmp_path / "a.ipynb")
    assert notebooks.all_notebooks([tmp_path, tmp_path / "missing.ipynb"]) == [path]


def test_solutions_fold_with_their_outputs_and_figures_fold_their_code():
    page = nbformat.v4.new_notebook()
    for tag in ("solution", "hide-input", "setup", "other"):
        page.cells.append(nbformat.v4.new_code_cell("1", metadata={"tags": [tag]}))
    notebooks.fold(page)
    nbformat.validate(page)
    solution, figure, setup, other = (cell.metadata for cell in page.cells)
    assert solution["jupyter"] == {"source_hidden": True, "outputs_hidden": True}
    assert solution["collapsed"] is True
    assert figure["jupyter"] == setup["jupyter"] == {"source_hidden": True}
    assert [cell.get("cellView") for cell in (solution, figure, setup, other)] == ["form"] * 3 + [None]
    assert "collapsed" not in figure
    assert list(other) == ["tags"]
