"""Ethanol's torsion: what two potentials and six runs each have to agree on."""

import numpy as np
import pandas as pd
import pytest
from ase import units
from ethanol_torsion import CHAIN, LENGTH, RUNS, dihedral

from tutorial_utils import datasets

THERMAL = units.kB * 500  # eV


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    stored = datasets.load("ethanol_torsion")
    return pd.DataFrame({name: stored[name] for name in stored.arrays})


def by_run(table, potential: str, quantity: str) -> pd.DataFrame:
    part = table[(table.potential == potential) & (table.quantity == quantity)]
    return part.pivot(index="x", columns="run", values="value")


def test_the_dihedral_is_that_of_ase():
    frames = datasets.load("ethanol_xtb").structures[:40]
    expected = [frame.get_dihedral(*CHAIN) for frame in frames]
    np.testing.assert_allclose(np.cos(np.radians(dihedral(frames) - expected)), 1.0)
    assert {frames[0].get_chemical_symbols()[k] for k in CHAIN} == {"C", "O", "H"}


@pytest.mark.parametrize("potential", LENGTH)
def test_runs_are_whole(table, potential):
    share = by_run(table, potential, "share")
    assert list(share) == list(range(1, RUNS + 1)) and len(share) == 24
    np.testing.assert_allclose(share.sum(), 1.0, atol=1e-3)
    assert (share > 0).all(axis=None)
    density = by_run(table, potential, "vdos")  # bins of 1 THz
    assert (density.sum() > 0.97).all() and (density.sum() < 1.001).all()


@pytest.mark.parametrize("potential", LENGTH)
def test_mirror_images_are_equally_frequent(table, potential):
    """In each run they differ by chance only: the differences of runs scatter about zero."""
    share = by_run(table, potential, "share").to_numpy()
    difference = (share - share[::-1])[:12]
    t = difference.mean(axis=1) / (difference.std(axis=1, ddof=1) / np.sqrt(RUNS))
    assert np.sqrt(np.mean(t**2)) < 2.0


def test_runs_and_the_trajectory_learned_from_agree(table):
    """The dataset is another run of xTB, by another integrator, 150 ps long."""
    angles = dihedral(datasets.load("ethanol_xtb").structures)
    share = by_run(table, "GFN2-xTB", "share")
    for low, high in ((0, 45), (45, 90), (90, 180)):
        runs = share[(share.index.to_series().abs() > low) & (share.index.to_series().abs() < high)].sum()
        expected = np.mean((np.abs(angles) > low) & (np.abs(angles) < high))
        assert runs.mean() == pytest.approx(expected, abs=0.05)


def test_errors_of_energies_foretell_the_free_energy(table):
    """Zwanzig's identity: an average over frames of xTB gives what NequIP's simulation finds."""
    rows = table[table.quantity == "energy_error"]
    weight = np.exp(-rows.value / THERMAL)
    foretold = -THERMAL * np.log(weight.groupby(15 * (rows.x.abs() // 15) + 7.5).mean() / weight.mean())
    learned, truth = (by_run(table, name, "share").mean(axis=1) for name in ("NequIP", "GFN2-xTB"))
    seen = -THERMAL * np.log((learned + learned[::-1].to_numpy()) / (truth + truth[::-1].to_numpy()))
    seen = seen[foretold.index]
    assert np.abs(seen - foretold).mean() < 0.010  # eV
    assert np.abs(foretold).max() > 0.02
    assert np.corrcoef(seen, foretold)[0, 1] > 0.8


def test_stiff_bonds_agree(table):
    centres = {}
    for potential in LENGTH:
        density = by_run(table, potential, "vdos")
        density = density[density.index > 100]  # the O-H stretch
        centres[potential] = density.mul(density.index, axis=0).sum() / density.sum()
    one, other = centres.values()
    error = np.hypot(one.std(), other.std()) / np.sqrt(RUNS)
    assert abs(one.mean() - other.mean()) < 3 * error
    assert 103 < one.mean() < 112  # THz
