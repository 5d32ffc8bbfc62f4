"""Virtual crystals: right at both ends, wrong in between by what the exact moment says."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from tutorial_utils import datasets, phonons
from tutorial_utils.phonons import alloys


def emt(atoms: Atoms) -> np.ndarray:
    atoms = atoms.copy()
    atoms.calc = EMT()
    return atoms.get_forces()


@pytest.fixture(scope="module")
def metals() -> dict[str, phonons.ForceConstants]:
    lattice = {"Cu": 3.61, "Au": 4.06}
    return {x: phonons.force_constants(bulk(x, a=a), 3, emt).acoustic() for x, a in lattice.items()}


@pytest.fixture(scope="module")
def eam() -> datasets.Dataset:
    return datasets.load("alloys_eam")


def test_the_ends_are_the_pure_metals(metals) -> None:
    waves = phonons.mesh(3)
    both = list(metals.values())
    for n, pure in enumerate(both):
        found = alloys.virtual_crystal(both, np.eye(2)[n])
        assert phonons.frequencies(found, waves) == pytest.approx(phonons.frequencies(pure, waves))


def test_shares_count_relative_to_their_sum(metals) -> None:
    both = list(metals.values())
    one, other = alloys.virtual_crystal(both, [3, 1]), alloys.virtual_crystal(both, [0.75, 0.25])
    assert one.values == pytest.approx(other.values)
    assert one.atoms.get_masses() == pytest.approx([0.75 * 63.546 + 0.25 * 196.967], abs=1e-3)
    assert one.atoms.cell.lengths() == pytest.approx((0.75 * 3.61 + 0.25 * 4.06) / 2**0.5 * np.ones(3))


def test_its_second_moment_has_mean_stiffness_and_mean_mass(metals) -> None:
    both = list(metals.values())
    stiffness = [np.trace(part.stiffness[0]) for part in both]
    masses = [part.atoms.get_masses()[0] for part in both]
    found = phonons.mean_square(alloys.virtual_crystal(both, [0.5, 0.5]))
    expected = np.mean(stiffness) / np.mean(masses) / 3 * phonons.lattice.THZ**2
    assert found == pytest.approx(expected)


def test_waves_of_a_box_are_those_of_its_cells(metals) -> None:
    """One box of 27 atoms at q = 0 has the modes of 27 waves, translations among them."""
    found = alloys.box_frequencies(metals["Cu"], 3)
    assert len(found) == 81
    assert np.abs(found[:3]).max() < 1e-3 < found[3]
    assert (found**2).mean() == pytest.approx(phonons.mean_square(metals["Cu"]), rel=1e-6)


def test_what_is_not_alike_is_refused(metals) -> None:
    copper = metals["Cu"]
    with pytest.raises(ValueError, match="none negative"):
        alloys.virtual_crystal([copper, copper], [1.5, -0.5])
    with pytest.raises(ValueError, match="expected 2 numbers"):
        alloys.virtual_crystal([copper, copper], [1.0])
    with pytest.raises(ValueError, match="different pairs"):
        parts = {name: getattr(copper, name)[:-1] for name in ("vectors", "values", "share")}
        fewer = replace(copper, pairs=copper.pairs[:, :-1], **parts)
        alloys.virtual_crystal([copper, fewer], [0.5, 0.5])
    with pytest.raises(ValueError, match="different places"):
        moved = replace(copper, vectors=copper.vectors + 0.1)
        alloys.virtual_crystal([copper, moved], [0.5, 0.5])


# --- against the explicit cells of the embedded-atom potential ---


def test_the_explicit_moment_is_that_of_the_frequencies(eam) -> None:
    explicit, _ = alloys.mean_squares(eam.structures, eam["stiffness"])
    assert explicit == pytest.approx((eam["frequencies"] ** 2).mean(axis=1), rel=1e-3)


def test_equal_atoms_lose_nothing_and_unequal_masses_always_do(eam) -> None:
    explicit, virtual = alloys.mean_squares(eam.structures, eam["stiffness"])
    pure = eam["kind"] == "pure"
    assert virtual[pure] == pytest.approx(explicit[pure], rel=1e-3)
    alike, mean = alloys.mean_squares(eam.structures, np.ones_like(eam["stiffness"]))
    assert (alike[~pure] > mean[~pure]).all()  # 1/⟨m⟩ < ⟨1/m⟩ where masses differ and stiffness does not


def test_light_atoms_in_a_heavy_crystal_are_what_it_misses(eam) -> None:
    """Al and Pt: 27 and 195 u, so half of the atoms swing far faster than any of the virtual ones."""
    explicit, virtual = alloys.mean_squares(eam.structures, eam["stiffness"])

    def lost(pair: set[str]) -> float:
        chosen = [
            n
            for n, atoms in enumerate(eam.structures)
            if set(atoms.symbols) == pair and eam["kind"][n] == "random"
        ]
        return float((1 - virtual[chosen] / explicit[chosen]).max())

    assert lost({"Al", "Pt"}) > 0.4
    assert abs(lost({"Pt", "Au"})) < 0.1  # 195 and 197 u
    with pytest.raises(ValueError, match="stiffness"):
        alloys.mean_squares(eam.structures, eam["stiffness"][:, :3])
