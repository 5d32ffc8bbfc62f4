"""Which sections of a notebook stand alone, and which names mean two things: read from the code, not run.

The core of a notebook is what stands under no heading with "Going further", up to the closing sections
(failure gallery, bring your own, …). It has to run alone, and so has the core with any one other section.
"""

import ast
import builtins
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CLOSING = re.compile(r"failure gallery|bring your own|summary|quiz|what's next|references", re.I)


@dataclass
class Names:
    """The names of a cell.

    Attributes:
        bound: name -> what binds it: "import MODULE.NAME" for imports, else "".
        needed: names that it reads before it binds them itself; a function's body counts as read at its end.
    """

    bound: dict[str, str] = field(default_factory=dict)
    needed: set[str] = field(default_factory=set)


class Reader(ast.NodeVisitor):
    """Walks through a cell in the order in which Python does."""

    def __init__(self) -> None:
        self.names = Names()
        self.later: list[set[str]] = []

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            if node.id not in self.names.bound and not hasattr(builtins, node.id):
                self.names.needed.add(node.id)
        elif isinstance(node.ctx, ast.Store):
            self.names.bound.setdefault(node.id, "")

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        module = getattr(node, "module", "") or ""
        for alias in node.names:
            self.names.bound.setdefault(
                (alias.asname or alias.name).split(".")[0], f"import {module}.{alias.name}"
            )

    visit_ImportFrom = visit_Import  # noqa: N815

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        if isinstance(node.target, ast.Name):  # changes what is there, binds nothing new
            node.target.ctx = ast.Load()
        self.visit(node.target)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.names.bound.setdefault(node.name, "")
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        for part in (node.iter, node.target, *node.body, *node.orelse):
            self.visit(part)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for part in (*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(part)
        self.names.bound.setdefault(node.name, "")
        self._body(node.args, node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._body(node.args, [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in node.bases:
            self.visit(part)
        self.names.bound.setdefault(node.name, "")
        self._body(None, node.body)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        inner = Reader()
        for part in node.generators:
            inner.visit(part.iter)
            inner.visit(part.target)
            for test in part.ifs:
                inner.visit(test)
        for value in (getattr(node, "key", None), getattr(node, "value", None), getattr(node, "elt", None)):
            if value is not None:
                inner.visit(value)
        self.names.needed |= {name for name in inner.finished().needed if name not in self.names.bound}

    visit_ListComp = visit_SetComp = _comprehension  # noqa: N815
    visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815

    def _body(self, args: ast.arguments | None, body: list) -> None:
        """Read a function or class: its own names stay inside, the others are needed when it is called."""
        inner = Reader()
        if args:
            everyone = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
            inner.names.bound.update({arg.arg: "" for arg in everyone if arg})
        for part in body:
            inner.visit(part)
        self.later.append(inner.finished().needed)

    def finished(self) -> Names:
        """Return the names, once all of the cell was visited."""
        for needed in self.later:
            self.names.needed |= needed - set(self.names.bound)
        return self.names


def names(source: str) -> Names:
    """Read one cell."""
    reader = Reader()
    reader.visit(ast.parse(re.sub(r"^(\s*)[%!].*", r"\1pass", source, flags=re.M)))
    return reader.finished()


@dataclass(frozen=True)
class Section:
    """The cells of the core ("core"), of a closing section, or of one section headed "Going further"."""

    kind: str
    cells: list[dict]


def sections(content: dict) -> list[Section]:
    """Split a notebook: the core first, then each other section in its order, closing ones as one."""
    found = {"core": Section("core", [])}
    closing, further, inner = False, "", ""
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            for marks, title in re.findall(r"^(##|###) (.*)$", "".join(cell["source"]), re.M):
                beyond = title if "going further" in title.lower() else ""
                if marks == "##":
                    closing, further, inner = bool(CLOSING.search(title)), beyond, ""
                else:
                    inner = beyond
        kind = further or inner or ("closing" if closing else "core")
        found.setdefault(kind, Section(kind, [])).cells.append(cell)
    return list(found.values())


def code(cells: list[dict]) -> Iterator[str]:
    """The source of each code cell."""
    yield from ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def missing_names(content: dict) -> list[str]:
    """Names that a section needs, and that neither it nor the core before it binds."""
    core, *others = sections(content)
    complaints = []
    for section in (core, *others):
        known: set[str] = set()
        for source in [*code(core.cells), *([] if section is core else code(section.cells))]:
            found = names(source)
            if lost := found.needed - known:
                complaints.append(f"{section.kind}: {sorted(lost)} in {source.splitlines()[0]!r}")
            known |= set(found.bound)
    return complaints


def changed_names(content: dict) -> list[str]:
    """Names that one cell needs from another, and several cells bind: one of them cannot be run again."""
    cells = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    read = [names("".join(cell["source"])) for cell in cells]
    binders: dict[str, list[str]] = {}
    for cell, found in zip(cells, read, strict=True):
        if "solution" not in cell["metadata"].get("tags", ()):
            for name, how in found.bound.items():
                binders.setdefault(name, []).append(how)
    needed = set().union(*(found.needed for found in read))
    return sorted(
        name
        for name, how in binders.items()
        if name in needed and ((len(how) > 1 and len({*how}) > 1) or how.count("") > 1)
    )


def load(path: Path) -> dict:
    """Read a notebook's content."""
    return json.loads(path.read_text(encoding="utf-8"))
