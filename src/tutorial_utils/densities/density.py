"""A density as coefficients: its values, electrons, dipole and electrostatic potential.

Everything here is a sum over atoms, written in torch: it can be differentiated in coefficients and points,
and a leading axis of the coefficients makes many densities of one structure at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from ase import Atoms
from e3nn import o3
from jaxtyping import Float, Real
from scipy.spatial import cKDTree
from torch import Tensor

from tutorial_utils import structures, symmetry
from tutorial_utils.conventions import BOHR, HARTREE, floating
from tutorial_utils.datasets import Dataset
from tutorial_utils.densities.basis import WATER, Basis, norms, rotate, tensor
from tutorial_utils.descriptors import harmonics
from tutorial_utils.graphs import SAME_POINT

_PAIRS = 100_000  # points times atoms taken at once: 25 harmonics each, 20 MB

# l, exponents (n,), r² (pairs,) -> (pairs, n), what multiplies rˡ Y_lm
RadialFunction = Callable[[int, Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Grid:
    """Points and weights for integrals over all space: ∫ f = Σ weights f(points).

    Attributes:
        points: (points, 3) Å.
        weights: (points,) Å³.
    """

    points: Tensor
    weights: Tensor


@dataclass(frozen=True, eq=False, repr=False)
class Density:
    """Electron density of a molecule or a cluster; electrons count as positive.

    Attributes:
        atoms: positions in Å; not periodic.
        coefficients: (..., functions) | atom by atom, in e3nn's order; leading axes are other densities.
        basis: functions of each element.
    """

    atoms: Atoms
    coefficients: Tensor
    basis: Basis = WATER

    def __repr__(self) -> str:
        many = "×".join(str(n) for n in self.coefficients.shape[:-1])
        electrons = "" if many else f", {float(self.electrons()):.4g} electrons"
        return (
            f"Density({f'{many} of ' if many else ''}{self.atoms.get_chemical_formula()}, "
            f"{self.coefficients.shape[-1]} functions{electrons})"
        )

    def __post_init__(self) -> None:
        check_cluster(self.atoms)
        c, functions = self.coefficients, self.basis.slices(self.atoms.numbers)[-1].stop
        if not isinstance(c, Tensor) or not c.is_floating_point():
            raise ValueError(
                f"coefficients: expected a torch.Tensor of a floating dtype, got {type(c).__name__} of "
                f"{getattr(c, 'dtype', 'no dtype')}; torch.as_tensor(c, dtype=torch.float64)"
            )
        if self.coefficients.shape[-1:] != (functions,):
            raise ValueError(
                f"coefficients: expected (..., {functions}) for {self.atoms.symbols}, "
                f"got {tuple(self.coefficients.shape)}"
            )

    @property
    def irreps(self) -> o3.Irreps:
        """Irreps of all coefficients, atom by atom."""
        return o3.Irreps([part for symbol in self.atoms.symbols for part in self.basis.irreps(symbol)])

    def evaluate(self, points: Real[Tensor, "points 3"]) -> Float[Tensor, "... points"]:
        """Return ρ at points (Å), e/Å³."""
        return self._sum(points, _gaussians) / BOHR**3

    def electrons(self) -> Float[Tensor, "..."]:
        """Return ∫ ρ, the number of electrons."""
        return self.coefficients @ self.basis.charges(self.atoms.numbers).to(self.coefficients)

    def dipole(self, origin: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Float[Tensor, "... 3"]:
        """Return the dipole of nuclei and electrons, e·Å, from minus to plus.

        It does not depend on the origin (Å) if there are as many electrons as charges of nuclei.
        """
        numbers, c = self.atoms.numbers, self.coefficients
        places = torch.tensor(self.atoms.positions - origin).to(c)
        sizes = [part.stop - part.start for part in self.basis.slices(numbers)]
        charges, moments = self.basis.charges(numbers).to(c), self.basis.moments(numbers).to(c)
        per_function = charges[:, None] * places.repeat_interleave(torch.tensor(sizes), 0) + BOHR * moments
        return torch.tensor(numbers).to(c) @ places - c @ per_function

    def potential(self, points: Real[Tensor, "points 3"]) -> Float[Tensor, "... points"]:
        """Return the electrostatic potential of nuclei and electrons at points (Å), V.

        That of a function is rˡ Y_lm times a function of r again: (2π N / a) F_l(a r²), with Boys' F_l.
        """
        points = floating(points)
        places = torch.tensor(self.atoms.positions).to(points)
        charges = torch.tensor(self.atoms.numbers).to(points)
        nuclei = (charges * BOHR / torch.cdist(points, places)).sum(-1)
        return HARTREE * (nuclei - self._sum(points, _potentials))

    def truncated(self, lmax: int) -> "Density":
        """Return the density without the functions of degree above lmax."""
        kept = torch.cat([torch.full((mul * ir.dim,), ir.l <= lmax) for mul, ir in self.irreps])
        return self.with_coefficients(self.coefficients * kept)

    def rotated(self, R: Float[Tensor, "3 3"] | Float[np.ndarray, "3 3"]) -> "Density":
        """Return the density of the structure turned about the origin by an orthogonal R: c -> D(R) c."""
        turned = symmetry.rotate(self.atoms, np.asarray(R))
        turns = torch.as_tensor(R).to(self.coefficients)
        return Density(turned, rotate(self.coefficients, self.irreps, turns), self.basis)

    def with_coefficients(self, coefficients: Float[Tensor, "... functions"]) -> "Density":
        """Return another density of the same structure in the same basis."""
        return replace(self, coefficients=coefficients)

    def __sub__(self, other: "Density") -> "Density":
        """Return the difference of two densities of one structure."""
        if self.atoms != other.atoms:
            raise ValueError("-: the two densities belong to different structures")
        return self.with_coefficients(self.coefficients - other.coefficients)

    def _sum(self, points: Tensor, radial: RadialFunction) -> Tensor:
        """Add up c rˡ Y_lm radial(r) over all functions, a block of points at a time."""
        if points.ndim != 2 or points.shape[1] != 3:
            raise ValueError(f"points: expected (points, 3) in Å, got {tuple(points.shape)}")
        points, block = floating(points), max(1, _PAIRS // len(self.atoms))
        return torch.cat([self._block(part, radial) for part in points.split(block)], -1)

    def _block(self, points: Tensor, radial: RadialFunction) -> Tensor:
        slices = self.basis.slices(self.atoms.numbers)
        places = torch.tensor(self.atoms.positions).to(points)
        total = points.new_zeros(*self.coefficients.shape[:-1], len(points))
        for symbol in sorted(set(self.atoms.symbols)):
            mine = [n for n, other in enumerate(self.atoms.symbols) if other == symbol]
            c = torch.stack([self.coefficients[..., slices[n]] for n in mine], -2)  # (..., atoms, size)
            r = (points[:, None] - places[mine]) / BOHR  # (points, atoms, 3)
            square, shells = r.pow(2).sum(-1), self.basis.shells(symbol)
            Y, start = harmonics(r, max(shells)), 0  # solid: rˡ Y_lm
            for l, exponents in sorted(shells.items()):
                stop = start + len(exponents) * (2 * l + 1)
                part = c[..., start:stop].unflatten(-1, (len(exponents), 2 * l + 1))
                R = radial(l, tensor(exponents).to(points), square)  # (points, atoms, n)
                inner = torch.einsum("pan,...anm->...pam", R, part.to(R))
                total = total + (inner * Y[..., l**2 : (l + 1) ** 2]).sum((-2, -1))
                start = stop
        return total


def _gaussians(l: int, a: Tensor, square: Tensor) -> Tensor:
    """Return N exp(-a r²)."""
    return norms(l, a) * torch.exp(-a * square.unsqueeze(-1))


def _potentials(l: int, a: Tensor, square: Tensor) -> Tensor:
    """Return (2π N / a) F_l(a r²), the Coulomb potential of N rˡ exp(-a r²) Y over rˡ Y."""
    return 2 * torch.pi * norms(l, a) / a * boys(l, a * square.unsqueeze(-1))


def boys(l: int, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Return F_l(x) = ∫₀¹ t^{2l} exp(-x t²) dt, by the incomplete gamma function, for x = 0 too."""
    half = torch.tensor(l + 0.5, dtype=x.dtype)
    near = x < 1e-4  # three terms of the series are exact to 1e-16 there
    safe = torch.where(near, 1.0, x)
    far = torch.lgamma(half).exp() * torch.special.gammainc(half, safe) / (2 * safe**half)
    series = 1 / (2 * l + 1) - x / (2 * l + 3) + x**2 / (2 * (2 * l + 5)) - x**3 / (6 * (2 * l + 7))
    return torch.where(near, series, far)


def check_cluster(atoms: Atoms) -> None:
    """Raise ValueError for a periodic structure, no atoms, or two atoms at one place."""
    structures.plain(atoms)
    if atoms.pbc.any():
        raise ValueError(f"atoms: expected a molecule or a cluster, got a periodic structure, {atoms.pbc}")
    pairs = cKDTree(atoms.positions).query_pairs(SAME_POINT)
    if pairs:
        i, j = sorted(pairs)[0]
        raise ValueError(f"atoms: {atoms.symbols[i]} {i} and {atoms.symbols[j]} {j} are at one place")


def error(density: Density, reference: Density, grid: Grid) -> Float[Tensor, "..."]:
    """Return ε = ∫ |ρ - ρ_ref| / N_e, in %; N_e are the `electrons` of the structure.

    The two may be written in different functions.
    """
    if density.basis == reference.basis:
        values = (density - reference).evaluate(grid.points)
    else:
        values = density.evaluate(grid.points) - reference.evaluate(grid.points)
    return 100 * values.abs() @ grid.weights / electrons(reference.atoms)


def electrons(atoms: Atoms) -> float:
    """Return how many electrons a structure has, from its atomic numbers and initial charges (e)."""
    return float(atoms.numbers.sum() - atoms.get_initial_charges().sum())


def load_density(dataset: Dataset, n: int, name: str = "coefficients") -> Density:
    """Return the density of one cluster of the dataset `water_clusters_pbe`.

    Args:
        dataset: what `datasets.load` returns.
        n: number of the cluster.
        name: ``"coefficients"``, or ``"monomer_coefficients"`` for the sum of its molecules alone.

    Returns:
        The density, in double precision.
    """
    atoms = dataset.structures[n]
    coefficients = dataset[name][n, : len(atoms) // 3].reshape(-1)
    return Density(atoms, torch.tensor(coefficients, dtype=torch.float64))
