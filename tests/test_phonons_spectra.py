"""Densities of states: normalisation, the limits of the heat capacity, and errors that mean what they say."""

import numpy as np
import pytest

from tutorial_utils import phonons
from tutorial_utils.phonons import spectra

GRID = np.arange(0.0, 1001.0, 20.0)  # 1/cm


def peak(centre: float, width: float = 60.0) -> np.ndarray:
    return phonons.peaked(np.exp(-(((GRID - centre) / width) ** 2) / 2))


def test_every_mode_counts_the_same() -> None:
    grid = np.linspace(-5, 15, 2001)
    values = np.array([[2.0, 4.0], [6.0, 8.0]])
    dos = phonons.broaden(values, grid, 0.3)
    assert np.trapezoid(dos, grid) == pytest.approx(1)
    assert phonons.mean_frequency(grid, dos) == pytest.approx(5)
    assert phonons.moment(grid, dos, 2) == pytest.approx((values**2).mean() + 0.3**2)
    assert np.trapezoid(dos[grid < 3], grid[grid < 3]) == pytest.approx(1 / 4, abs=1e-3)


def test_dulong_and_petit_at_high_temperature() -> None:
    grid = np.linspace(0, 10, 101)
    assert phonons.heat_capacity(grid, np.ones(101), 1e5) == pytest.approx(3 * 8.314462618, rel=1e-5)


def test_einstein_at_one_frequency() -> None:
    """x²eˣ/(eˣ - 1)² at x = hν/kT = 1: ν of 6.25 THz at 300 K."""
    grid = np.array([0.0, 300 / spectra.KELVIN])
    x = 1.0
    expected = 3 * 8.314462618 * x**2 * np.exp(x) / (np.exp(x) - 1) ** 2
    assert phonons.heat_capacity(grid, np.array([0.0, 1.0]), 300) == pytest.approx(expected)
    assert grid[1] == pytest.approx(6.2509, abs=1e-4)


def test_debye_cube_at_low_temperature() -> None:
    """C = 12π⁴/5 R (T/θ)³ for g ~ ν² up to kθ/h."""
    grid = np.linspace(0, 10, 20001)
    theta, temperature = 10 * spectra.KELVIN, 10.0
    expected = 12 * np.pi**4 / 5 * spectra.GAS_CONSTANT * (temperature / theta) ** 3
    assert phonons.heat_capacity(grid, grid**2, temperature) == pytest.approx(expected, rel=1e-3)
    assert phonons.heat_capacity(grid, grid**2, 0.01) < 1e-9  # and no overflow on the way


def test_a_perfect_prediction_has_no_error() -> None:
    target = np.stack([peak(200), peak(500)])
    assert all(
        value == pytest.approx(np.zeros(2), abs=1e-10)
        for value in phonons.errors(target, target, GRID).values()
    )


def test_the_two_conventions_differ_in_height_only() -> None:
    """A prediction of the right shape at half the height: wrong by `raw`, right by `maximum`."""
    target = peak(300)[None]
    found = phonons.errors(0.5 * target, target, GRID)
    assert found["raw"] == pytest.approx((target**2).mean(axis=1) / 4)
    assert found["absolute"] == pytest.approx(target.mean(axis=1) / 2)
    for name in ("maximum", "cdf", "mean_frequency", "heat_capacity"):
        assert found[name] == pytest.approx([0], abs=1e-10)


def test_only_distributions_feel_how_far_a_peak_is_off() -> None:
    """Peaks that do not overlap are equally wrong by MSE, 200 or 500 1/cm away; not by CDF and mean."""
    target = peak(200, 25)[None]
    near, far = (phonons.errors(peak(centre, 25)[None], target, GRID) for centre in (400, 700))
    assert near["raw"] == pytest.approx(far["raw"], rel=0.01)
    assert far["cdf"] == pytest.approx(2.5 * near["cdf"], rel=0.01)
    assert near["mean_frequency"] == pytest.approx([200], rel=1e-3)
    assert far["mean_frequency"] == pytest.approx([500], rel=1e-3)


def test_pairs_see_what_two_errors_hide(rng) -> None:
    hard = rng.random(200)  # crystals differ far more than models do
    mean, error = phonons.paired(hard + 0.01 + 0.002 * rng.normal(size=200), hard)
    assert mean == pytest.approx(0.01, abs=3 * error)
    assert error < 3e-4 < 0.1 * hard.std() / np.sqrt(200)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="differ"):
        phonons.errors(peak(200)[None, :50], peak(200)[None], GRID)
    with pytest.raises(ValueError, match="maximum 1"):
        phonons.errors(peak(200)[None], 2 * peak(200)[None], GRID)
    with pytest.raises(ValueError, match="width"):
        phonons.broaden(np.ones(3), GRID, 0.0)
    with pytest.raises(ValueError, match="temperature"):
        phonons.heat_capacity(GRID, peak(200), 0.0)


def test_what_is_no_spectrum_is_refused_and_what_is_not_known_stays_unknown() -> None:
    known = phonons.normalised(np.stack([peak(300), np.full(51, np.nan)]))
    assert known[0].sum() == pytest.approx(1) and np.isnan(known[1]).all()
    assert phonons.peaked(peak(300).tolist()).max() == 1
    with pytest.raises(ValueError, match="dos: expected spectra"):
        phonons.mean_frequency(GRID, np.zeros(51))
    with pytest.raises(ValueError, match="values: expected real frequencies"):
        phonons.broaden(np.array([1.0, 2j]), GRID, 20.0)  # as ase.vibrations writes an imaginary one
    for first, second in (([1.0], [2.0]), ([1.0, 2.0], [2.0])):
        with pytest.raises(ValueError, match="two or more numbers each"):
            phonons.paired(np.array(first), np.array(second))


def test_imaginary_modes_have_no_heat_capacity() -> None:
    """A few acoustic ones below zero are no harm, as in a table of phonopy's."""
    grid, dos = np.linspace(-2, 10, 121), np.ones(121)
    with pytest.raises(ValueError, match="17% of the modes are imaginary"):
        phonons.heat_capacity(grid, dos, 300)
    dos[grid < 0] = 0.0
    assert phonons.heat_capacity(grid, dos, 1e5) == pytest.approx(3 * 8.314462618, rel=1e-5)
