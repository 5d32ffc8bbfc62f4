"""The table of models that take equally many steps: size decides among networks of tensors."""

import pandas as pd
import pytest

from tutorial_utils import datasets

RECOMMENDED, SMALL = "NequIP recommended, l ≤ 2", "NequIP small, l ≤ 2"
SCALARS = "NequIP recommended, l = 0"
ANGLES, PAIRS, ZERO = "distances and angles", "pairs of atoms", "mean force"


@pytest.fixture(scope="module")
def table():
    return pd.DataFrame(datasets.load("nequip_converged").arrays)


@pytest.fixture(scope="module")
def hundred(table):
    """Of 100 frames, after all steps: a row for each model and seed."""
    rows = table[(table.frames == 100) & (table.steps != 5000)]
    return rows.set_index(["model", "seed"])


def test_the_recommended_size_makes_smaller_errors_than_the_small_one(hundred):
    for quantity in ("energy_mae", "force_mae"):
        assert (hundred[quantity][RECOMMENDED] < 0.67 * hundred[quantity][SMALL]).all()


def test_with_it_tensors_come_out_ahead_of_angles_a_little_and_with_the_small_size_far_behind(hundred):
    angles = hundred.force_mae[ANGLES]
    assert (hundred.force_mae[RECOMMENDED] < angles).all()
    assert (hundred.force_mae[SMALL] > 1.4 * angles).all()


def test_with_scalars_alone_the_same_network_makes_twice_the_error(hundred):
    assert (hundred.force_mae[SCALARS] > 1.9 * hundred.force_mae[RECOMMENDED]).all()


def test_more_frames_help_whoever_can_learn(table):
    errors = table[table.steps != 5000].groupby(["model", "frames"]).force_mae.mean()
    for model in (RECOMMENDED, SCALARS, ANGLES):
        assert errors[model].loc[[30, 100, 300]].is_monotonic_decreasing
    assert errors[PAIRS][30] < 1.1 * errors[PAIRS][300]
    assert errors[ZERO].nunique() == 1
    assert errors.loc[PAIRS].min() > 3 * errors.loc[SMALL].max()


def test_more_steps_help_tensors_more_than_angles(table):
    rows = table[(table.frames == 100) & (table.seed == 0) & (table.steps > 0)]
    errors = rows.pivot(index="model", columns="steps", values="force_mae")
    gain = 1 - errors[8000] / errors[5000]
    assert gain[[RECOMMENDED, SMALL]].min() > gain[ANGLES] > 0
