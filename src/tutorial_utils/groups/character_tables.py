"""The character table of any finite group of matrices, and what it is good for: decomposition."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Complex, Float, Int

from tutorial_utils.groups import labels
from tutorial_utils.groups.checks import TOLERANCE, checked
from tutorial_utils.groups.finite import Matrices, conjugacy_classes, element_orders, multiplication_table
from tutorial_utils.groups.irreps import characters, find_irreps, image, overlap, projector
from tutorial_utils.groups.rotations import wigner_D


@dataclass(frozen=True, eq=False)
class CharacterTable:
    """Characters of the irreps (rows) on the classes (columns); prints itself as books do.

    Attributes:
        irreps: names of the rows; Mulliken's for point groups (conventions: `groups.labels`), else Γ1, Γ2, …
        class_names: names of the columns, "8C3"; for other groups "8×order 3".
        classes: for each column the numbers of its operations.
        values: (irreps, classes), complex.
    """

    irreps: tuple[str, ...]
    class_names: tuple[str, ...]
    classes: tuple[tuple[int, ...], ...]
    values: Complex[np.ndarray, "irreps classes"]

    @property
    def sizes(self) -> Int[np.ndarray, "classes"]:
        """How many operations each class has."""
        return np.array([len(members) for members in self.classes])

    @property
    def order(self) -> int:
        """How many operations the group has."""
        return int(self.sizes.sum())

    @cached_property
    def dimensions(self) -> dict[str, int]:
        """The dimension of each irrep: its character at the identity, the largest of its characters."""
        return {name: round(np.abs(χ).max()) for name, χ in zip(self.irreps, self.values, strict=True)}

    def __getitem__(self, irrep: str) -> np.ndarray:
        """Return the character of an irrep, one number for each operation; real where it can be."""
        if irrep not in self.irreps:
            raise ValueError(f"irrep: {irrep!r} is none of {', '.join(self.irreps)}")
        χ = np.empty(self.order, dtype=complex)
        for members, value in zip(self.classes, self.values[self.irreps.index(irrep)], strict=True):
            χ[list(members)] = value
        return χ.real if np.abs(χ.imag).max() < 1e-9 else χ

    def __iter__(self) -> Iterator[str]:
        return iter(self.irreps)

    def value(self, irrep: str, class_name: str) -> complex:
        """Return one entry, `table.value("T2g", "6C4")`."""
        if irrep not in self.irreps:
            raise ValueError(f"irrep: {irrep!r} is none of {', '.join(self.irreps)}")
        if class_name not in self.class_names:
            raise ValueError(f"class_name: {class_name!r} is none of {', '.join(self.class_names)}")
        return self.values[self.irreps.index(irrep), self.class_names.index(class_name)]

    def decompose(
        self, representation: Matrices | Float[np.ndarray, " order"] | Complex[np.ndarray, " order"]
    ) -> dict[str, int]:
        """Count how often each irrep occurs: the overlap of characters.

        Args:
            representation: matrices (order, n, n) or their traces (order,), in the order of the operations.

        Returns:
            {irrep: multiplicity}, those that do not occur left out.

        Raises:
            ValueError: if a multiplicity is no whole number, so that this is no representation of the group.
        """
        if not isinstance(representation, np.ndarray) or representation.ndim not in (1, 3):
            raise ValueError(
                f"representation: expected matrices ({self.order}, n, n) or their traces ({self.order},), "
                f"got {type(representation).__name__} of shape {getattr(representation, 'shape', '?')}"
            )
        χ = np.asarray(representation) if np.ndim(representation) == 1 else characters(representation)
        if len(χ) != self.order:
            raise ValueError(f"representation: {len(χ)} operations, the group has {self.order}")
        count = {name: overlap(self[name], χ) / overlap(self[name], self[name]).real for name in self}
        for name, n in count.items():
            if abs(n - round(n.real)) > 0.02:
                raise ValueError(
                    f"representation: contains {name} {n:.3g} times. Another order of operations?"
                )
        return {name: round(n.real) for name, n in count.items() if round(n.real)}

    def bases(self, representation: Matrices) -> dict[str, np.ndarray]:
        """Split a representation's space into one subspace for each irrep, by projectors.

        Args:
            representation: matrices D, (order, n, n). For real ones take `merged()` first: complex irreps
                would split real spaces into complex halves.

        Returns:
            {irrep: (n, dimension × multiplicity)}, orthonormal columns where D is unitary.
        """
        return {name: image(projector(representation, self[name])) for name in self.decompose(representation)}

    def merged(self) -> "CharacterTable":
        """Return the table over the real numbers: complex conjugate irreps added up, as e3nn's are."""
        values = [χ + χ.conj() if np.abs(χ.imag).max() > 1e-9 else χ for χ in self.values]
        rows = [n for n, χ in enumerate(values) if not any(np.allclose(χ, earlier) for earlier in values[:n])]
        return replace(self, irreps=tuple(self.irreps[n] for n in rows), values=np.array(values)[rows])

    def __str__(self) -> str:
        cells = [["", *self.class_names]]
        cells += [[name, *map(_tidy, χ)] for name, χ in zip(self.irreps, self.values, strict=True)]
        width = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            row[0].ljust(width[0])
            + "".join("  " + c.rjust(w) for c, w in zip(row[1:], width[1:], strict=True))
            for row in cells
        ]
        return "\n".join(line.rstrip() for line in lines)


def character_table(operations: Matrices, *, tolerance: float = TOLERANCE) -> CharacterTable:
    """Find the complex irreps of a finite group of matrices, and tabulate their characters.

    Args:
        operations: matrices of a group, all different. Real 3×3 matrices have to be orthogonal, and get
            names as a point group.
        tolerance: see `groups.checks.checked`.

    Returns:
        A table whose rows are orthonormal: Σ_classes size χ* χ' / order = 1 or 0.

    Raises:
        ValueError: if the matrices are no group.
    """
    point_group = np.shape(operations)[1:] == (3, 3) and np.isrealobj(operations)
    if point_group:
        operations, table = checked(operations, tolerance=tolerance)
    else:
        table = multiplication_table(operations, name="operations", tolerance=2 * tolerance)
    classes = conjugacy_classes(table)
    first = [members[0] for members in classes]
    values = np.array([characters(D)[first] for D in find_irreps(table)]).astype(complex)
    if point_group:
        return _point_group(operations, classes, values)
    orders = element_orders(table)
    columns = sorted(range(len(classes)), key=lambda c: (orders[first[c]], len(classes[c])))
    names = tuple(f"{len(classes[c])}×order {orders[first[c]]}" for c in columns)
    rows = tuple(f"Γ{n + 1}" for n in range(len(values)))
    return CharacterTable(rows, names, tuple(classes[c] for c in columns), values[:, columns])


def subduce(
    l: int, operations: Float[np.ndarray, "order 3 3"], *, parity: int | None = None
) -> dict[str, int]:
    """Count the irreps of a point group in degree l of all rotations and reflections: O(3) -> point group.

    Args:
        l: degree; l = 2 in Oh gives {"Eg": 1, "T2g": 1}, the levels of d electrons in a cubic field.
        operations: of the point group.
        parity: 1 or -1; that of the spherical harmonics, (-1)^l, if left out.

    Returns:
        {irrep: multiplicity} over the real numbers: complex conjugates count together.
    """
    R, _ = checked(operations)
    return character_table(R).merged().decompose(wigner_D(l, R, parity=parity))


def _point_group(
    operations: Float[np.ndarray, "order 3 3"], classes: labels.Classes, values: np.ndarray
) -> CharacterTable:
    columns = labels.class_order(labels.lay_out(operations, classes))
    classes, values = tuple(classes[c] for c in columns), values[:, columns]
    layout = labels.lay_out(operations, classes)
    names = labels.irrep_labels(layout, values)
    rows = labels.irrep_order(names)
    return CharacterTable(tuple(names[n] for n in rows), labels.class_labels(layout), classes, values[rows])


def _tidy(value: complex) -> str:
    """Write a character with as few digits as it needs."""
    real, imaginary = round(value.real, 2) + 0.0, round(value.imag, 2) + 0.0
    if not imaginary:
        return f"{real:g}"
    i = {1.0: "i", -1.0: "-i"}.get(imaginary, f"{imaginary:g}i")
    return f"{real:g}{'' if i[0] == '-' else '+'}{i}" if real else i
