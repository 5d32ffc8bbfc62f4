"""The table of committees: complete, and its claims hold for every seed."""

import pandas as pd
import pytest

from tutorial_utils import datasets


@pytest.fixture(scope="module")
def table():
    return pd.DataFrame(datasets.load("silicon_committee").arrays)


@pytest.fixture(scope="module")
def frames(table):
    return table[table["what"] == "frame"]


@pytest.fixture(scope="module")
def rounds(table):
    """Error at 2000 K, a row for each way to choose and seed, a column for each round."""
    return table[table["what"] == "round"].set_index(["choice", "seed", "round"]).error.unstack()


def test_disagreement_ranks_frames_by_their_error(frames):
    for _, rows in frames.groupby("seed"):
        assert rows[["spread", "error"]].rank().corr().iloc[0, 1] > 0.9


def test_it_also_ranks_frames_of_one_temperature_but_less_well(frames):
    inside = [rows[["spread", "error"]].rank().corr().iloc[0, 1] for _, rows in frames.groupby("temperature")]
    assert min(inside) > 0.5 and max(inside) < 0.9


def test_the_committee_says_too_little_far_from_what_it_knows(frames):
    ratio = (frames.error / frames.spread).groupby(frames.temperature).median()
    assert ratio[2000] > 1.3
    assert ratio[2000] > ratio[300]


def test_both_ways_start_from_the_same_models(rounds):
    assert (rounds.loc["committee"][0] == rounds.loc["random"][0]).all()


def test_new_labels_help_whoever_chooses_them(rounds):
    assert rounds.shape == (6, 3)
    assert (rounds[2] < 0.6 * rounds[0]).all()


def test_the_committee_chooses_better_than_chance(rounds):
    assert (rounds.loc["committee"][2] < rounds.loc["random"][2]).all()
