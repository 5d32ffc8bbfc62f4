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

from dataclasses import dataclass
from functools import cache
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Shaped

from tutorial_utils.conventions import VOIGT, default_dtype, floating
from tutorial_utils.groups.checks import TOLERANCE, checked, orthogonal

if TYPE_CHECKING:  # only irreps need them, and they take seconds
    from e3nn import o3
    from torch import Tensor

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
        return len(symmetric_basis(self))

    @property
    def irreps(self) -> "o3.Irreps":
        """The irreps that it decomposes into."""
        return _reduced(self)[0]


DIELECTRIC = Property("dielectric", "ε", "ij=ji")
GYRATION = Property("gyration", "g", "ij=ji", axial=True)
PIEZOELECTRIC = Property("piezoelectric", "e", "ijk=ikj")
ELASTIC = Property("elastic", "C", "ijkl=jikl=klij")
PROPERTIES = (DIELECTRIC, GYRATION, PIEZOELECTRIC, ELASTIC)

ASYMMETRY = 0.2  # of the largest entry; more is no noise
_VOIGT_SHAPES = MappingProxyType({2: (6,), 3: (3, 6), 4: (6, 6)})
_SHEAR = MappingProxyType({"stress": 1.0, "strain": 2.0, "kelvin": 2.0**0.5})


# --- averaging over index exchanges and over operations ---


@cache
def index_symmetries(formula: str) -> tuple[tuple[int, ...], ...]:
    """Return all permutations of the indices that a formula such as "ijk=ikj" generates, identity first."""
    first, *others = formula.split("=") if isinstance(formula, str) else [""]
    if not first or not others or any(sorted(each) != sorted(set(first)) for each in others):
        raise ValueError(
            f'formula: expected orders of the same different letters, such as "ijk=ikj", got {formula!r}'
        )
    generators = [tuple(first.index(letter) for letter in other) for other in others]
    found = [tuple(range(len(first)))]
    for permutation in found:  # the list grows while it is walked
        for other in generators:
            composed = tuple(permutation[n] for n in other)
            if composed not in found:
                found.append(composed)
    return tuple(found)


@cache
def symmetric_basis(kind: Property) -> Float[np.ndarray, "dim *indices"]:
    """Return an orthonormal basis of the tensors with the property's index symmetry (read-only).

    Each elementary tensor, one 1 among zeros, is averaged over the exchanges of indices; equal averages
    are kept once. Those that remain share no component, so they are orthogonal.
    """
    shape, found = (3,) * _known(kind).rank, {}
    for place in product(range(3), repeat=kind.rank):
        orbit = sorted({tuple(place[n] for n in order) for order in index_symmetries(kind.formula)})
        tensor = np.zeros(shape)
        tensor[tuple(np.transpose(orbit))] = len(orbit) ** -0.5
        found[orbit[0]] = tensor
    table = np.array(list(found.values()))
    table.flags.writeable = False
    return table


def rotate_tensor(
    kind: Property, tensor: Float[np.ndarray, "*indices"], R: Float[np.ndarray, "... 3 3"]
) -> Float[np.ndarray, "..."]:
    """Rotate a tensor: R acts on each of its indices; an axial one also takes the sign of det R.

    Args:
        kind: which property.
        tensor: (3, ..., 3), or several of them in leading axes.
        R: one orthogonal matrix (3, 3), or several (..., 3, 3) that match the leading axes.

    Raises:
        ValueError: where R is not orthogonal, for example in the basis of a lattice.
    """
    tensor, R = _indices(kind, tensor), orthogonal(R)
    for axis in range(-kind.rank, 0):
        moved = np.moveaxis(tensor, axis, -1)[..., None]  # (..., 3, 1)
        apply = R.reshape(*R.shape[:-2], *(1,) * (kind.rank - 1), 3, 3)
        tensor = np.moveaxis((apply @ moved)[..., 0], -1, axis)
    sign = np.linalg.det(R).round().reshape(*R.shape[:-2], *(1,) * kind.rank)
    return tensor * sign if kind.axial else tensor


def representation(kind: Property, operations: Operations) -> Float[np.ndarray, "order dim dim"]:
    """Return the matrices by which operations act on the coefficients of `basis`."""
    table, R = symmetric_basis(_known(kind)), orthogonal(operations, name="operations").reshape(-1, 3, 3)
    rows = table.reshape(len(table), -1)
    turned = rotate_tensor(kind, table, R[:, None])  # (order, dim, 3, ..., 3)
    return np.swapaxes(turned.reshape(len(R), len(table), -1) @ rows.T, 1, 2)


def invariant_projector(
    kind: Property, operations: Operations, *, tolerance: float = TOLERANCE
) -> Float[np.ndarray, "dim dim"]:
    """Return the projector on tensors that no operation changes, in the coefficients of `basis`.

    Neumann's principle as a matrix: P = (1/|G|) Σ D(g). It is symmetric, P² = P.

    Args:
        kind: which property.
        operations: all of a point group, as Cartesian orthogonal matrices; `groups.operations` gives those
            of a crystal.
        tolerance: how far R Rᵀ may be from 1; the nearest orthogonal matrices that form a group are taken.

    Raises:
        ValueError: where they are not orthogonal, occur twice or are no group. Traces, and so counts, would
            not tell.
    """
    R, _ = checked(operations, tolerance=tolerance)
    return representation(kind, R).mean(axis=0)


def independent_constants(kind: Property, operations: Operations, *, tolerance: float = TOLERANCE) -> int:
    """Return how many constants a crystal with these operations has, the axes being fixed: tr P."""
    return round(float(np.trace(invariant_projector(kind, operations, tolerance=tolerance))))


def symmetrise(
    kind: Property,
    tensor: Float[np.ndarray, "*indices"],
    operations: Operations,
    *,
    tolerance: float = TOLERANCE,
) -> Float[np.ndarray, "*indices"]:
    """Return the nearest tensor that obeys the point group: the average of all turned copies."""
    table, tensor = symmetric_basis(_known(kind)), _indices(kind, tensor)
    rows = table.reshape(len(table), -1)
    flat = tensor.reshape(*tensor.shape[: -kind.rank], -1)
    kept = flat @ rows.T @ invariant_projector(kind, operations, tolerance=tolerance) @ rows
    return kept.reshape(tensor.shape)


def pattern(
    kind: Property, operations: Operations, *, tolerance: float = TOLERANCE
) -> Shaped[np.ndarray, "..."]:
    """Return Voigt's table with words in it: which entries are zero, equal, or tied to others.

    The independent entries are the first ones in the order of reading; "·" is zero.
    The convention is "stress": in class 32, e26 = -e11 and C66 = (C11-C12)/2. In axes that do not fit the
    crystal some coefficients are neither fractions nor roots; these stand with four digits.

    Returns:
        array of str: (6,) for two indices, (3, 6) for three, (6, 6) for four.
    """
    values, directions = np.linalg.eigh(invariant_projector(kind, operations, tolerance=tolerance))
    tables = to_voigt(kind, np.tensordot(directions[:, values > 0.5].T, symmetric_basis(kind), axes=1))
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
        if len(free) and np.abs(free).max() > 1e-7:
            n, m = len(pivots), len(pivots) + int(np.abs(free).argmax())
            rows[np.array([n, m])] = rows[np.array([m, n])]
            rows[n] = rows[n] / rows[n, column]
            rows -= np.outer(np.where(np.arange(len(rows)) == n, 0, rows[:, column]), rows[n])
            pivots.append(column)
    return rows, pivots


def _words(coefficients: Float[np.ndarray, "n"], symbols: list[str]) -> str:
    """Write a linear combination with small fractions and roots: "·", "-e11", "(C11-C12)/2", "√2e15"."""
    scaled = ((d, [_number(d * abs(c)) for c in coefficients]) for d in range(1, 13))
    plain = [f"{abs(c):.4g}" for c in coefficients]  # in axes that do not fit the crystal
    denominator, sizes = next(((d, found) for d, found in scaled if None not in found), (1, plain))
    terms = ""
    for number, size, symbol in zip(coefficients, sizes, symbols, strict=True):
        if abs(number) > 1e-6:
            terms += f"{'-' if number < 0 else '+'}{'' if size == '1' else size}{symbol}"
    terms = terms.removeprefix("+")
    return (f"({terms})/{denominator}" if denominator > 1 else terms) or "·"


def _number(size: float) -> str | None:
    """Write a whole number, or the root of one up to 50; None for any other."""
    if abs(size - round(size)) < 1e-6:
        return str(round(size))
    return f"√{round(size**2)}" if size**2 < 50 and abs(size**2 - round(size**2)) < 1e-6 else None


# --- irreps ---


@cache
def _reduced(kind: Property) -> "tuple[o3.Irreps, Tensor]":
    """Return irreps and the orthogonal change of basis (dim, 3^rank), always in float64."""
    import torch
    from e3nn import o3

    vectors = dict.fromkeys(kind.formula[: kind.rank], "1o")
    with default_dtype(torch.float64):
        reduced = o3.ReducedTensorProducts(kind.formula, **vectors)
    parity = -1 if kind.axial else 1
    irreps = o3.Irreps([(mul, (ir.l, parity * ir.p)) for mul, ir in reduced.irreps_out])
    return irreps, reduced.change_of_basis.flatten(1)


def to_irreps(kind: Property, tensor: "Tensor") -> "Tensor":
    """Return the coefficients of `kind.irreps`, (..., 3, ..., 3) -> (..., dim): an isometry."""
    from torch import Tensor

    if not isinstance(tensor, Tensor):
        raise ValueError(f"tensor: expected a torch.Tensor, got {type(tensor).__name__}; torch.as_tensor(T)")
    _check_indices(kind, tuple(tensor.shape))
    tensor = floating(tensor)
    _check_symmetric(kind, tensor.detach().cpu().numpy())
    Q = _reduced(kind)[1].to(tensor)
    return tensor.flatten(tensor.ndim - kind.rank) @ Q.T


def from_irreps(kind: Property, coefficients: "Tensor") -> "Tensor":
    """Return the Cartesian tensor, (..., dim) -> (..., 3, ..., 3); the inverse of `to_irreps`."""
    from torch import Tensor

    if not isinstance(coefficients, Tensor) or coefficients.shape[-1:] != (_known(kind).dim,):
        raise ValueError(
            f"coefficients: expected a torch.Tensor (..., {kind.dim}) for {kind.irreps}, got "
            f"{type(coefficients).__name__} of shape {tuple(np.shape(coefficients))}"
        )
    coefficients = floating(coefficients)
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
        ValueError: for an unknown convention, or a tensor that is far from symmetric in its pairs.
    """
    factor, (i, j) = _factors(convention), np.transpose(VOIGT)
    tensor = _indices(kind, tensor)
    _check_symmetric(kind, tensor)
    table = tensor[..., i, j] * factor
    return table[..., i, j, :] * factor[:, None] if kind.rank == 4 else table


def from_voigt(
    kind: Property, table: Float[np.ndarray, "..."], *, convention: str = "stress"
) -> Float[np.ndarray, "*batch_and_indices"]:
    """Return the Cartesian tensor of a table; the inverse of `to_voigt`, with the same arguments.

    Raises:
        ValueError: for a table of another shape, or one of four indices that is far from symmetric, such as
            the upper triangle that some programs write. The small asymmetry of a measured one is kept.
    """
    factor, place = _factors(convention), np.zeros((3, 3), dtype=int)
    table = _table(kind, table)
    for n, (i, j) in enumerate(VOIGT):
        place[i, j] = place[j, i] = n
    tensor = (table / factor)[..., place]
    return (tensor / factor[:, None, None])[..., place, :, :] if kind.rank == 4 else tensor


def _factors(convention: str) -> Float[np.ndarray, "6"]:
    if convention not in _SHEAR:
        raise ValueError(f"convention: expected one of {', '.join(_SHEAR)}, got {convention!r}")
    return np.array([1.0] * 3 + [_SHEAR[convention]] * 3)


# --- arguments ---


def _known(kind: Property) -> Property:
    if not isinstance(kind, Property):
        raise ValueError(f"kind: expected a Property such as tensors.ELASTIC, got {kind!r}")
    return kind


def _check_indices(kind: Property, shape: tuple[int, ...]) -> None:
    """Refuse a shape that does not end in the indices of the property."""
    if shape[-_known(kind).rank :] == (3,) * kind.rank:
        return
    voigt = _VOIGT_SHAPES.get(kind.rank, ())
    cure = f"; a table of Voigt's becomes a tensor by from_voigt({kind.name.upper()}, table)"
    raise ValueError(
        f"tensor: expected {kind.rank} indices, (..., {', '.join('3' * kind.rank)}), for {kind.name}, got "
        f"shape {shape}{cure if shape[-len(voigt) :] == voigt else ''}"
    )


def _check_symmetric(kind: Property, tensor: np.ndarray) -> None:
    """Refuse a tensor whose indices do not exchange as its property's do: part of it would be lost.

    The small asymmetry of a measured or predicted one is let through, as in `from_voigt`.
    """
    batch = tensor.ndim - kind.rank
    for order in index_symmetries(kind.formula)[1:]:
        turned = tensor.transpose(*range(batch), *(batch + n for n in order))
        gap = np.abs(tensor - turned).max(initial=0)
        if gap > ASYMMETRY * np.abs(tensor).max(initial=0):
            letters = kind.formula[: kind.rank]
            other = "".join(letters[n] for n in order)
            raise ValueError(
                f"tensor: {kind.name} ones obey T_{letters} = T_{other}, but here these differ by {gap:.2g}; "
                "do its indices stand in another order? If the asymmetry means nothing, take the mean of both"
            )


def _indices(kind: Property, tensor: Float[np.ndarray, "*batch_and_indices"]) -> np.ndarray:
    """Return a tensor as an array of numbers with the indices of the property."""
    array = _numbers(tensor, "tensor")
    _check_indices(kind, array.shape)
    return array


def _table(kind: Property, table: Float[np.ndarray, "..."]) -> np.ndarray:
    """Return a table as an array of the shape that Voigt gives to the property."""
    array, shape = _numbers(table, "table"), _VOIGT_SHAPES.get(_known(kind).rank, ())
    if array.shape[-len(shape) :] != shape:
        raise ValueError(f"table: expected (..., {', '.join(map(str, shape))}), got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("table: expected finite numbers, got NaN or infinity")
    if kind.rank == 4 and not _nearly_symmetric(array):
        raise ValueError(
            "table: expected a symmetric one, table[i, j] = table[j, i], but they differ by more than a "
            "fifth of the largest entry; np.triu(C) + np.triu(C, 1).T completes the upper triangle"
        )
    return array


def _nearly_symmetric(table: Float[np.ndarray, "*batch n n"]) -> bool:
    gap = np.abs(table - np.swapaxes(table, -1, -2)).max(initial=0)
    one_sided = not (np.tril(table, -1).any() and np.triu(table, 1).any()) and gap > 0
    return bool(not one_sided and gap <= ASYMMETRY * np.abs(table).max(initial=0))


def _numbers(values: object, name: str) -> np.ndarray:
    try:
        array = np.asarray(values)
    except ValueError:
        array = np.empty(0, dtype=object)  # rows of different lengths
    if array.dtype.kind not in "iufc":
        raise ValueError(f"{name}: expected an array of numbers, got {type(values).__name__}")
    return array
