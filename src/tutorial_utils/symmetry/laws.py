"""The laws of symmetry: what is done to the input must be seen in the output."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from e3nn import o3
from torch import Tensor
from torch_geometric.data import Data

from tutorial_utils.symmetry import transformations
from tutorial_utils.symmetry.trials import matrix_of

LAWS = ("rotation", "parity", "translation", "permutation", "supercell")


@dataclass(frozen=True)
class Law:
    """One symmetry law, f(act_in(g, x)) = act_out(g, f(x)).

    A law of one's own is one line. Positions that a denoising model or an EGNN gives back should move along
    with the origin; `equivariance_report` takes this law in ``laws=["rotation", "parity", moves_along]``:

    >>> import torch
    >>> from tutorial_utils import symmetry
    >>> moves_along = Law(
    ...     "moves along",
    ...     sample=lambda rng, x: torch.tensor(rng.normal(size=3)),
    ...     act_in=lambda shift, x: symmetry.translate(x, shift),
    ...     act_out=lambda shift, y: y + shift.to(y),
    ... )

    Attributes:
        name: one word.
        sample: (rng, x) -> g, draws a transformation that fits x.
        act_in: (g, x) -> transformed copy of the input.
        act_out: (g, y) -> transformed output, y of shape (..., dim).
        deform: (rng, x) -> a slightly different input; only for inputs that are neither a structure
            nor a tensor, to see whether the output is constant.
    """

    name: str
    sample: Callable[[np.random.Generator, Any], Any]
    act_in: Callable[[Any, Any], Any]
    act_out: Callable[[Any, Tensor], Tensor]
    deform: Callable[[np.random.Generator, Any], Any] | None = None


def laws_for(
    x: Any, irreps_in: o3.Irreps | None, irreps_out: o3.Irreps, *, per: str, size: str | None, group: str
) -> Iterator[Law]:
    """Give the laws of `LAWS` that can be tested on an input, in that order.

    Args:
        x: atoms, a graph, or a tensor (..., irreps_in.dim); nothing applies to anything else.
        irreps_in: how a tensor transforms.
        irreps_out: how the output transforms.
        per: "system" or "atom".
        size: "intensive", "extensive" or None.
        group: "O(3)", or "SO(3)" for rotations without inversion.

    Returns:
        Permutation needs two atoms; the supercell law needs a periodic structure, and a declared size
        where there is one output a system.
    """
    structure = isinstance(x, Atoms | Data)
    if structure or (isinstance(x, Tensor) and irreps_in is not None):
        rotation, parity = _orthogonal(irreps_in, irreps_out)
        yield rotation
        if group == "O(3)":
            yield parity
    if structure:
        yield _translation()
        if len(transformations.positions_of(x)) > 1:
            yield _permutation(per)
        if transformations.pbc_of(x).any() and (per == "atom" or size):
            yield _supercell(per, size)


def _orthogonal(irreps_in: o3.Irreps | None, irreps_out: o3.Irreps) -> tuple[Law, Law]:
    """Rotation and parity: the same actions, sampled differently."""

    def act_in(R: np.ndarray, x: Any) -> Any:
        if irreps_in is None:
            return transformations.rotate(x, R)
        return x @ matrix_of(irreps_in, R).to(x).T

    def act_out(R: np.ndarray, y: Tensor) -> Tensor:
        return y @ matrix_of(irreps_out, R).to(y).T

    return (
        Law("rotation", lambda rng, x: transformations.random_rotation(rng), act_in, act_out),
        Law("parity", lambda rng, x: -np.eye(3), act_in, act_out),
    )


def _translation() -> Law:
    """Shift everything; from the second trial on, also move atoms to periodic images of themselves."""
    to_images = itertools.chain([0], itertools.repeat(1))

    def sample(rng: np.random.Generator, x: Any) -> tuple[np.ndarray, np.ndarray]:
        cells = rng.integers(-1, 2, size=(len(transformations.positions_of(x)), 3))
        return rng.normal(size=3), next(to_images) * transformations.pbc_of(x) * cells

    def act_in(g: tuple[np.ndarray, np.ndarray], x: Any) -> Any:
        return transformations.reimage(transformations.translate(x, g[0]), g[1])

    return Law("translation", sample, act_in, lambda g, y: y)


def _permutation(per: str) -> Law:
    def sample(rng: np.random.Generator, x: Any) -> np.ndarray:
        atoms = len(transformations.positions_of(x))
        order = rng.permutation(atoms)
        return order if (order != np.arange(atoms)).any() else np.roll(order, 1)

    return Law(
        "permutation",
        sample,
        lambda g, x: transformations.permute(x, g),
        lambda g, y: y[g] if per == "atom" else y,
    )


def _supercell(per: str, size: str | None) -> Law:
    def sample(rng: np.random.Generator, x: Any) -> tuple[int, ...]:
        periodic = transformations.pbc_of(x)
        doubled = periodic & (rng.random(3) < 0.5)
        doubled[rng.choice(np.flatnonzero(periodic))] = True
        return tuple(int(n) for n in np.where(doubled, 2, 1))

    def act_out(repeats: tuple[int, ...], y: Tensor) -> Tensor:
        copies = int(np.prod(repeats))
        if per == "atom":
            return y.repeat(copies, 1)
        return copies * y if size == "extensive" else y

    return Law("supercell", sample, lambda g, x: transformations.supercell(x, g), act_out)
