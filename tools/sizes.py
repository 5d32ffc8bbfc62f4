"""Name what is longer than a reader likes: functions of over 30 lines, files of over 400; an aim, not a rule.

Run it by ``python tools/sizes.py``.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "tools", "reference_data", "benchmarks", "tests")
FUNCTION_LINES, FILE_LINES = 30, 400


def long_ones(text: str, name: str) -> Iterator[str]:
    """Say which functions of a file are long (without their docstrings), and whether the file is."""
    if (lines := len(text.splitlines())) > FILE_LINES:
        yield f"{name}: {lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) and node.body[1:] else node.body
            lines = (node.end_lineno or 0) - body[0].lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{name}::{node.name}: {lines} lines"


def main() -> None:
    paths = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    for path in paths:
        for line in long_ones(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()):
            print(f"longer than a reader likes: {line}")


if __name__ == "__main__":
    main()
