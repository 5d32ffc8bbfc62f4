"""The table of priors: complete, and its claims hold for every seed."""

import pandas as pd
import pytest

from tutorial_utils import datasets

COLD, HOT = "crystal at 300 K", "with hot frames"


@pytest.fixture(scope="module")
def table():
    """A row for each seed, a column for each quantity, data and prior."""
    rows = pd.DataFrame(datasets.load("silicon_prior").arrays)
    return rows.set_index(["quantity", "data", "prior", "seed"]).value.unstack("seed").T


def test_every_seed_has_all_four_trainings(table):
    assert len(table) >= 1 and table.notna().all(axis=None)
    assert len(table.columns) == 4 * 2 * 2


def test_without_a_prior_atoms_fuse_and_either_cure_keeps_them_apart(table):
    distance = table["shortest distance"]
    assert (distance[COLD, "none"] < 1.5).all()
    assert (distance.drop(columns=(COLD, "none")) > 1.8).all(axis=None)


def test_only_what_holds_stays_bound(table):
    """Silicon's crystal lies at -4.34 eV an atom."""
    energy = table["energy at the end"]
    assert (energy[COLD, "none"] > 0).all()
    assert (energy.drop(columns=(COLD, "none")) < -2.5).all(axis=None)
    assert (energy > -4.34).all(axis=None)


def test_a_prior_helps_the_melt_a_little_and_data_more(table):
    melt = table["force error in the melt"]
    zero = 1.2  # eV/Å, of forces that are all zero in such a melt
    assert melt[COLD].mean().min() > zero
    assert melt[HOT].max(axis=None) < zero
    assert 0.6 < melt[COLD, "ZBL"].mean() / melt[COLD, "none"].mean() < 1
    assert melt[HOT].max(axis=1).lt(melt[COLD].min(axis=1)).all()
    assert melt[HOT].mean().max() < 0.6 * melt[COLD].mean().min()


def test_nobody_beats_the_cold_models_where_it_is_cold(table):
    cold = table["force error at 300 K"]
    assert (cold[HOT].min(axis=1) > cold[COLD].min(axis=1)).all()
