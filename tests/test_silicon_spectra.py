"""Spectra of silicon at constant energy: counted once, a melt flows, the model is as good as another run."""

import numpy as np
import pandas as pd
import pytest

from tutorial_utils import datasets
from tutorial_utils.molecular_dynamics import analysis

REFERENCE, LEARNED = "Stillinger–Weber", "NequIP"
BIN = 0.25  # THz


@pytest.fixture(scope="module")
def spectra():
    """Density of states, 1/THz: a row for each potential, temperature and run, a column a frequency."""
    table = pd.DataFrame(datasets.load("silicon_spectra").arrays)
    return table.pivot(index=["potential", "temperature", "run"], columns="frequency", values="density")


def elsewhere(g, h):
    """Share of the mean of some runs that lies elsewhere in the mean of others."""
    return analysis.total_variation(g.mean(), h.mean(), BIN)


def test_all_motion_is_counted_once(spectra):
    assert np.allclose(BIN * spectra.sum(axis=1), 1, atol=0.02)


def test_a_melt_diffuses_and_a_crystal_does_not(spectra):
    slow = spectra[spectra.columns[0]]  # below 0.25 THz
    assert slow[:, 2500].min() > 10 * slow[:, 300].max()


def test_no_crystal_vibrates_above_the_optical_mode(spectra):
    """Of Stillinger and Weber's crystal it lies near 18 THz."""
    high = BIN * spectra.loc[:, spectra.columns > 19].sum(axis=1)
    assert high[:, 300].max() < 0.01


@pytest.mark.parametrize("temperature", [300, 2500])
def test_the_model_is_hardly_further_away_than_the_potential_is_from_itself(spectra, temperature):
    true = spectra.loc[REFERENCE, temperature]
    first, again = true.iloc[:3], true.iloc[3:]
    assert elsewhere(first, spectra.loc[LEARNED, temperature]) < 2 * elsewhere(first, again)
