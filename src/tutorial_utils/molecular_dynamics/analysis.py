"""Read physics off a trajectory: structure, diffusion, vibrations, and whether the energy is kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import vesin
from ase import Atoms
from jaxtyping import Float

from tutorial_utils import structures
from tutorial_utils.arguments import explain
from tutorial_utils.graphs import check_edges


def _frames(frames: Sequence[Atoms], *, ordered: bool = False) -> list[Atoms]:
    """Return a trajectory, once it is known to be a list of structures of the same atoms.

    Args:
        frames: what was given.
        ordered: an atom is followed through the frames, so it has to have the same place in all of them.
    """
    if isinstance(frames, Atoms) or not len(frames):
        raise ValueError("frames: expected a list of structures, at least one")
    checked = [structures.plain(frame, argument=f"frames[{n}]") for n, frame in enumerate(frames)]
    lengths = {len(frame) for frame in checked}
    if len(lengths) > 1:
        raise ValueError(f"frames: all have to hold the same atoms, got {sorted(lengths)} atoms")
    for n, frame in enumerate(checked):
        if ordered and (frame.numbers != checked[0].numbers).any():
            raise ValueError(f"frames: those of number {n} stand in another order than those of number 0")
    return checked


def _check_unwrapped(frames: Sequence[Atoms]) -> None:
    """Refuse a trajectory that was wrapped into its cell: an atom that leaves comes in on the other side."""
    for n, (before, after) in enumerate(pairwise(frames), start=1):
        steps = (after.positions - before.positions) @ np.linalg.pinv(after.cell[:])
        jumps = np.argwhere((np.abs(steps) > 0.5) & after.pbc)
        if len(jumps):
            atom, axis = jumps[0]
            raise ValueError(
                f"frames: atom {atom} jumps by {steps[atom, axis]:.2f} of lattice vector {axis} before frame "
                f"{n}: were positions wrapped into the cell? Unwrap them (LAMMPS dumps xu yu zu), or "
                "keep more frames"
            )


def rdf(
    frames: Sequence[Atoms], cutoff: float, *, bins: int = 100
) -> tuple[Float[np.ndarray, " bins"], Float[np.ndarray, " bins"]]:
    """Radial distribution function: the density at a distance from an atom, over the mean density.

    Args:
        frames: periodic structures with the same number of atoms; cells may be smaller than the cutoff.
        cutoff: longest distance, Å.
        bins: number of distances.

    Returns:
        Distances (the middle of each bin, Å) and g(r).

    Raises:
        ValueError: for a structure that is not periodic in all directions: it has no mean density.
    """
    if not cutoff > 0 or bins < 1:
        raise ValueError(f"cutoff, bins: expected a length above 0 Å and 1 or more, got {cutoff} and {bins}")
    edges = np.linspace(0, cutoff, bins + 1)
    shells = 4 / 3 * np.pi * np.diff(edges**3)  # Å³
    search, total = vesin.NeighborList(cutoff=cutoff, full_list=True), np.zeros(bins)
    for frame in _frames(frames):
        if not frame.pbc.all():
            raise ValueError("frames: a radial distribution needs a structure periodic in all directions")
        check_edges(frame, cutoff)
        (d,) = search.compute(points=frame.positions, box=frame.cell[:], periodic=True, quantities="d")
        pairs = len(frame) ** 2 / frame.get_volume()
        total += np.histogram(d, edges)[0] / (pairs * shells)
    return (edges[1:] + edges[:-1]) / 2, total / len(frames)


def msd(frames: Sequence[Atoms]) -> Float[np.ndarray, " lags"]:
    """Mean-square displacement against the time between two frames, averaged over atoms and starts.

    The drift of the centre of mass is taken off. In a solid it levels off, in a liquid it grows by 6 D t.

    Args:
        frames: equally spaced in time, positions unwrapped, as `lammps.run` gives them.

    Returns:
        Å², for 0, 1, 2, … half as many frames.

    Raises:
        ValueError: for atoms that stand in another order in some frame, or that jump by more than half a
            lattice vector from one frame to the next, as wrapped positions do.
    """
    frames = _frames(frames, ordered=True)
    _check_unwrapped(frames)
    x = np.stack([frame.positions for frame in frames])  # (frames, atoms, 3)
    mass = frames[0].get_masses()
    x = x - np.einsum("a,fax->fx", mass / mass.sum(), x)[:, None]
    lags = range(len(x) // 2 + 1)
    return np.array([np.square(x[lag:] - x[: len(x) - lag]).sum(axis=2).mean() for lag in lags])


def vibrational_dos(
    frames: Sequence[Atoms], spacing: float
) -> tuple[Float[np.ndarray, " frequencies"], Float[np.ndarray, " frequencies"]]:
    """Vibrational density of states: the power spectrum of the velocities, weighted by mass.

    Args:
        frames: with velocities, equally spaced in time.
        spacing: time between two frames, ps.

    Returns:
        Frequencies, THz, and a density whose integral is 1, in 1/THz. Frequencies above 1 / (2 spacing) fold
        back: choose a spacing of a few fs.

    Raises:
        ValueError: if the frames have no velocities, or are fewer than four.
    """
    frames = _frames(frames, ordered=True)
    if not spacing > 0 or len(frames) < 4:
        raise ValueError(
            "frames, spacing: expected four frames or more, a time above 0 ps apart, got "
            f"{len(frames)} and {spacing}"
        )
    v = np.stack([frame.get_velocities() for frame in frames])
    if not v.any():
        raise ValueError("frames: all velocities are zero; keep them in the trajectory (vx vy vz)")
    window = np.hanning(len(v))[:, None, None]
    power = np.square(np.abs(np.fft.rfft(v * window, axis=0)))
    g = np.einsum("fax,a->f", power, frames[0].get_masses())
    frequency = np.fft.rfftfreq(len(v), d=spacing)
    return frequency, g / (g.sum() * frequency[1])


def total_variation(
    first: Float[np.ndarray, " frequencies"], second: Float[np.ndarray, " frequencies"], spacing: float
) -> float:
    """Share of one spectrum that lies elsewhere in another: half of ∫|g - h| dν.

    Statisticians call it the total variation distance. Noise alone makes it positive: compare it with that of
    two halves of the same runs.

    Args:
        first: a density with an integral of about 1, as `vibrational_dos` returns it.
        second: another, at the same, equally spaced frequencies.
        spacing: between two frequencies, in the densities' inverse unit.

    Returns:
        0 where both are equal, 1 where they have nothing in common.

    Raises:
        ValueError: if the densities do not fit each other, or one does not integrate to 1.
    """
    g, h = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if g.ndim != 1 or g.shape != h.shape:
        raise ValueError(f"second: expected the {g.shape} densities of first, got shape {h.shape}")
    for name, density in (("first", g), ("second", h)):
        if not abs(density.sum() * spacing - 1) < 0.1:
            raise ValueError(
                f"{name}: its integral is {density.sum() * spacing:.3g}, expected 1; "
                "divide it by its integral, or mend spacing"
            )
    return float(np.abs(g - h).sum() * spacing / 2)


@dataclass(frozen=True)
class Conservation:
    """How well a run at constant energy keeps it.

    Attributes:
        drift: slope of the total energy, eV an atom and ps: what is lost or won for good.
        fluctuation: standard deviation about that line, eV an atom: what comes back.
    """

    drift: float
    fluctuation: float


def conservation(
    time: Float[np.ndarray, " steps"], energy: Float[np.ndarray, " steps"], *, atoms: int
) -> Conservation:
    """Tell drift from fluctuation.

    Args:
        time: ps.
        energy: total energy, eV.
        atoms: number of atoms.
    """
    if np.ptp(time) == 0:
        raise ValueError("time: expected steps at different times, ps")
    if atoms < 1:
        raise ValueError(f"atoms: expected how many there are, 1 or more, got {atoms}")
    slope, start = np.polyfit(time, energy, 1)
    rest = np.asarray(energy) - (slope * np.asarray(time) + start)
    return Conservation(drift=slope / atoms, fluctuation=rest.std() / atoms)


def mean_and_error(values: Sequence[float] | np.ndarray, *, blocks: int = 5) -> tuple[float, float]:
    """Average a series whose neighbours resemble each other: the error comes from means of whole blocks.

    Args:
        values: equally spaced in time.
        blocks: number of blocks; each must be longer than the memory of the series.

    Raises:
        ValueError: if there are fewer values than blocks, or fewer blocks than two.
    """
    if blocks < 2:
        raise ValueError(f"blocks: expected 2 or more, to compare their means, got {blocks}")
    values = np.array(values, dtype=float)
    if values.ndim != 1 or len(values) < blocks:
        raise ValueError(f"values: expected a series of at least {blocks} blocks, got shape {values.shape}")
    means = np.array([block.mean() for block in np.array_split(values, blocks)])
    return float(np.mean(values)), float(means.std(ddof=1) / np.sqrt(blocks))


def loop_work(
    forces: Callable[[Float[np.ndarray, "atoms 3"]], Float[np.ndarray, "atoms 3"]],
    loop: Float[np.ndarray, "points atoms 3"],
) -> float:
    """Work that forces do along a closed path: zero if they are the gradient of an energy.

    Args:
        forces: gives forces (eV/Å) for positions (Å).
        loop: points of the path in order; the last one is joined to the first.

    Returns:
        eV, by the trapezoidal rule; its error falls with the square of the distance of the points.
    """
    loop = np.asarray(loop)
    F = np.stack([structures.check_forces(forces(x), len(x)) for x in loop])
    middle = (F + np.roll(F, -1, axis=0)) / 2
    return float((middle * (np.roll(loop, -1, axis=0) - loop)).sum())


explain(globals())
