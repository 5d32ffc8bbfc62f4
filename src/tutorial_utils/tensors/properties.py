"""Property tensors: Cartesian arrays, Voigt's tables, irreps, and what a point group leaves of them.

A property is a linear relation between fields, so it turns with the crystal: every index is a vector's.
Neumann's principle: no operation of the point group changes the tensor. The average over the group is the
projector on such tensors, its trace the number of independent constants.

========== ================ ============= ==========================
property   index symmetry   irreps        relates
========== ================ ============= ==========================
DIELECTRIC ij = ji          0e + 2e       displacement, field
GYRATION   ij = ji, axial   0o + 2o       how far light's plane of
                                          polarization turns, direction
PIEZO…     ijk = ikj        2x1o+2o+3o    polarization, strain
ELASTIC    ijkl=jikl=klij   2x0e+2x2e+4e  stress, strain
========== ================ ============= ==========================

Voigt's tables write a symmetric pair of indices as one, in the order xx yy zz yz xz xy (`conventions.VOIGT`).
Three conventions differ in the factor of a shear (yz, xz, xy):

* "stress", factor 1: stress, stiffness C, piezoelectric e, dielectric and gyration tensors;
* "strain", factor 2: strain (engineering shear γ = 2ε), compliance S, piezoelectric d;
* "kelvin", factor √2 (Kelvin's, also called Mandel's): the same for all, and lengths are kept.

So C @ S = 1 with C in "stress" and S in "strain", and in "kelvin" for both.
Arrays with Cartesian indices are numpy's; coefficients of irreps are torch's, because networks predict them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import product
from types import MappingProxyType

import numpy as np
import torch
from e3nn import o3
from jaxtyping import Float, Shaped
from torch import Tensor

from tutorial_utils.conventions import VOIGT

Operations = Float[np.ndarray, "order 3 3"]


@dataclass(frozen=True)
class Property:
    """A kind of property tensor.

    Attributes:
        name: for people.
        symbol: letter of its components.
        formula: which exchanges of indices change nothing, as `e3nn.o3.ReducedTensorProducts` takes it.
        axial: whether an improper operation brings a further factor -1, as for pseudovectors.
    """

    name: str
    symbol: str
    formula: str
    axial: bool = False

    @property
    def rank(self) -> int:
        """Number of indices."""
        return self.formula.index("=")

    @property
    def dim(self) -> int:
        """Number of independent components without any crystal symmetry."""
        return len(basis(self))

    @property
    def irreps(self) -> o3.Irreps:
        """The irreps that it decomposes into."""
        return _reduced(self)[0]


DIELECTRIC = Property("dielectric", "ε", "ij=ji")
GYRATION = Property("gyration", "g", "ij=ji", axial=True)
PIEZOELECTRIC = Property("piezoelectric", "e", "ijk=ikj")
ELASTIC = Property("elastic", "C", "ijkl=jikl=klij")
PROPERTIES = (DIELECTRIC, GYRATION, PIEZOELECTRIC, ELASTIC)

_SHEAR = MappingProxyType({"stress": 1.0, "strain": 2.0, "kelvin": 2.0**0.5})


# --- averaging over index exchanges and over operations ---


@cache
def index_symmetries(formula: str) -> tuple[tuple[int, ...], ...]:
    """Return all permutations of the indices that a formula such as "ijk=ikj" generates, identity first."""
    first, *others = formula.split("=")
    generators = [tuple(first.index(letter) for letter in other) for other in others]
    found = [tuple(range(len(first)))]
    for permutation in found:  # the list grows while it is walked
        for other in generators:
            composed = tuple(permutation[n] for n in other)
            if composed not in found:
                found.append(composed)
    return tuple(found)


@cache
def basis(kind: Property) -> Float[np.ndarray, "dim *indices"]:
    """Return an orthonormal basis of the tensors with the property's index symmetry (read-only).

    Each elementary tensor, one 1 among zeros, is averaged over the exchanges of indices; equal averages
    are kept once. Those that remain share no component, so they are orthogonal.
    """
    shape, found = (3,) * kind.rank, {}
    for place in product(range(3), repeat=kind.rank):
        orbit = sorted({tuple(place[n] for n in order) for order in index_symmetries(kind.formula)})
        tensor = np.zeros(shape)
        tensor[tuple(np.transpose(orbit))] = len(orbit) ** -0.5
        found[orbit[0]] = tensor
    table = np.array(list(found.values()))
    table.flags.writeable = False
    return table


def turn(kind: Property, tensor: Float[np.ndarray, "*indices"], R: Operations) -> Float[np.ndarray, "..."]:
    """Turn a tensor: R acts on each of its indices; an axial one also takes the sign of det R.

    Args:
        kind: which property.
        tensor: (3, ..., 3), or several of them in leading axes.
        R: one orthogonal matrix (3, 3), or several (..., 3, 3) that match the leading axes.

    Raises:
        ValueError: where R is not orthogonal, for example in the basis of a lattice.
    """
    R = _orthogonal(R)
    for axis in range(-kind.rank, 0):
        moved = np.moveaxis(tensor, axis, -1)[..., None]  # (..., 3, 1)
        apply = R.reshape(*R.shape[:-2], *(1,) * (kind.rank - 1), 3, 3)
        tensor = np.moveaxis((apply @ moved)[..., 0], -1, axis)
    sign = np.linalg.det(R).round().reshape(*R.shape[:-2], *(1,) * kind.rank)
    return tensor * sign if kind.axial else tensor


def representation(kind: Property, operations: Operations) -> Float[np.ndarray, "order dim dim"]:
    """Return the matrices by which operations act on the coefficients of `basis`."""
    table = basis(kind)
    rows = table.reshape(len(table), -1)
    turned = turn(kind, table, np.asarray(operations)[:, None])  # (order, dim, 3, ..., 3)
    return np.swapaxes(turned.reshape(len(operations), len(table), -1) @ rows.T, 1, 2)


def invariant_projector(kind: Property, operations: Operations) -> Float[np.ndarray, "dim dim"]:
    """Return the projector on tensors that no operation changes, in the coefficients of `basis`.

    Neumann's principle as a matrix: P = (1/|G|) Σ D(g). It is symmetric, P² = P.

    Args:
        kind: which property.
        operations: all of a point group, as Cartesian orthogonal matrices.

    Raises:
        ValueError: where an operation is not orthogonal. Traces, and so counts, would not tell.
    """
    return representation(kind, operations).mean(axis=0)


def independent_constants(kind: Property, operations: Operations) -> int:
    """Return how many constants a crystal with these operations has, the axes being fixed: tr P."""
    return round(float(np.trace(invariant_projector(kind, operations))))


def project(
    kind: Property, tensor: Float[np.ndarray, "*indices"], operations: Operations
) -> Float[np.ndarray, "*indices"]:
    """Return the nearest tensor that obeys the point group: the average of all turned copies."""
    table = basis(kind)
    rows = table.reshape(len(table), -1)
    flat = np.asarray(tensor).reshape(*np.shape(tensor)[: -kind.rank], -1)
    kept = flat @ rows.T @ invariant_projector(kind, operations) @ rows
    return kept.reshape(np.shape(tensor))


def pattern(kind: Property, operations: Operations) -> Shaped[np.ndarray, "..."]:
    """Return Voigt's table with words in it: which entries are zero, equal, or tied to others.

    The independent entries are the first ones in the order of reading; "·" is zero.
    The convention is "stress": in class 32, e26 = -e11 and C66 = (C11-C12)/2.

    Returns:
        array of str: (6,) for two indices, (3, 6) for three, (6, 6) for four.
    """
    values, directions = np.linalg.eigh(invariant_projector(kind, operations))
    tables = to_voigt(kind, np.tensordot(directions[:, values > 0.5].T, basis(kind), axes=1))
    echelon, pivots = _row_echelon(tables.reshape(len(tables), int(np.prod(tables.shape[1:]))))
    places = list(np.ndindex(*tables.shape[1:]))
    symbols = [kind.symbol + "".join(str(n + 1) for n in places[pivot]) for pivot in pivots]
    words = [_words(column, symbols) for column in echelon.T]
    return np.array(words).reshape(tables.shape[1:])


def _row_echelon(rows: Float[np.ndarray, "n m"]) -> tuple[Float[np.ndarray, "n m"], list[int]]:
    """Return the reduced row echelon form of independent rows, and the columns of its leading ones."""
    rows, pivots = rows.copy(), list[int]()
    for column in range(rows.shape[1]):
        free = rows.T[column, len(pivots) :]
        if len(free) and np.abs(free).max() > 1e-9:
            n, m = len(pivots), len(pivots) + int(np.abs(free).argmax())
            rows[np.array([n, m])] = rows[np.array([m, n])]
            rows[n] = rows[n] / rows[n, column]
            rows -= np.outer(np.where(np.arange(len(rows)) == n, 0, rows[:, column]), rows[n])
            pivots.append(column)
    return rows, pivots


def _words(coefficients: Float[np.ndarray, "n"], symbols: list[str]) -> str:
    """Write a linear combination with whole or half coefficients: "·", "-e11", "(C11-C12)/2"."""
    whole = np.abs(coefficients - coefficients.round()).max(initial=0) < 1e-9
    terms = ""
    for number, symbol in zip((coefficients * (1 if whole else 2)).round(6), symbols, strict=True):
        if number:
            size = "" if abs(number) == 1 else f"{abs(number):g}"
            terms += f"{'-' if number < 0 else '+'}{size}{symbol}"
    return (terms.removeprefix("+") if whole else f"({terms.removeprefix('+')})/2") or "·"


# --- irreps ---


@contextmanager
def float64_default() -> Iterator[None]:
    """Let e3nn make its constants in float64; it takes the default dtype, and float32 is 1e-7 off."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@cache
def _reduced(kind: Property) -> tuple[o3.Irreps, Tensor]:
    """Return irreps and the orthogonal change of basis (dim, 3^rank), always in float64."""
    vectors = dict.fromkeys(kind.formula[: kind.rank], "1o")
    with float64_default():
        reduced = o3.ReducedTensorProducts(kind.formula, **vectors)
    parity = -1 if kind.axial else 1
    irreps = o3.Irreps([(mul, (ir.l, parity * ir.p)) for mul, ir in reduced.irreps_out])
    return irreps, reduced.change_of_basis.flatten(1)


def to_irreps(kind: Property, tensor: Float[Tensor, "*batch_and_indices"]) -> Float[Tensor, "*batch dim"]:
    """Return the coefficients of the irreps `kind.irreps`; an isometry, unlike Voigt's table."""
    Q = _reduced(kind)[1].to(tensor)
    return tensor.flatten(tensor.ndim - kind.rank) @ Q.T


def from_irreps(
    kind: Property, coefficients: Float[Tensor, "*batch dim"]
) -> Float[Tensor, "*batch_and_indices"]:
    """Return the Cartesian tensor of given coefficients; the inverse of `to_irreps`."""
    Q = _reduced(kind)[1].to(coefficients)
    return (coefficients @ Q).unflatten(-1, (3,) * kind.rank)


# --- Voigt's tables ---


def to_voigt(
    kind: Property, tensor: Float[np.ndarray, "*batch_and_indices"], *, convention: str = "stress"
) -> Float[np.ndarray, "..."]:
    """Write each symmetric pair of indices as one, counted as in `conventions.VOIGT`.

    Args:
        kind: which property; what counts are its pairs, so ELASTIC serves a compliance too.
        tensor: two indices (..., 3, 3) -> (..., 6); three -> (..., 3, 6); four -> (..., 6, 6).
        convention: "stress", "strain" or "kelvin", see the head of this module.

    Raises:
        ValueError: for an unknown convention.
    """
    factor, (i, j) = _factors(convention), np.transpose(VOIGT)
    table = np.asarray(tensor)[..., i, j] * factor
    return table[..., i, j, :] * factor[:, None] if kind.rank == 4 else table


def from_voigt(
    kind: Property, table: Float[np.ndarray, "..."], *, convention: str = "stress"
) -> Float[np.ndarray, "*batch_and_indices"]:
    """Return the Cartesian tensor of a table; the inverse of `to_voigt`, with the same arguments."""
    factor, place = _factors(convention), np.zeros((3, 3), dtype=int)
    for n, (i, j) in enumerate(VOIGT):
        place[i, j] = place[j, i] = n
    tensor = (np.asarray(table) / factor)[..., place]
    return (tensor / factor[:, None, None])[..., place, :, :] if kind.rank == 4 else tensor


def _factors(convention: str) -> Float[np.ndarray, "6"]:
    if convention not in _SHEAR:
        raise ValueError(f"convention: expected one of {', '.join(_SHEAR)}, got {convention!r}")
    return np.array([1.0] * 3 + [_SHEAR[convention]] * 3)


def _orthogonal(R: Operations) -> Operations:
    R = np.asarray(R, dtype=float)
    error = np.abs(R @ np.swapaxes(R, -1, -2) - np.eye(3)).max()
    if error > 1e-6:
        raise ValueError(
            f"operations: expected orthogonal matrices (..., 3, 3), but R Rᵀ differs from 1 by {error:.2g}. "
            "spglib's, in a lattice's basis, become Cartesian by A W A⁻¹, columns of A the lattice vectors"
        )
    return R
