"""The table of learning curves: complete, and in the order that physics and statistics demand."""

import pandas as pd
import pytest

from tutorial_utils import datasets


@pytest.fixture(scope="module")
def table():
    return pd.DataFrame(datasets.load("nequip_learning").arrays)


@pytest.fixture(scope="module")
def means(table):
    """Mean force error over seeds, a row for each model, a column for each number of frames."""
    return table.groupby(["model", "frames"]).force_mae.mean().unstack()


def test_every_model_has_every_size_and_seed(table):
    counts = table.groupby(["model", "frames"]).seed.nunique()
    assert (counts == 3).all()
    assert len(counts) == table.model.nunique() * table.frames.nunique()


def test_errors_fall_with_frames_for_all_that_can_learn(means):
    learners = means.drop(["mean force", "pairs of atoms"])
    assert (learners[300] < 0.6 * learners[10]).all()
    assert (learners[[10, 30, 100]].diff(axis=1).iloc[:, 1:] < 0).all(axis=None)


def test_the_mean_force_learns_nothing_from_more_frames(means):
    assert means.loc["mean force"].nunique() == 1


def test_every_model_beats_the_mean_force(means):
    assert (means.drop("mean force") < 0.5 * means.loc["mean force"]).all(axis=None)


def test_the_wide_invariant_model_has_more_weights_than_the_tensors(table):
    weights = table.groupby("model").weights.first()
    assert weights["NequIP, l = 0, wide"] > weights["NequIP, l ≤ 2"] > weights["NequIP, l = 0"]


def test_directions_help_at_every_size(means):
    scalars = means.loc[["NequIP, l = 0", "NequIP, l = 0, wide"]].min()
    assert (means.loc["NequIP, l ≤ 2"] < scalars).all()
