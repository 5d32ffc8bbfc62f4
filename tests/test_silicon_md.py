"""The table of long silicon runs: complete, physical, and alike for the potential and for what learned it."""

import numpy as np
import pandas as pd
import pytest

from tutorial_utils import datasets

REFERENCE, LEARNED = "Stillinger–Weber", "NequIP"


@pytest.fixture(scope="module")
def table():
    return pd.DataFrame(datasets.load("silicon_md").arrays)


def both(table, experiment, quantity):
    """Return one quantity against temperature, a column for each potential."""
    rows = table[(table.experiment == experiment) & (table.quantity == quantity)]
    return rows.pivot(index="temperature", columns="potential", values="value")


def test_the_potential_needs_degree_two(table):
    """Its energy holds the square of an angle's cosine: without l = 2 a model stays far behind."""
    found = table[table.experiment.str.startswith("training")].pivot(
        index="x", columns="quantity", values="value"
    )
    assert found.force_mae[2] < 0.05 * found.force_rms[2]
    assert found.force_mae[1] > 5 * found.force_mae[2]


def test_the_crystal_expands_alike(table):
    edge = both(table, "crystal", "lattice_constant")
    assert edge[REFERENCE].is_monotonic_increasing
    assert (edge[LEARNED] - edge[REFERENCE]).abs().max() < 0.001 * 5.43


def test_a_classical_crystal_has_a_heat_capacity_of_three_k(table):
    energy = both(table, "crystal", "energy")[REFERENCE]  # potential: half of 3 k T in a harmonic crystal
    slope = np.polyfit(energy.index, energy, 1)[0]
    assert slope == pytest.approx(1.5 * 8.617e-5, rel=0.15)


def test_the_melt_is_denser_than_the_crystal_and_flows(table):
    crystal = both(table, "crystal", "lattice_constant")
    melt = both(table, "liquid", "lattice_constant")
    assert (melt.loc[2000] < crystal.loc[1500]).all()
    far = table[(table.quantity == "msd") & (table.x == table[table.quantity == "msd"].x.max())]
    far = far.pivot_table(index="experiment", columns="potential", values="value")
    assert (far.loc["liquid"] > 50 * far.loc["crystal"]).all()


def test_radial_distributions_are_alike(table):
    g = table[table.quantity == "rdf"].pivot_table(
        index=["experiment", "temperature", "x"], columns="potential", values="value"
    )
    difference = (g[LEARNED] - g[REFERENCE]).abs().groupby(level=[0, 1]).sum()
    assert (difference / g[REFERENCE].groupby(level=[0, 1]).sum()).max() < 0.05


def test_crystal_beside_melt_freezes_below_and_melts_above(table):
    for _, rows in table[table.experiment == "melting"].groupby("potential"):
        late = rows[rows.x > 30].groupby("temperature").value.mean()
        assert late.is_monotonic_increasing
        assert late.diff().max() > 0.2  # eV an atom: heat of fusion, between two neighbours
