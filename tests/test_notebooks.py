"""Every notebook keeps the rules of notebook_rules.py, and the rules find the faults planted here."""

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from notebook_rules import CELLS, EXERCISES, FIGURES, OUTPUT_BYTES, RULES, SECONDS, Page, read

ROOT = Path(__file__).parents[1]
SESSIONS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
def test_notebook(path):
    page = read(path)
    broken = {rule.__name__: list(rule(page)) for rule in RULES}
    assert {rule: lines for rule, lines in broken.items() if lines} == {}


def test_there_is_a_notebook():
    assert SESSIONS
    assert all(re.fullmatch(r"\d\d_[a-z0-9_]+", path.stem) for path in SESSIONS)


def test_each_session_has_its_exercises_module():
    for path in SESSIONS:
        assert importlib.util.find_spec(f"tutorial_utils.exercises.session_{path.stem[:2]}")


# ---- the rules themselves: a small notebook that every rule accepts, and faults planted in it


def markdown(text: str) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def code(text: str, printed: str = "", tags: tuple[str, ...] = (), **metadata) -> dict:
    outputs = [{"output_type": "stream", "name": "stdout", "text": printed}] if printed else []
    metadata = {"tags": list(tags), **metadata} if tags else metadata
    return {"cell_type": "code", "metadata": metadata, "source": text, "outputs": outputs}


HIDDEN = {"source_hidden": True, "outputs_hidden": True}
SOLUTION = {"tags": ("solution", "hide-cell"), "jupyter": HIDDEN, "cellView": "form"}
PARTS = ("Failure gallery", "Summary", "Quiz", "Going further", "References")


def exercise(number: int) -> list[dict]:
    return [
        markdown(f"### Exercise 1.{number}\n<details>a hint</details>"),
        code(f'answer = ...\ncheck("1.{number}", answer)', "not attempted yet"),
        code(f'answer = 1\ncheck("1.{number}", answer)', "passed", **SOLUTION),
    ]


def good() -> dict:
    """A notebook without a fault."""
    box = "<!-- measured -->runs in 74 s on 2 CPUs, 1.1 GB<!-- /measured -->"
    links = " ".join(f"https://doi.org/10.1000/{n}" for n in range(3))
    cells = [
        markdown(f"# See it\n\n{box} <!-- badges --><!-- /badges -->"),
        code("course = setup()", tags=("setup",)),
        code("import numpy"),
    ]
    cells += [
        markdown("**Predict, then run.** " + "word " * 1600),
        markdown("> **Pitfall.** Bring your own data"),
    ]
    cells += [markdown(f"## {part}\n{links}") for part in PARTS]
    cells += [code(f'viz.show(figure, alt=f"it falls to {n} percent")', "a figure") for n in range(FIGURES)]
    cells += [cell for number in range(1, EXERCISES + 1) for cell in exercise(number)]
    cells += [code("print(1)", "1") for _ in range(CELLS[0] - len(cells))]
    measured = {"seconds": 74, "memory_gb": 1.1, "cores": 2}
    count = 0
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
        if cell["cell_type"] == "code":
            count += 1
            cell["execution_count"] = count
    return {
        "cells": cells,
        "metadata": {"course": {"measured": measured}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def complaints(content: dict) -> dict[str, list[str]]:
    page = Page("01_try", content, len(json.dumps(content)))
    found = {rule.__name__: list(rule(page)) for rule in RULES}
    return {name: lines for name, lines in found.items() if lines}


def test_no_rule_complains_without_a_fault():
    assert complaints(good()) == {}


def add(cell: dict) -> Callable[[dict], None]:
    def plant(content: dict) -> None:
        count = sum(other["cell_type"] == "code" for other in content["cells"]) + 1
        extra = {"execution_count": count} if cell["cell_type"] == "code" else {}
        content["cells"].append({**cell, "id": "planted", **extra})

    return plant


def change(number: int, **values) -> Callable[[dict], None]:
    return lambda content: content["cells"][number].update(values)


def swap(old: str, new: str = "") -> Callable[[dict], None]:
    def plant(content: dict) -> None:
        for cell in content["cells"]:
            cell["source"] = cell["source"].replace(old, new)

    return plant


def exchange(one: str, other: str) -> Callable[[dict], None]:
    def plant(content: dict) -> None:
        for old, new in ((one, "\0"), (other, one), ("\0", other)):
            swap(old, new)(content)

    return plant


STDERR = {"output_type": "stream", "name": "stderr", "text": "a"}
HEAVY = {"output_type": "display_data", "data": {"text/html": "a" * OUTPUT_BYTES}, "metadata": {}}
FAULTS = {
    "lengths": [
        lambda content: content["cells"].pop(),
        swap("word "),
        add(code("\n".join("a = 1" for _ in range(31)))),
        add(code(f"a = {'1' * 77}")),
    ],
    "weights": [add({**code("a"), "outputs": [HEAVY]})],
    "measured": [
        lambda content: content["metadata"].clear(),
        lambda content: content["metadata"]["course"]["measured"].update(seconds=SECONDS + 1),
        swap("1.1 GB"),
    ],
    "executed": [
        change(-1, execution_count=None),
        change(-1, outputs=[]),
        change(-1, metadata={"tags": ["raises-exception"]}),
    ],
    "clean": [
        add({**code("a"), "outputs": [STDERR]}),
        add(code("a", "UserWarning: old")),
        add(code("a", "50%\r100%")),
        add(code('open("/home/me/data")')),
    ],
    "compared": [
        add(code("a", tags=("nbval-skip",))),
        add(code("# NBVAL_IGNORE_OUTPUT\na")),
        add(code("print(error)", "1", tags=("nbval-ignore-output",))),
        add(code('show(f, alt=f"it falls to {n}"); print(error)', "1", tags=("nbval-ignore-output",))),
    ],
    "exercises": [
        add(code('answer = ...\ncheck("1.9", answer)', "not attempted yet")),
        add(code('answer = ...\ncheck("2.1", answer)', "not attempted yet")),
        swap("check"),
    ],
    "numbered": [
        exchange("Exercise 1.2", "Exercise 1.3"),
        exchange('check("1.2"', 'check("1.3"'),
        exchange('answer = 1\ncheck("1.2"', 'answer = 1\ncheck("1.3"'),
        swap("Exercise 1.4"),
    ],
    "stubs": [add(code('answer = 1\ncheck("1.1", answer)', "passed")), swap("<details>")],
    "solutions": [
        add(code('answer = 1\ncheck("1.1", answer)', "passed", tags=("solution",))),
        add(code("answer = 1", **SOLUTION)),
        add(code('answer = ...\ncheck("1.1", answer)', "not attempted yet", **SOLUTION)),
    ],
    "figures": [swap("viz.show", "len"), add(code('show(f, alt="a plot")', "x")), add(code("show(f)", "x"))],
    "order": [
        *map(swap, ("# See it", "<!-- badges -->", "Failure", "Quiz", "Bring your own", "**Predict", "> **")),
        change(1, metadata={}),
    ],
    "portable": [
        add(markdown("See {doc}`setup`")),
        add(markdown("```{note}\nx\n```")),
        add(markdown("![](https://example.org/a.png)")),
        swap("https://doi.org/"),
    ],
    "stable": [
        change(-1, id="cell-0"),
        change(-1, metadata={"execution": {"iopub.execute_input": "2026"}}),
        lambda content: content["metadata"].update(widgets={}),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "number"), [(rule, number) for rule, plants in FAULTS.items() for number in range(len(plants))]
)
def test_a_planted_fault_is_found(rule, number):
    content = good()
    FAULTS[rule][number](content)
    assert rule in complaints(content)


def test_every_rule_has_a_planted_fault():
    assert set(FAULTS) == {rule.__name__ for rule in RULES}
