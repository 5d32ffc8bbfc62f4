"""How the scripts of this folder write their files: whole or not at all, with the checksum on the card."""

import argparse
import fcntl
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tutorial_utils.datasets import cards

RAW = Path(__file__).parent / "raw"  # what is not finished; git does not see it


def write(path: Path, content: bytes) -> None:
    """Write a file in one go: a temporary file first, so that a stop leaves the old one whole."""
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)


@contextmanager
def claim(path: Path) -> Iterator[bool]:
    """Take the making of a file upon this process: True if it is missing and no other process is making it.

    The claim is a lock that ends with the process, however it ends.
    """
    with open(path.with_suffix(".lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield not path.exists()


def compute_missing(folder: Path, names: Collection[str], compute: Callable[[str], dict]) -> None:
    """Write the record of each name to NAME.json, one after the other; what fails is named and passed over.

    Several processes share the work.
    """
    folder.mkdir(exist_ok=True)
    for name in names:
        path = folder / f"{name}.json"
        with claim(path) as missing:
            if missing:
                try:
                    write(path, json.dumps(compute(name)).encode())
                except (RuntimeError, subprocess.TimeoutExpired) as error:
                    print(f"{name} failed: {error}", flush=True)


def chosen(arguments: list[str], names: Collection[str]) -> Collection[str]:
    """Return the names of a command line, or all of them; unknown names end the script."""
    if unknown := set(arguments) - set(names):
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return arguments or names


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays, compressed."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write(path, buffer.getvalue())


def write_table(path: Path, columns: tuple[str, ...], rows: list[list]) -> None:
    """Write rows as JSON, one line for each column: half the size of a record a row, and easy to compare."""
    lines = [
        f' "{name}": {json.dumps([row[i] for row in rows], ensure_ascii=False)}'
        for i, name in enumerate(columns)
    ]
    write(path, ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def read_table(path: Path, columns: tuple[str, ...]) -> list[list]:
    """Return the rows of a table; none if there is no such file yet."""
    if not path.exists():
        return []
    table = json.loads(path.read_text(encoding="utf-8"))
    return [list(row) for row in zip(*(table[name] for name in columns), strict=True)]


def fill_table(
    output: Path,
    columns: tuple[str, ...],
    points: Sequence[tuple],
    measure: Callable[..., Iterable[Sequence]],
    *,
    raw: Path = RAW,
) -> None:
    """Measure the points that a table lacks; what is done lies in `raw` until all of them are.

    Rows of points that are no longer wanted go; a longer list of points adds rows and measures none again.

    Args:
        output: the table.
        columns: their names; a row begins with its point.
        points: what to measure, what matters most first.
        measure: called with the parts of a point, gives what follows the point in each of its rows.
        raw: folder of unfinished tables.
    """
    raw.mkdir(exist_ok=True)
    partial, size = raw / output.name, len(points[0])
    rows = read_table(partial, columns) or read_table(output, columns)
    done = {tuple(row[:size]) for row in rows}
    for point in points:
        if point not in done:
            start = time.process_time()
            new = [[*point, *rest] for rest in measure(*point)]
            rows += new
            write_table(partial, columns, rows)
            print(*new[-1], f"{time.process_time() - start:.0f} s", flush=True)
    order = {point: place for place, point in enumerate(points)}
    rows = [row for row in rows if tuple(row[:size]) in order]
    write_table(output, columns, sorted(rows, key=lambda row: order[tuple(row[:size])]))
    partial.unlink(missing_ok=True)
    report(output)


def report(path: Path) -> None:
    """Print size and checksum, and put the checksum on the card beside a bundled file."""
    print(f"{path.name}: {path.stat().st_size} bytes, sha256 {cards.seal(path)}")


def command_line(description: str | None, *, raw: Path, output: Path) -> tuple[Path, Path]:
    """Read the command line of a script that resumes: where its results so far and its last file lie."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--raw", type=Path, default=raw, help="file or folder of the results so far")
    parser.add_argument("--output", type=Path, default=output)
    options = parser.parse_args()
    return options.raw, options.output
