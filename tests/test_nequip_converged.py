"""The table of models trained to the end: the order of the first, short trainings turns round."""

import pandas as pd
import pytest

from tutorial_utils import datasets


@pytest.fixture(scope="module")
def means():
    """Mean force error over seeds, a row for each model, a column for each number of frames."""
    table = pd.DataFrame(datasets.load("nequip_converged").arrays)
    return table.groupby(["model", "frames"]).force_mae.mean().unstack()


def test_longer_training_helps_everybody(means):
    short = pd.DataFrame(datasets.load("nequip_learning").arrays)
    short = short.groupby(["model", "frames"]).force_mae.mean()[:, 100]
    assert means[100]["NequIP small, l ≤ 2"] < short["NequIP, l ≤ 2"]
    assert means[100]["distances and angles"] < short["distances and angles"]


def test_the_recommended_model_is_ahead(means):
    assert means[100].idxmin() == "NequIP recommended, l ≤ 2"


def test_what_cannot_learn_does_not(means):
    assert means[100]["mean force"] == means[100].max()
    assert means[100]["pairs of atoms"] > 3 * means[100]["distances and angles"]
