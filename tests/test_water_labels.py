"""Labels of water clusters: what was ordered is listed, and what is stored comes back."""

from pathlib import Path

import numpy as np
import pytest
from ase.build import molecule

pytest.importorskip("pyscf")
import water
from water_labels import cut

from tutorial_utils.conventions import BOHR
from tutorial_utils.densities.fitting import mean_field


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    with np.load(water.FOLDER / "frames.npz") as stored:
        return stored["positions"]


def test_the_catalogue_holds_what_was_ordered(frames: np.ndarray) -> None:
    clusters = water.catalogue(frames)
    for split, counts in water.COUNTS.items():
        for molecules, count in counts.items():
            assert sum((c.split, c.molecules) == (split, molecules) for c in clusters) == count


def test_a_larger_count_changes_no_cluster(frames: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(water.catalogue(frames))
    more = {split: {n: c + 3 for n, c in counts.items()} for split, counts in water.COUNTS.items()}
    monkeypatch.setattr(water, "COUNTS", more)
    assert before < set(water.catalogue(frames))


def test_labels_are_packed_and_unpacked(tmp_path: Path, frames: np.ndarray) -> None:
    clusters = water.catalogue(frames)[:2]
    raw, folder, again = tmp_path / "raw", tmp_path / "folder", tmp_path / "again"
    for path in (raw, folder, again):
        path.mkdir()
    first = clusters[0]
    found = water.compute(cut(frames[first.frame], first.centre, first.molecules))
    assert found["coefficients"].shape == (1, 105)
    np.savez(raw / f"{water.file_name(first)}.npz", **found)
    water.pack(folder, raw, clusters)
    water.unpack(folder, again)
    assert [path.stem for path in again.iterdir()] == [water.file_name(first)]
    with np.load(again / f"{water.file_name(first)}.npz") as stored:
        assert set(stored) == set(found)
        assert float(stored["energy"]) == float(found["energy"])
        assert stored["coefficients"] == pytest.approx(found["coefficients"], rel=1e-6, abs=1e-7)


def test_a_molecule_is_polarised_as_much_as_in_a_large_basis() -> None:
    bases = {}, {"basis": "aug-cc-pvtz"}
    ours, large = (polarizability(molecule("H2O"), basis) for basis in bases)
    assert ours == pytest.approx(large, rel=0.05)


def polarizability(atoms, basis: dict) -> float:
    """Return the polarizability along y in Å³, by a finite field."""
    dipoles = []
    for strength in (-0.002, 0.002):  # atomic units
        field = mean_field(atoms, **basis)
        core = field.get_hcore() + strength * field.mol.intor("int1e_r")[1]
        field.get_hcore = lambda *_, core=core: core
        field.kernel()
        dipoles.append(field.dip_moment(unit="AU", verbose=0)[1])
    return abs(dipoles[1] - dipoles[0]) / 0.004 * BOHR**3
