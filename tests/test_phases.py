"""Crystals and liquids: each frame is what its name says, by physics that no classifier had a part in."""

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from tutorial_utils import datasets

NEIGHBOURS = {"fcc": 12, "hcp": 12, "bcc": 14, "diamond": 4}
CNA = {"fcc": 1, "hcp": 2, "bcc": 3}


@pytest.fixture(scope="module")
def phases() -> datasets.Dataset:
    return datasets.load("phases")


def frames(phases, **wanted) -> list[int]:
    return [n for n in range(len(phases)) if all(phases[key][n] == value for key, value in wanted.items())]


def symbol(atoms: Atoms) -> str:
    return str(atoms.symbols[0])


def scaled_distances(atoms: Atoms, longest: float) -> np.ndarray:
    """Return the distances of pairs, counted twice, in units of the cube root of the volume of an atom."""
    unit = (atoms.get_volume() / len(atoms)) ** (1 / 3)
    return neighbor_list("d", atoms, longest * unit) / unit


def test_every_box_is_periodic_large_and_without_atoms_on_top_of_each_other(phases):
    for atoms in phases.structures:
        assert atoms.pbc.all() and len(atoms) >= 1000
        assert np.allclose(atoms.cell.array, np.diag(np.diag(atoms.cell.array)))
        assert scaled_distances(atoms, 1.0).min() > 0.6


def test_six_metals_three_lattices_and_a_liquid_at_the_temperature_of_a_crystal(phases):
    bulk = frames(phases, system="bulk")
    metals = {symbol(phases.structures[n]) for n in bulk}
    lattices = {phases["phase"][n] for n in bulk} - {"liquid"}
    assert len(metals) == 6 and lattices == {"fcc", "hcp", "bcc"}
    for metal in metals:
        own = [n for n in bulk if symbol(phases.structures[n]) == metal]
        hot = {phases["temperature"][n] for n in own if phases["phase"][n] != "liquid"}
        molten = {phases["temperature"][n] for n in own if phases["phase"][n] == "liquid"}
        assert len(hot) == 3 and hot & molten


def test_metals_expand_when_they_melt_and_silicon_shrinks(phases):
    def volume(n):
        return phases.structures[n].get_volume() / len(phases.structures[n])

    for system, sign in (("bulk", 1), ("silicon", -1)):
        for n in frames(phases, system=system, phase="liquid"):
            for m in frames(phases, system=system, temperature=phases["temperature"][n]):
                if phases["phase"][m] != "liquid" and symbol(phases.structures[m]) == symbol(
                    phases.structures[n]
                ):
                    assert sign * (volume(n) - volume(m)) > 0


def test_crystals_have_their_shells_and_liquids_have_none(phases):
    """Between the shells of a cool crystal there is a gap that holds no neighbour; a liquid knows no gap."""
    for n in frames(phases, system="bulk"):
        gap = {"fcc": 1.35, "hcp": 1.35, "bcc": 1.52, "liquid": 1.35}[phases["phase"][n]]
        atoms = phases.structures[n]
        cold = phases["temperature"][n] == min(
            phases["temperature"][m]
            for m in frames(phases, system="bulk")
            if symbol(phases.structures[m]) == symbol(atoms)
        )
        if cold:
            within = len(scaled_distances(atoms, gap)) / len(atoms)
            assert within == pytest.approx(NEIGHBOURS[phases["phase"][n]], abs=0.05)
        if phases["phase"][n] == "liquid":
            in_gap = (scaled_distances(atoms, gap + 0.05) > gap - 0.05).sum() / len(atoms)
            assert in_gap > 0.5


def test_quenched_crystals_are_what_they_were_and_quenched_liquids_are_not(phases):
    """Common neighbour analysis after a quench: the baseline, and an independent look at the frames."""
    for n in frames(phases, system="bulk"):
        quenched = phases["cna_quenched"][n, : len(phases.structures[n])]
        phase = phases["phase"][n]
        if phase == "liquid":
            assert np.isin(quenched, [1, 2, 3]).mean() < 0.2
        else:
            assert (quenched == CNA[phase]).mean() > 0.95


def test_the_fault_is_two_layers_of_hcp_where_the_stack_ends(phases):
    (n,) = frames(phases, system="fault")
    atoms = phases.structures[n]
    layer = np.arange(len(atoms)) // 2 % 17
    quenched = phases["cna_quenched"][n, : len(atoms)]
    faulty = np.isin(layer, [0, 16])
    assert (quenched[faulty] == CNA["hcp"]).mean() > 0.95
    assert (quenched[~faulty] == CNA["fcc"]).mean() > 0.95


def crystalline(atoms: Atoms, low: float, high: float) -> float:
    """Return the share of atoms whose layer along z is dense: a crystal's layers show in its profile."""
    z = atoms.get_scaled_positions()[:, 2]
    chosen = z[(z > low) & (z < high)]
    counts = np.histogram(chosen, bins=np.linspace(low, high, 201))[0]
    return np.var(counts) / np.mean(counts)


def test_copper_freezes_and_silicon_melts(phases):
    for system, sign in (("freezing", 1), ("melting", -1)):
        own = frames(phases, system=system)
        assert (np.diff(phases["time"][own]) > 0).all()
        first, last = (crystalline(phases.structures[n], 0, 1) for n in (own[0], own[-1]))
        assert sign * (last - first) > 0


def test_positions_are_rounded_by_less_than_a_thousandth(phases):
    for atoms in phases.structures:
        steps = atoms.positions * 2**10
        assert np.abs(steps - steps.round()).max() < 1e-6
