"""Spectra at constant energy: each is a density, and the model's lies near the reference's."""

import numpy as np
import pandas as pd
import pytest

from tutorial_utils import datasets

REFERENCE, LEARNED, BIN = "Stillinger–Weber", "NequIP", 0.25


@pytest.fixture(scope="module")
def spectra():
    """Densities (1/THz), a row for each potential, temperature and run."""
    rows = pd.DataFrame(datasets.load("silicon_spectra").arrays)
    return rows.set_index(["potential", "temperature", "run", "frequency"]).density.unstack()


def apart(one, other):
    """Return the share that lies elsewhere."""
    return 0.5 * BIN * (one - other).abs().sum()


def test_vibrations_are_counted_once(spectra):
    np.testing.assert_allclose(spectra.sum(axis=1) * BIN, 1, atol=0.02)


def test_a_crystal_stops_at_its_highest_mode_and_a_melt_has_diffusion(spectra):
    crystal, melt = (spectra.loc[REFERENCE, T].mean() for T in (300, 2500))
    assert crystal[crystal.index > 19].sum() * BIN < 0.01
    assert crystal[crystal.index < 1].max() < 0.2 * melt[melt.index < 1].max()


def test_the_model_vibrates_as_the_reference_does(spectra):
    for T, most in ((300, 0.2), (2500, 0.1)):
        runs = spectra.loc[REFERENCE, T]
        floor = apart(runs.iloc[::2].mean(), runs.iloc[1::2].mean())
        away = apart(spectra.loc[LEARNED, T].mean(), runs.mean())
        assert floor < away < most
