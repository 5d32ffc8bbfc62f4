"""Densities of states, what follows from them, and how wrong a predicted one is.

A density of states g is a list of numbers at equally spaced frequencies. Two conventions of error are in
use, and they differ by a quarter: `raw` compares what a model says as it comes out, `maximum` divides it by
its own peak first, as the 2021 tutorial does. Targets have the maximum 1 in both.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from ase import units
from jaxtyping import Float
from scipy.special import exprel

from tutorial_utils.phonons.lattice import WAVENUMBER

GAS_CONSTANT = units._k * units._Nav  # J/(mol K)
IMAGINARY = 0.01  # share of modes that may lie below zero, as acoustic ones do that are not converged
KELVIN = units._hplanck * 1e12 / units._k  # temperature of the quantum of 1 THz

Spectra = Float[np.ndarray, "... points"]


def broaden(values: Float[np.ndarray, "..."], grid: Float[np.ndarray, " points"], width: float) -> Spectra:
    """Return the density of states of a list of frequencies: a normalised Gaussian for each, averaged.

    Args:
        values: frequencies, in any shape; each counts the same.
        grid: where the density is wanted, in the same unit.
        width: standard deviation of the Gaussians.

    Returns:
        (points,), in 1/unit: its integral is 1, less what lies outside the grid.
    """
    if not width > 0:
        raise ValueError(f"width: expected a positive frequency, got {width}")
    if not np.size(values) or np.iscomplexobj(values):
        raise ValueError(
            "values: expected real frequencies, at least one; an imaginary one is written as a negative "
            "number, np.where(values.imag != 0, -values.imag, values.real)"
        )
    apart = (np.asarray(grid)[:, None] - np.ravel(values)) / width
    return np.exp(-(apart**2) / 2).mean(axis=1) / (width * np.sqrt(2 * np.pi))


def normalised(dos: Spectra) -> Spectra:
    """Divide spectra by their sums; one that is not known, NaN, stays so."""
    return _over(dos, np.sum)


def peaked(dos: Spectra) -> Spectra:
    """Divide spectra by their maxima; one that is not known, NaN, stays so."""
    return _over(dos, np.max)


def _over(dos: Spectra, size: Callable[..., Any]) -> Spectra:
    """Divide each spectrum by its size, once this is known to be above zero."""
    dos = np.asarray(dos, dtype=float)
    if dos.ndim == 0 or (size(dos, axis=-1) <= 0).any():
        raise ValueError("dos: expected spectra (..., points) that are not zero, with no negative numbers")
    return dos / size(dos, axis=-1, keepdims=True)


def moment(grid: Float[np.ndarray, " points"], dos: Spectra, order: int) -> Float[np.ndarray, "..."]:
    """Return ⟨ν^order⟩ of spectra, in the grid's unit to that power."""
    return (normalised(dos) * np.asarray(grid) ** order).sum(axis=-1)


def mean_frequency(grid: Float[np.ndarray, " points"], dos: Spectra) -> Float[np.ndarray, "..."]:
    """Return the mean frequency of spectra, in the grid's unit."""
    return moment(grid, dos, 1)


def heat_capacity(
    grid: Float[np.ndarray, " points"], dos: Spectra, temperature: float
) -> Float[np.ndarray, "..."]:
    """Return C_V of the harmonic crystal, J/(K mol of atoms): 3R Σ g x² e⁻ˣ/(1 - e⁻ˣ)², x = hν/kT.

    Args:
        grid: frequencies, THz; at 0 a mode is classical.
        dos: density of states there, in any unit.
        temperature: K, positive.

    Raises:
        ValueError: for more than a hundredth of imaginary modes (at negative frequencies): the crystal is not
            stable, and has no harmonic heat capacity.
    """
    if not temperature > 0:
        raise ValueError(f"temperature: expected a positive number in K, got {temperature}")
    grid, shares = np.asarray(grid, dtype=float), normalised(dos)
    imaginary = float(np.nanmax(shares[..., grid < 0].sum(axis=-1), initial=0))
    if imaginary > IMAGINARY:
        raise ValueError(
            f"dos: {imaginary:.0%} of the modes are imaginary (negative frequencies): the crystal is not "
            "stable; relax it, or leave these modes out"
        )
    x = KELVIN * grid / temperature
    mode = np.exp(-x) / exprel(-x) ** 2  # exprel(-x) = (1 - e⁻ˣ)/x, also at x = 0
    return 3 * GAS_CONSTANT * (shares * mode).sum(axis=-1)


def errors(predicted: Spectra, target: Spectra, grid: Float[np.ndarray, " points"]) -> dict[str, np.ndarray]:
    """Compare spectra, crystal by crystal.

    Args:
        predicted: (crystals, points) | not negative, with peaks near 1.
        target: (crystals, points) | with the maximum 1.
        grid: frequencies of the points, 1/cm.

    Returns:
        name -> (crystals,): ``raw`` and ``maximum`` mean squared errors, ``absolute`` mean absolute error
        of the raw prediction, ``cdf`` mean distance of the cumulative distributions, ``mean_frequency``
        error of the mean frequency (1/cm), ``heat_capacity`` error at 300 K, J/(K mol of atoms).

    Raises:
        ValueError: if shapes differ, or a target has another maximum than 1.
    """
    if predicted.shape != target.shape or predicted.shape[-1] != len(grid):
        raise ValueError(f"predicted: {predicted.shape}, target {target.shape} and grid {len(grid)} differ")
    if np.abs(target.max(axis=-1) - 1).max() > 1e-6:
        raise ValueError("target: expected spectra with the maximum 1")
    steps = np.cumsum(normalised(predicted) - normalised(target), axis=-1)
    thz = np.asarray(grid) * WAVENUMBER
    heat = heat_capacity(thz, predicted, 300.0) - heat_capacity(thz, target, 300.0)
    return {
        "raw": ((predicted - target) ** 2).mean(axis=-1),
        "maximum": ((peaked(predicted) - target) ** 2).mean(axis=-1),
        "absolute": np.abs(predicted - target).mean(axis=-1),
        "cdf": np.abs(steps).mean(axis=-1),
        "mean_frequency": np.abs(mean_frequency(grid, predicted) - mean_frequency(grid, target)),
        "heat_capacity": np.abs(heat),
    }


def paired(
    first: Float[np.ndarray, " crystals"], second: Float[np.ndarray, " crystals"]
) -> tuple[float, float]:
    """Return the mean of first - second and its standard error: two models on the same crystals."""
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape or first.ndim != 1 or len(first) < 2:
        raise ValueError(
            "first, second: expected two or more numbers each, one a crystal, got the shapes "
            f"{first.shape} and {second.shape}"
        )
    difference = first - second
    return float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(len(difference)))
