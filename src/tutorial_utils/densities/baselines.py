"""What a network has to beat: atoms that are always the same, and a kernel model in the molecule's frame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from jaxtyping import Float, Int
from torch import Tensor

from tutorial_utils.densities.basis import WATER, Basis, rotate
from tutorial_utils.densities.clusters import assembled, molecules
from tutorial_utils.densities.density import Density
from tutorial_utils.descriptors import SphericalBessel, project, smooth_cutoff

_MOLECULE = WATER.irreps("O") + WATER.irreps("H") + WATER.irreps("H")


@dataclass(frozen=True, eq=False)
class ConstantAtoms:
    """Each element has one spherical density, wherever it is: what is left of the truth without surroundings.

    Attributes:
        coefficients: symbol -> (size,) | zero for l > 0.
        basis: functions of each element.
    """

    coefficients: Mapping[str, Tensor]
    basis: Basis = WATER

    @classmethod
    def fit(cls, densities: Sequence[Density]) -> "ConstantAtoms":
        """Take the mean of the l = 0 coefficients of each element."""
        rows = by_element([density.truncated(0) for density in densities])
        return cls({symbol: mine.mean(0) for symbol, mine in rows.items()}, densities[0].basis)

    def predict(self, atoms: Atoms) -> Density:
        """Put the atoms of a structure (Å) side by side.

        Raises:
            ValueError: for an element that was not in the training data.
        """
        strangers = set(atoms.symbols) - set(self.coefficients)
        if strangers:
            raise ValueError(f"atoms: no training data held {', '.join(sorted(strangers))}")
        return Density(atoms, torch.cat([self.coefficients[symbol] for symbol in atoms.symbols]), self.basis)


@dataclass(frozen=True, eq=False)
class FrameKernel:
    """Kernel ridge regression of a water molecule's coefficients, in a frame that the molecule carries along.

    In the frame (bisector, in the plane, normal) numbers need not turn any more, so any regression will do:
    equivariance by a choice of axes. It needs molecules that have such a frame, here H2O. The two hydrogens
    can be swapped and the normal can point both ways: all four frames of a molecule are training data.

    Attributes:
        features: (samples, features) | what the frames see.
        weights: (samples, 105) | of the kernel functions.
        mean: (105,) | coefficients of the average molecule in its frame.
        scale: length in the space of features over which coefficients change.
    """

    features: Tensor
    weights: Tensor
    mean: Tensor
    scale: float

    @classmethod
    def fit(cls, densities: Sequence[Density], *, scale: float, ridge: float) -> "FrameKernel":
        """Solve (K + ridge) w = c - mean for all frames of all molecules, K = exp(-|x - x'|² / 2 scale²).

        Both numbers have to be chosen on validation data; with a ridge that is too small the model follows
        every wiggle of its training data.
        """
        rows, wanted, turns = [], [], []
        for density in densities:
            slices = density.basis.slices(density.atoms.numbers)
            for part in molecules(density.atoms):
                orders, axes = frames(density.atoms, part)
                rows.append(seen(density.atoms, orders, axes))
                wanted += [torch.cat([density.coefficients[slices[n]] for n in order]) for order in orders]
                turns.append(axes)
        x, y = torch.cat(rows), rotate(torch.stack(wanted), _MOLECULE, torch.cat(turns))
        K = torch.exp(-(torch.cdist(x, x) ** 2) / (2 * scale**2))
        weights = torch.linalg.solve(K + ridge * torch.eye(len(K)), y - y.mean(0))
        return cls(x, weights, y.mean(0), scale)

    def predict(self, atoms: Atoms) -> Density:
        """Predict the density of a cluster of water molecules (Å)."""
        found = [frames(atoms, part) for part in molecules(atoms)]
        orders, axes = [order[0] for order, _ in found], torch.stack([turns[0] for _, turns in found])
        x = torch.cat([seen(atoms, order[:1], turns[:1]) for order, turns in found])
        K = torch.exp(-(torch.cdist(x, self.features) ** 2) / (2 * self.scale**2))
        c = rotate(self.mean + K @ self.weights, _MOLECULE, axes.mT)
        parts = [Density(atoms[order], row) for order, row in zip(orders, c, strict=True)]
        return assembled(atoms, orders, parts)


def by_element(densities: Sequence[Density]) -> dict[str, Float[Tensor, "atoms size"]]:
    """Return the coefficients of all atoms of each element, one row an atom."""
    found: dict[str, list[Tensor]] = {}
    for density in densities:
        slices = density.basis.slices(density.atoms.numbers)
        for symbol, place in zip(density.atoms.symbols, slices, strict=True):
            found.setdefault(symbol, []).append(density.coefficients[place])
    return {symbol: torch.stack(rows) for symbol, rows in found.items()}


def frames(atoms: Atoms, molecule: np.ndarray) -> tuple[Int[np.ndarray, "4 3"], Float[Tensor, "4 3 3"]]:
    """Return the four frames of a water molecule: numbers of O, H, H in each, and axes in rows.

    Raises:
        ValueError: if it is no water molecule.
    """
    numbers = atoms.numbers[molecule]
    if sorted(numbers) != [1, 1, 8]:
        raise ValueError(f"atoms: expected molecules of water, got {atoms[molecule].symbols}")
    oxygen, (a, b) = molecule[numbers == 8][0], molecule[numbers == 1]
    orders = np.array([[oxygen, a, b], [oxygen, a, b], [oxygen, b, a], [oxygen, b, a]])
    places = torch.tensor(atoms.positions[orders])
    u, v = ((places[:, n] - places[:, 0]) for n in (1, 2))
    u, v = u / u.norm(dim=1, keepdim=True), v / v.norm(dim=1, keepdim=True)
    bisector, across = u + v, u - v
    normal = torch.linalg.cross(bisector, across) * torch.tensor([1, -1, 1, -1])[:, None]
    axes = torch.stack([bisector, across, normal], 1)
    return orders, axes / axes.norm(dim=2, keepdim=True)


def seen(
    atoms: Atoms, orders: Int[np.ndarray, "frames 3"], axes: Float[Tensor, "frames 3 3"]
) -> Float[Tensor, "frames features"]:
    """Return what a molecule is like and what it has around it, in each of its frames.

    * Its own hydrogens: their coordinates (Å), times 3, for a bond matters more than a far neighbour.
    * Other atoms within 6 Å: coefficients of Dirac deltas, smoothly cut off, oxygen and hydrogen apart.
    """
    centred = torch.tensor(atoms.positions - atoms.positions[orders[0, 0]])
    own = torch.einsum("fij,fnj->fni", axes, centred[orders[:, 1:]])
    others = np.setdiff1d(np.arange(len(atoms)), orders[0])
    around = torch.einsum("fij,nj->fni", axes, centred[others])
    kind = torch.tensor(atoms.numbers[others])[:, None] == torch.tensor([8, 1])
    weights = kind * smooth_cutoff(centred[others].norm(dim=1), 6.0)[:, None]
    c = project(around, SphericalBessel(6, 6.0), 4, weights=weights.expand(len(axes), -1, -1))
    return torch.cat([3 * own.flatten(1), c.flatten(1)], 1)
