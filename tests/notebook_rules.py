"""The countable part of what a notebook of the course has to be; CONTRIBUTING.md says it in words.

Each rule takes a notebook and yields complaints; test_notebooks.py applies them.
"""

import ast
import itertools
import json
import re
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat

CELLS, WORDS = (40, 140), (1500, 6000)
MEDIAN_LINES, LONGEST_LINES, IMPORT_LINES = 10, 30, 10
CHARACTERS = 80  # a longer line of code would scroll in the book
OUTPUT_BYTES, FILE_BYTES = 500_000, 3_000_000
SECONDS, MEMORY_GB = 300, 2  # 180 s on a machine with nothing else to do
EXERCISES, FIGURES, ALT_LETTERS, REFERENCES = 4, 5, 20, 3


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook, with what the rules ask of it."""

    kind: str
    text: str
    tags: frozenset[str]
    metadata: dict
    outputs: tuple[dict, ...]
    count: int | None

    @property
    def lines(self) -> int:
        """Lines of code: no blank lines, comments or magics."""
        stripped = [line.strip() for line in self.text.splitlines()]
        return sum(bool(line) and line[0] not in "#%!" for line in stripped)

    @property
    def calls(self) -> list[tuple[str, ast.Call]]:
        """(dotted name, node) of each call; magics are left out, whole blocks of them too."""
        code = re.sub(r"^(\s*)[%!].*", r"\1pass", self.text, flags=re.M)
        return [(ast.unparse(n.func), n) for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Call)]

    @property
    def shown(self) -> str:
        """The text that the stored outputs show."""
        parts = []
        for output in self.outputs:
            data = output.get("data", {})
            parts += ["".join(output.get("text", ""))]
            parts += [
                "".join(data[mime]) for mime in ("text/plain", "text/html", "text/markdown") if mime in data
            ]
        return "\n".join(parts)

    def named(self, *names: str) -> list[ast.Call]:
        """Calls of functions with these names, by whatever module they are reached."""
        return [node for name, node in self.calls if name.split(".")[-1] in names]

    def exercises(self) -> list[str]:
        """The exercises that this cell checks."""
        return [str(ast.literal_eval(node.args[0])) for node in self.named("check") if node.args]


@dataclass(frozen=True)
class Page:
    """A notebook as the rules see it."""

    name: str
    content: dict
    size: int

    @cached_property
    def cells(self) -> list[Cell]:
        """All cells."""
        return [
            Cell(
                kind=raw["cell_type"],
                text="".join(raw["source"]),
                tags=frozenset(raw["metadata"].get("tags", ())),
                metadata=raw["metadata"],
                outputs=tuple(raw.get("outputs", ())),
                count=raw.get("execution_count"),
            )
            for raw in self.content["cells"]
        ]

    @property
    def code(self) -> list[Cell]:
        """The code cells."""
        return [cell for cell in self.cells if cell.kind == "code"]

    @cached_property
    def exercises(self) -> tuple[list[Cell], list[Cell]]:
        """The cells where answers go, and those that solve the exercises."""
        solutions = [cell for cell in self.code if "solution" in cell.tags]
        return [cell for cell in self.code if cell.exercises() and cell not in solutions], solutions

    @property
    def prose(self) -> str:
        """The text of all markdown cells."""
        return "\n\n".join(cell.text for cell in self.cells if cell.kind == "markdown")

    @property
    def headings(self) -> list[str]:
        """The headings, in lower case."""
        return [line.lstrip("# ").lower() for line in self.prose.splitlines() if re.match("#+ ", line)]


def read(path: Path) -> Page:
    """Read a notebook from its file."""
    return Page(path.stem, json.loads(path.read_text(encoding="utf-8")), path.stat().st_size)


Rule = Callable[[Page], Iterator[str]]


def lengths(page: Page) -> Iterator[str]:
    """Cells, words, lines."""
    if not CELLS[0] <= len(page.cells) <= CELLS[1]:
        yield f"{len(page.cells)} cells, wanted {CELLS}"
    plain = re.sub(r"\$\$.*?\$\$|\$[^$]+\$|`[^`]*`|<[^>]*>|https?:\S+", " ", page.prose, flags=re.S)
    words = len(re.findall(r"[^\W\d_]{2,}", plain))
    if not WORDS[0] <= words <= WORDS[1]:
        yield f"{words} words, wanted {WORDS}"
    lines = [cell.lines for cell in page.code]
    if statistics.median(lines) > MEDIAN_LINES:
        yield f"half of the code cells have more than {MEDIAN_LINES} lines"
    if max(lines) > LONGEST_LINES:
        yield f"a code cell has {max(lines)} lines, {LONGEST_LINES} at most"
    for line in itertools.chain.from_iterable(cell.text.splitlines() for cell in page.code):
        if len(line) > CHARACTERS:
            yield f"a line of code has {len(line)} characters, {CHARACTERS} at most: {line[:40]!r}…"


def weights(page: Page) -> Iterator[str]:
    """What a phone has to load."""
    if page.size > FILE_BYTES:
        yield f"the file has {page.size} bytes"
    for number, cell in enumerate(page.code):
        for output in cell.outputs:
            if len(json.dumps(output)) > OUTPUT_BYTES:
                yield f"code cell {number} stores an output of {len(json.dumps(output))} bytes"


def measured(page: Page) -> Iterator[str]:
    """Time and memory, from `make notebooks`, in the metadata and in the box at the top."""
    found = page.content["metadata"].get("course", {}).get("measured")
    if found is None:
        yield "it was never measured: make notebooks"
        return
    if found["seconds"] > SECONDS or found["memory_gb"] > MEMORY_GB:
        yield f"over {SECONDS} s or {MEMORY_GB} GB: {found}"
    line = f"runs in {found['seconds']} s on {found['cores']} CPUs, {found['memory_gb']:.1f} GB"
    if f"<!-- measured -->{line}<!-- /measured -->" not in "".join(cell.text for cell in page.cells[:3]):
        yield "the box at the top does not say what was measured"


def executed(page: Page) -> Iterator[str]:
    """Run from top to bottom, and stored with what it printed."""
    if [cell.count for cell in page.code] != list(range(1, len(page.code) + 1)):
        yield "not executed from top to bottom in one go"
    for cell in page.code:
        if not cell.outputs and cell.named("print", "show", "check", "expect"):
            yield f"a cell has lost its output: {cell.text[:60]!r}"
        errors = [output for output in cell.outputs if output["output_type"] == "error"]
        if bool(errors) != ("raises-exception" in cell.tags):
            yield f"an error that is not announced by its tag, or announced and missing: {cell.text[:60]!r}"


def clean(page: Page) -> Iterator[str]:
    """No warnings, no remains of progress bars, no path of the machine it was made on."""
    path = re.compile(r"(?<![\w./:-])/(?:root|home|tmp|work|usr|opt|var|content|mnt|Users)/\w")
    for cell in page.code:
        if any(output.get("name") == "stderr" for output in cell.outputs):
            yield f"stderr is stored: {cell.text[:60]!r}"
        if re.search(r"Warning:|Traceback \(|\r|it/s[,\]]|\x1b\[", cell.shown):
            yield f"a warning, a traceback or a progress bar is stored: {cell.text[:60]!r}"
        if path.search(cell.text) or path.search(cell.shown):
            yield f"a local path: {cell.text[:60]!r}"
    if path.search(page.prose):
        yield "a local path in the prose"


def compared(page: Page) -> Iterator[str]:
    """nbval compares every result: no cell is skipped, and what it ignores only draws."""
    for cell in page.code:
        if "nbval-skip" in cell.tags or "NBVAL_" in cell.text:
            yield f"skipped, or marked in the code: {cell.text[:60]!r}"
        if "nbval-ignore-output" in cell.tags:
            draws = cell.named("show", "display_quiz")
            if not draws or cell.named("print", "expect", "check"):
                yield f"ignored by nbval, but not a pure figure or quiz: {cell.text[:60]!r}"


def folded(cell: Cell) -> bool:
    """Whether a solution and what it shows start closed in the book, in JupyterLab and in Colab."""
    in_lab = cell.metadata.get("jupyter", {}) == {"source_hidden": True, "outputs_hidden": True}
    return "hide-cell" in cell.tags and in_lab and cell.metadata.get("cellView") == "form"


def exercises(page: Page) -> Iterator[str]:
    """Each exercise has a stub, and a solution; they are called after the session."""
    stubs, solutions = page.exercises
    asked = set().union(*(cell.exercises() for cell in stubs))
    solved = set().union(*(cell.exercises() for cell in solutions))
    if len(asked) < EXERCISES:
        yield f"{len(asked)} exercises, wanted {EXERCISES}"
    if asked != solved:
        yield f"only asked or only solved: {sorted(asked ^ solved)}"
    session = str(int(page.name[:2]))
    if any(not re.fullmatch(rf"{session}\.\d+", name) for name in asked):
        yield f"exercises of session {session} are called {session}.1, {session}.2, …"


def numbered(page: Page) -> Iterator[str]:
    """The numbers of exercises count up through the page: in headings, where answers go, in solutions."""
    headings = re.findall(r"^(?:#+ |\*\*)Exercise (\d+\.\d+)\b", page.prose, re.M)
    wanted = [f"{int(page.name[:2])}.{number}" for number in range(1, len(headings) + 1)]
    stubs, solutions = (
        list(dict.fromkeys(name for cell in cells for name in cell.exercises())) for cells in page.exercises
    )
    for where, names in {"headings": headings, "stubs": stubs, "solutions": solutions}.items():
        if names != wanted:
            yield f"the exercises of the {where} are {', '.join(names)}, wanted {', '.join(wanted)}"


def stubs(page: Page) -> Iterator[str]:
    """A stub says that it is one, and has a hint beside it."""
    for number, cell in enumerate(page.cells):
        if cell not in page.exercises[0]:
            continue
        if "not attempted yet" not in cell.shown.lower():
            yield f"an untouched stub has to read 'not attempted yet': {cell.text[:60]!r}"
        near = page.cells[max(number - 3, 0) : number + 3]
        if not any("<details" in other.text for other in near if other.kind == "markdown"):
            yield f"no hint in <details> beside the stub: {cell.text[:60]!r}"


def solutions(page: Page) -> Iterator[str]:
    """A solution starts folded, and checks itself."""
    for cell in page.exercises[1]:
        if not folded(cell):
            yield f"a solution is not folded everywhere: {cell.text[:60]!r}"
        if not cell.exercises() or not cell.shown.strip() or "not attempted yet" in cell.shown.lower():
            yield f"a solution without its own verdict: {cell.text[:60]!r}"


def figures(page: Page) -> Iterator[str]:
    """Enough of them, each with a text for those who cannot see it, and no number written by hand."""
    shown = [node for cell in page.code for node in cell.named("show")]
    if len(shown) < FIGURES:
        yield f"{len(shown)} figures, wanted {FIGURES}"
    for node in shown:
        alt = next((word.value for word in node.keywords if word.arg == "alt"), None)
        if alt is None or (isinstance(alt, ast.Constant) and len(str(alt.value)) < ALT_LETTERS):
            yield f"a figure without a telling alt text: {ast.unparse(node)[:60]!r}"


def order(page: Page) -> Iterator[str]:
    """The parts that every lesson has."""
    if not page.cells[0].text.startswith("# "):
        yield "the first cell begins with the title"
    if "<!-- badges -->" not in page.cells[0].text:
        yield "the first cell has no place for badges: <!-- badges --><!-- /badges -->"
    setup = [cell for cell in page.code if "setup" in cell.tags]
    if setup != page.code[:1]:
        yield "the first code cell is the set-up, tagged so"
    if any("import " in cell.text and cell.lines > IMPORT_LINES for cell in page.code[1:2]):
        yield f"the import cell has more than {IMPORT_LINES} lines"
    for word in ("failure", "summary", "quiz", "references", "going further"):
        if not any(word in heading for heading in page.headings):
            yield f"no heading with the word {word!r}"
    if "bring your own" not in page.prose.lower():
        yield "no recipe 'bring your own …'"
    if "**predict" not in page.prose.lower():
        yield "nothing to predict before running"
    if "> **pitfall" not in page.prose.lower():
        yield "no pitfall"


def portable(page: Page) -> Iterator[str]:
    """Reads the same in Colab, in JupyterLab and in the book; sources are linked."""
    if re.search(r"^\s*(:{3,}|`{3,}) ?\{|\{[a-z:-]+\}`", page.prose, re.M):
        yield "MyST, which Colab shows as raw text"
    if re.search(r"!\[[^\]]*\]\(http|<img|<script|<iframe", page.prose):
        yield "something that the page would fetch from outside"
    links = set(re.findall(r"(?:doi\.org|arxiv\.org/abs)/[^\s)>]+", page.prose))
    if len(links) < REFERENCES:
        yield f"{len(links)} references by DOI or arXiv link, wanted {REFERENCES}"


def stable(page: Page) -> Iterator[str]:
    """A valid file whose cells keep their names, with nothing in it that changes from run to run."""
    names = [raw.get("id") for raw in page.content["cells"]]
    if None in names or len(set(names)) < len(names):
        yield "cells without an id of their own"
    else:
        nbformat.validate(page.content)
    volatile = {"execution", "ExecuteTime"} & {key for cell in page.cells for key in cell.metadata}
    if volatile or "widgets" in page.content["metadata"]:
        yield f"metadata that changes from run to run: {volatile or 'widgets'}"


RULES: tuple[Rule, ...] = (
    lengths, weights, measured, executed, clean, compared,
    exercises, numbered, stubs, solutions, figures, order, portable, stable,
)  # fmt: skip
