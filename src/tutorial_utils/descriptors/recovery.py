"""From invariants back to positions: batched least squares, distances up to symmetry, and ranks.

A description is a function from neighbours (..., n, 3) in Å to invariants (..., D); `spectra` is one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.func import jacfwd, vmap

from tutorial_utils import groups
from tutorial_utils.descriptors.fourier import project
from tutorial_utils.descriptors.invariants import bispectrum, power_spectrum
from tutorial_utils.descriptors.radial import Radial

Description = Callable[[Tensor], Tensor]

DAMPING = 1e-2  # of the first step, in units of the diagonal of JᵀJ
FLAT = 1e-6  # singular values below this times the largest count as zero
SOLVED = 1e-8  # relative residual that counts as zero
PATIENCE, PROGRESS = 10, 0.9  # a start that in 10 steps keeps more than 0.9 of its residual gives up


def spectra(
    vectors: Float[Tensor, "... neighbours 3"],
    radial: Radial,
    lmax: int,
    *,
    weights: Tensor | None = None,
    third_order: bool = True,
) -> Float[Tensor, "... invariants"]:
    """Return power spectrum and bispectrum of the neighbours (Å), side by side; see `project`."""
    c = project(vectors, radial, lmax, weights=weights)
    if not third_order:
        return power_spectrum(c)
    return torch.cat([power_spectrum(c), bispectrum(c)], dim=-1)


def jacobian(
    describe: Description, vectors: Float[Tensor, "*batch neighbours unknowns"]
) -> Float[Tensor, "*batch invariants neighbours*unknowns"]:
    """Return ∂(invariant)/∂(coordinate) (1/Å), by forward differentiation, environment by environment."""
    flat = vectors.reshape(-1, *vectors.shape[-2:])
    J = vmap(jacfwd(describe))(flat).flatten(-2)
    return J.reshape(*vectors.shape[:-2], *J.shape[1:])


def rank(describe: Description, vectors: Float[Tensor, "neighbours 3"], *, tolerance: float = FLAT) -> int:
    """Return how many directions of motion change an invariant to first order.

    Singular values of the Jacobian below tolerance times the largest count as zero.
    """
    values = torch.linalg.svdvals(jacobian(describe, vectors))
    return int((values > tolerance * values[0]).sum())


def random_starts(
    number: int, neighbours: int, *, shortest: float, longest: float, rng: np.random.Generator
) -> Float[Tensor, "number neighbours 3"]:
    """Return neighbours in random directions, at distances (Å) between the two given."""
    directions = torch.tensor(rng.normal(size=(number, neighbours, 3)))
    lengths = torch.tensor(rng.uniform(shortest, longest, size=(number, neighbours, 1)))
    return directions / directions.norm(dim=-1, keepdim=True) * lengths


def symmetric_starts(
    number: int, neighbours: int, *, shortest: float, longest: float, rng: np.random.Generator
) -> Float[Tensor, "number neighbours 3"]:
    """Return unions of orbits of random point groups, at distances (Å) between the two given.

    The group is one of the 32 of crystals. Half of the points lie on an axis or a mirror plane of theirs.
    """
    names = list(groups.CRYSTALLOGRAPHIC)
    found: list[np.ndarray] = []
    while len(found) < number:
        operations = np.array(groups.crystallographic(str(rng.choice(names))))
        points = np.zeros((0, 3))
        while len(points) < neighbours:
            point = rng.normal(size=3)
            if rng.random() < 0.5:
                g = operations[rng.integers(len(operations))]
                point = np.mean([np.linalg.matrix_power(g, k) @ point for k in range(12)], axis=0)
            if np.linalg.norm(point) > 1e-6:
                orbit = np.unique((operations @ point / np.linalg.norm(point)).round(9) + 0.0, axis=0)
                points = np.concatenate([points, orbit * rng.uniform(shortest, longest)])
        if len(points) == neighbours:
            found.append(points)
    return torch.tensor(np.array(found))


def closest(
    describe: Description, target: Float[Tensor, "invariants"], candidates: Tensor, keep: int
) -> Float[Tensor, "keep ..."]:
    """Return the candidates whose invariants come closest to the target's: looking costs less than moving."""
    return candidates[(describe(candidates) - target).norm(dim=-1).argsort()[:keep]]


@dataclass(frozen=True, eq=False)
class Recovery:
    """Where each start of `recover` ended, the best fit first.

    Attributes:
        vectors: (starts, neighbours, 3) | Å.
        residuals: (starts,) | length of the remaining difference, relative to that of the target.
        order: (starts,) | which start it was.
        steps: how many steps were taken.
    """

    vectors: Float[Tensor, "starts neighbours unknowns"]
    residuals: Float[Tensor, "starts"]
    order: Tensor
    steps: int

    @property
    def best(self) -> Float[Tensor, "neighbours unknowns"]:
        """The neighbours (Å) whose invariants come closest."""
        return self.vectors[0]

    @property
    def solved(self) -> bool:
        """Whether the invariants of the best are those of the target."""
        return bool(self.residuals[0] < SOLVED)


def recover(
    describe: Description,
    target: Float[Tensor, "invariants"],
    starts: Float[Tensor, "starts neighbours unknowns"],
    *,
    steps: int = 100,
    stop: int | None = 1,
    watch: Callable[[Tensor, Tensor], None] | None = None,
) -> Recovery:
    """Move neighbours until their invariants are the target's: Levenberg-Marquardt, many starts at once.

    * A step Δ solves (JᵀJ + λ d) Δ = -Jᵀf, with f the difference relative to the target's length. For the
      three coordinates of a neighbour, d is the mean of their entries in diag JᵀJ: Marquardt's diagonal
      itself depends on the axes, its mean does not.
    * Each start has its own λ, divided by 3 after a step that helps, times 3 after one that does not.
    * A step that does not help is not taken: no residual ever grows.
    * A start whose residual falls by less than a tenth in ten steps gives up; the others walk on.
    * A turned start takes the turned steps, and so a start keeps whatever symmetry it has. Directions in
      which no invariant changes to first order are left alone: each step would multiply round-off there.
    * More unknowns for each neighbour may follow its coordinates, if `describe` knows what they are.

    Args:
        describe: (starts, neighbours, 3) Å -> (starts, invariants).
        target: (invariants,) of the geometry that is wanted.
        starts: (starts, neighbours, 3) Å.
        steps: at most so many.
        stop: finish when so many starts have a residual below 1e-8; None: take all steps.
        watch: called after each step with vectors (starts, neighbours, 3) and residuals (starts,).

    Raises:
        ValueError: for a target that is zero or has another length than what `describe` returns.

    Source: D. W. Marquardt, doi:10.1137/0111030.
    """
    x, scale = starts.detach().clone(), target.norm()
    f = describe(x)
    if f.shape[1:] != target.shape or not scale > 0:
        wanted, got = tuple(f.shape[1:]), tuple(target.shape)
        raise ValueError(f"target: expected {wanted} invariants, not all of them zero, got {got}")
    f, damping, step = (f - target) / scale, torch.full(x.shape[:1], DAMPING).to(x), 0
    walking, before = torch.arange(len(x), device=x.device), f.norm(dim=1)
    while step < steps and len(walking):
        step += 1
        here, error, λ = x[walking], f[walking], damping[walking]
        trial = here + _move(jacobian(describe, here) / scale, error, λ, here.shape[-1]).reshape(here.shape)
        ahead = (describe(trial) - target) / scale
        helps = ahead.norm(dim=1) < error.norm(dim=1)  # False for NaN
        x[walking] = torch.where(helps[:, None, None], trial, here)
        f[walking] = torch.where(helps[:, None], ahead, error)
        damping[walking] = torch.where(helps, λ / 3, λ * 3).clamp(1e-12, 1e8)
        residuals = f.norm(dim=1)
        if watch is not None:
            watch(x.clone(), residuals)
        if stop is not None and (residuals < SOLVED).sum() >= stop:
            break
        if step % PATIENCE == 0:
            walking, before = (residuals < PROGRESS * before).nonzero().squeeze(1), residuals
    residuals, order = f.norm(dim=1).sort()
    return Recovery(x[order], residuals, order, step)


def _move(
    J: Float[Tensor, "starts invariants unknowns"],
    f: Float[Tensor, "starts invariants"],
    damping: Float[Tensor, "starts"],
    each: int,
) -> Float[Tensor, "starts unknowns"]:
    """Solve the damped normal equations of every start, in units of √d, where the damping is a multiple of 1.

    Each neighbour has `each` unknowns, x, y, z first.
    """
    squares = J.square().sum(dim=1).unflatten(1, (-1, each))
    mean = squares[..., :3].mean(dim=-1, keepdim=True).expand(-1, -1, 3)
    d = torch.cat([mean, squares[..., 3:]], dim=-1).flatten(1)
    unit = (d + FLAT**2 * d.amax(dim=1, keepdim=True) + torch.finfo(J.dtype).tiny).rsqrt()
    J = J * unit[:, None]
    values, directions = torch.linalg.eigh(J.mT @ J)  # squares of the singular values of J
    slope = (directions.mT @ (J.mT @ f.unsqueeze(-1))).squeeze(-1)
    felt = values > FLAT**2 * values[:, -1:]
    step = torch.where(felt, slope / (values.clamp(min=0) + damping[:, None]), 0.0)
    return -(directions @ step.unsqueeze(-1)).squeeze(-1) * unit


def rmsd(
    first: Float[Tensor, "neighbours 3"],
    second: Float[Tensor, "neighbours 3"],
    *,
    species: tuple[Tensor, Tensor] | None = None,
) -> float:
    """Return the smallest root-mean-square distance (Å) over rotations, reflections and permutations.

    * Two neighbours of the first are laid on each two of the second, also mirrored: a scan of frames.
    * In each frame the best assignment is found, then the best rotation for it, then both once more.
    * Exact for equal environments; an upper bound for different ones.

    Args:
        first: (neighbours, 3) Å.
        second: (neighbours, 3) Å.
        species: one number for each neighbour of the first and of the second; only equals are assigned.

    Raises:
        ValueError: for different shapes or numbers of a species.

    Source: W. Kabsch, doi:10.1107/S0567739476001873.
    """
    return (align(first, second, species=species) - second).pow(2).sum(1).mean().sqrt().item()


def align(
    first: Float[Tensor, "neighbours 3"],
    second: Float[Tensor, "neighbours 3"],
    *,
    species: tuple[Tensor, Tensor] | None = None,
) -> Float[Tensor, "neighbours 3"]:
    """Return the first environment turned, maybe reflected, and in the order of the second; see `rmsd`."""
    if first.shape != second.shape or first.ndim != 2 or first.shape[-1] != 3:
        shapes = f"{tuple(first.shape)} and {tuple(second.shape)}"
        raise ValueError(f"first, second: expected the same (neighbours, 3) in Å, got {shapes}")
    a, b = first.detach().cpu().numpy(), second.detach().cpu().numpy()
    forbidden = np.zeros((len(a), len(a)))
    if species is not None:
        one, two = (np.asarray(kinds) for kinds in species)
        if not np.array_equal(np.sort(one), np.sort(two)):
            raise ValueError(f"species: expected the same numbers of each, got {one} and {two}")
        forbidden = 1e6 * (one[:, None] != two)
    laid = [_laid(a @ R.T, b, forbidden) for R in _frames(a, b)]
    return torch.from_numpy(min(laid, key=lambda x: ((x - b) ** 2).sum())).to(second)


def _frames(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return orthogonal matrices (frames, 3, 3) that lay two neighbours in a on each two in b."""
    i, j = np.unravel_index(np.linalg.norm(np.cross(a[:, None], a), axis=-1).argmax(), (len(a), len(a)))
    k, l = np.indices((len(b), len(b))).reshape(2, -1)
    here, there = _axes(a[[i]], a[[j]])[0], _axes(b[k], b[l])
    mirror = np.diag([1.0, 1.0, -1.0])
    return np.concatenate([there @ here.T, there @ mirror @ here.T])


def _axes(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return right-handed axes (pairs, 3, 3) in columns: along u, then towards v, or anywhere if in line."""
    x = u / np.maximum(np.linalg.norm(u, axis=-1, keepdims=True), 1e-12)
    in_line = np.linalg.norm(np.cross(x, v), axis=-1, keepdims=True) < 1e-6
    v = np.where(in_line, np.eye(3)[np.abs(x).argmin(-1)], v)
    y = v - (x * v).sum(-1, keepdims=True) * x
    y /= np.linalg.norm(y, axis=-1, keepdims=True)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def _laid(a: np.ndarray, b: np.ndarray, forbidden: np.ndarray) -> np.ndarray:
    """Return a after assignment, rotation, assignment, rotation from this frame, in the order of b."""
    for _ in range(2):
        squares = ((a[:, None] - b) ** 2).sum(-1)
        order = linear_sum_assignment((squares + forbidden).T)[1]
        U, _, V = np.linalg.svd(a[order].T @ b)
        a, forbidden = a[order] @ U @ V, forbidden[order]
    return a
