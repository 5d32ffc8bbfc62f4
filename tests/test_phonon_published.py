"""Published spectra: rows as promised, gaps kept, strangers refused with a reason; no real file needed."""

import csv
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tutorial_utils import cli, datasets
from tutorial_utils.datasets import loading, registry
from tutorial_utils.datasets.published_spectra import FREQUENCIES, LAST_ROW, read_spectra

SALT = {
    "numbers": [11, 17],
    "positions": [[0.0, 0.0, 0.0], [2.8, 2.8, 2.8]],
    "cell": [[0.0, 2.8, 2.8], [2.8, 0.0, 2.8], [2.8, 2.8, 0.0]],
    "pbc": [True, True, True],
}
SPECTRUM = np.exp(-(((FREQUENCIES - 200) / 60) ** 2)).tolist()
# As in the published file: behind its last row the numbers start again, and arrays are printed by NumPy.
ARRAYS = (
    "{'numbers': array([5, 7]), 'positions': array([[0.        , 0.        , 0.        ],\n"
    "       [0.9 , 0.9 , 0.9]]), 'cell': array([[ 0. ,  1.8, 1.8],\n       [1.8, 0., 1.8],\n"
    "       [ 1.8,  1.8,  0. ]]), 'pbc': array([ True,  True,  True])}"
)
FOREIGN = [ARRAYS, str(FREQUENCIES.tolist()), f"[{' '.join(f'{x:.8f}' for x in np.linspace(0, 1, 51))}]"]


def line(row: int, *, structure: object = SALT, spectrum: object = SPECTRUM) -> list[str]:
    return [str(row), str(structure), str(FREQUENCIES.tolist()), "" if spectrum is None else str(spectrum)]


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(*lines: list[str], header: tuple[str, ...] = ("", "structure", "phfreq", "phdos")) -> Path:
        path = tmp_path / "copy.csv"
        with open(path, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *lines])
        return path

    return write


@pytest.fixture
def split(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give the card a split whose files lie beside the copy."""
    parts = {}
    for part, rows in {"train": "2\n0\n", "valid": "3\n"}.items():
        (tmp_path / f"{part}.txt").write_text(rows)
        parts[part] = (f"http://localhost:9/{part}.txt", hashlib.sha256(rows.encode()).hexdigest())
    card = replace(datasets.card("phonon_dos_published"), split=parts)
    monkeypatch.setattr(registry, "known", lambda: {card.name: card})


def test_rows_structures_and_split(written, split) -> None:
    path = written(*(line(n, spectrum=None if n == 1 else SPECTRUM) for n in range(4)))
    found = datasets.load("phonon_dos_published", path=path)
    assert [str(atoms.symbols) for atoms in found.structures] == ["NaCl"] * 4
    assert found.structures[0].cell.array == pytest.approx(np.array(SALT["cell"]))
    assert found["split"].tolist() == ["train", "test", "train", "valid"]
    assert found["dos"][2] == pytest.approx(SPECTRUM)
    assert "split" in repr(found)


def test_a_row_without_spectrum_is_kept_and_is_not_a_number(written, split) -> None:
    found = datasets.load("phonon_dos_published", path=written(line(0), line(1, spectrum=None)))
    assert np.isnan(found["dos"][1]).all()
    assert np.isfinite(found["dos"][0]).all()
    assert len(found.structures) == 2


def test_foreign_rows_are_refused_with_a_reason(written) -> None:
    for numbers in ([0, 1], [LAST_ROW + 1, LAST_ROW + 2]):
        path = written(line(0), line(1), line(LAST_ROW), *([str(n), *FOREIGN] for n in numbers))
        with pytest.warns(UserWarning, match=rf"2 rows are refused: .* 0 to {LAST_ROW}, .* start again"):
            structures, arrays = read_spectra(path)
        assert arrays["row"].tolist() == [0, 1, LAST_ROW]
        assert len(structures) == len(arrays["dos"]) == 3


def test_how_a_table_was_saved(written, tmp_path: Path) -> None:
    text = written(line(0)).read_text(encoding="utf-8")
    marked, wide, empty = (tmp_path / name for name in ("marked.txt", "wide.csv", "empty.csv"))
    marked.write_text(text, encoding="utf-8-sig")
    assert len(read_spectra(marked)[0]) == 1
    wide.write_text(text, encoding="utf-16")
    with pytest.raises(ValueError, match="save it as UTF-8"):
        read_spectra(wide)
    empty.write_text(text.splitlines()[0] + "\n")
    with pytest.raises(ValueError, match="no row"):
        read_spectra(empty)


def test_nothing_to_compare_with_is_an_error(written, split, capsys) -> None:
    assert cli.main(["phonons", "evaluate", str(written(line(0), line(2)))]) == 1
    assert "{'train': 2, 'valid': 0, 'test': 0}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (line(7, spectrum="__import__('os').getcwd()"), "row 7 .*malformed node"),
        (line(7, structure={**SALT, "pbc": [True, True, False]}), "row 7 .*not periodic"),
        (line(7, structure={**SALT, "numbers": [11]}), "row 7 .*1 atoms"),
        (line(7, structure={**SALT, "cell": [[1e999] * 3] * 3}), "row 7"),
        (line(7, structure={"numbers": [1]}), "row 7 .*pbc"),
        (line(7, spectrum=SPECTRUM[:50]), "51 finite numbers"),
        (line(7, spectrum=[2 * x for x in SPECTRUM]), "between 0 and 1"),
        (line(7, spectrum=[-x for x in SPECTRUM]), "between 0 and 1"),
        (["7", str(SALT), str([0.0, 20.0]), str(SPECTRUM)], "frequencies"),
        (["x", str(SALT), str(FREQUENCIES.tolist()), ""], "number the rows, got 'x'"),
        (["7", "{'numbers': [", "[]", ""], "row 7"),
    ],
)
def test_a_row_that_is_not_as_promised_is_named(written, bad: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_spectra(written(line(0), bad))


def test_another_table_is_refused(written) -> None:
    with pytest.raises(ValueError, match="expected the columns"):
        read_spectra(written(line(0), header=("", "structure", "frequency", "dos")))


def test_a_damaged_file_of_the_split_is_refused(written, split, tmp_path: Path) -> None:
    (tmp_path / "valid.txt").write_text("2\n")
    with pytest.raises(datasets.DatasetError, match=r"valid\.txt is not the file of the card"):
        datasets.load("phonon_dos_published", path=written(line(0)))


def test_a_missing_file_of_the_split_is_fetched(written, split, tmp_path: Path, monkeypatch) -> None:
    path = written(line(0), line(3))
    content = (tmp_path / "valid.txt").read_bytes()
    (tmp_path / "valid.txt").unlink()
    asked = []

    def fetch(wanted: datasets.Card, folder: Path, *, offline: str) -> Path:
        asked.append(wanted.url)
        assert offline == f"lay it beside {path}, as valid.txt"
        elsewhere = tmp_path / "elsewhere.txt"
        elsewhere.write_bytes(content)
        return elsewhere

    monkeypatch.setattr(loading, "fetch", fetch)
    assert datasets.load("phonon_dos_published", path=path)["split"].tolist() == ["train", "valid"]
    assert asked == ["http://localhost:9/valid.txt"]


def test_other_published_files_still_need_their_checksum(tmp_path: Path) -> None:
    (tmp_path / "sitraj.xyz").write_text("1\n\nSi 0 0 0\n")
    with pytest.raises(datasets.DatasetError, match="not the file of the card"):
        datasets.load("silicon_md_published", path=tmp_path / "sitraj.xyz")
