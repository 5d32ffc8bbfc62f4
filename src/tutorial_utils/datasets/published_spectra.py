"""Read published phonon spectra: a CSV file whose cells are Python literals, parsed and never run."""

import ast
import csv
import sys
import warnings
from pathlib import Path

import numpy as np
from ase import Atoms

LAST_ROW = 1521  # of the published set
FREQUENCIES = np.arange(0.0, 1001.0, 20.0)  # 1/cm, of the 51 numbers of a spectrum
COLUMNS = ("", "structure", "phfreq", "phdos")


def read_spectra(path: str | Path) -> tuple[list[Atoms], dict[str, np.ndarray]]:
    """Read crystals and their densities of states; rows of a foreign set are refused with a warning.

    The published file holds 83 rows of another set behind its own. Their numbers start again at 0, so a row
    number that was there before is where the foreign ones begin.

    Args:
        path: CSV with the columns of `COLUMNS`: row number, structure as a dictionary (numbers, positions
            and cell in Å, pbc), frequencies (1/cm), density of states at these.

    Returns:
        structures, and ``row`` (rows,) with ``dos`` (rows, 51), each spectrum with the maximum 1; a row
        whose density of states is blank is kept, its ``dos`` is NaN.

    Raises:
        ValueError: for a file that is no such table, or a row that is not as described; the message names
            the row.
    """
    lines = _lines(path)
    own = _own(lines)
    if len(own) < len(lines):
        warnings.warn(
            f"{path}: {len(lines) - len(own)} rows are refused: they do not belong to the published set of "
            f"rows 0 to {LAST_ROW}, their numbers lie beyond it or start again",
            stacklevel=2,
        )
    structures, spectra = [], []
    for row, line in own:
        try:
            structures.append(_structure(line["structure"]))
            spectra.append(_spectrum(line["phfreq"], line["phdos"]))
        except (ValueError, SyntaxError, TypeError, KeyError, AttributeError) as reason:
            raise ValueError(f"path: row {row} of {path} cannot be read: {reason}") from reason
    rows = np.array([row for row, _ in own], dtype=int)
    return structures, {"row": rows, "dos": np.array(spectra)}


def _lines(path: str | Path) -> list[tuple[int, dict[str, str]]]:
    """Return the number and the texts of each row."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:  # with or without a byte-order mark
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise ValueError(f"path: expected the columns {COLUMNS} in {path}, got {reader.fieldnames}")
            lines = [(_row_number(line[""], path), line) for line in reader]
    except (UnicodeDecodeError, csv.Error) as reason:
        raise ValueError(f"path: {path} is no CSV file in UTF-8 ({reason}); save it as UTF-8") from reason
    if not lines:
        raise ValueError(f"path: {path} holds no row below its header")
    return lines


def _own(lines: list[tuple[int, dict[str, str]]]) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of the published set: up to the first number that was there before."""
    own: dict[int, dict[str, str]] = {}
    for row, line in lines:
        if row in own:
            break
        own[row] = line
    return [(row, line) for row, line in own.items() if row <= LAST_ROW]


def _row_number(text: str, path: str | Path) -> int:
    if not text.isdigit():
        raise ValueError(f"path: the first column of {path} should number the rows, got {text!r}")
    return int(text)


def _structure(text: str) -> Atoms:
    """Parse a structure; a dictionary of literals, periodic along all axes."""
    found = ast.literal_eval(text)
    if not all(found["pbc"]):
        raise ValueError(f"the structure is not periodic along all axes: {found['pbc']}")
    positions, cell = np.array(found["positions"], dtype=float), np.array(found["cell"], dtype=float)
    if positions.shape != (len(found["numbers"]), 3) or cell.shape != (3, 3) or not len(positions):
        raise ValueError(
            f"{len(found['numbers'])} atoms, positions {positions.shape} and cell {cell.shape} do not fit"
        )
    if not (np.isfinite(positions).all() and np.isfinite(cell).all()):
        raise ValueError("positions or cell are not finite")
    return Atoms(numbers=found["numbers"], positions=positions, cell=cell, pbc=True)


def _spectrum(frequencies: str, dos: str) -> np.ndarray:
    """Parse a spectrum; NaN where it is blank."""
    if not np.array_equal(ast.literal_eval(frequencies), FREQUENCIES):
        raise ValueError("expected the frequencies 0, 20, … 1000 1/cm")
    if not dos.strip():
        return np.full(len(FREQUENCIES), np.nan)
    values = np.array(ast.literal_eval(dos), dtype=float)
    if values.shape != FREQUENCIES.shape or not np.isfinite(values).all():
        raise ValueError(f"expected {len(FREQUENCIES)} finite numbers as density of states")
    if values.min() < 0 or abs(values.max() - 1) > 1e-6:
        raise ValueError(
            f"a density of states lies between 0 and 1, its maximum; got {values.min()} to {values.max()}"
        )
    return values
