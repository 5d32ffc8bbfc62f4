"""From force constants to frequencies: the dynamical matrix and its eigenvalues.

An atom i of the first cell and an atom j of any cell, at the vector v from i, are joined by a 3 x 3 matrix
Φ, minus the force on i where j moves by 1 Å. A wave of wave vector q moves atoms by u_i e^(2πi q·v)/√m_i, so

    D_ij(q) = 1/√(m_i m_j) Σ_v Φ_ij(v) e^(2πi q·v),    D(q) u = ω² u.

q is given in units of the reciprocal lattice vectors, frequencies are ω/2π in THz; a negative one stands for
an imaginary one: a crystal that is not stable, or a calculation that is not converged.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.geometry import minkowski_reduce
from jaxtyping import Complex, Float, Int

from tutorial_utils.conventions import COULOMB

THZ = np.sqrt(units._e * 1e20 / units._amu) / (2e12 * np.pi)  # frequency of the root of 1 eV/(Å² u)
WAVENUMBER = units._c * 1e-10  # THz of 1/cm
EQUAL_LENGTHS = 1e-4  # Å; images whose distances differ by less share a force constant


@dataclass(frozen=True, eq=False, repr=False)
class ForceConstants:
    """What it costs to move atoms of a crystal, pair by pair.

    Attributes:
        atoms: the primitive cell; its masses count.
        pairs: (2, pairs) | atom i and atom j of each pair, as numbered in `atoms`.
        vectors: (pairs, 3) | from i to the image of j that is meant, Å.
        values: (pairs, 3, 3) | Φ, eV/Å².
        share: (pairs,) | which part of an atom of the supercell the pair stands for (1/2 if two images are
            equally near).
    """

    atoms: Atoms
    pairs: Int[np.ndarray, "2 pairs"]
    vectors: Float[np.ndarray, "pairs 3"]
    values: Float[np.ndarray, "pairs 3 3"]
    share: Float[np.ndarray, " pairs"]

    def __repr__(self) -> str:
        reach = np.linalg.norm(self.vectors, axis=1).max(initial=0.0)
        return f"ForceConstants({self.atoms.symbols}: {len(self.share)} pairs up to {reach:.2f} Å)"

    @property
    def sums(self) -> Float[np.ndarray, "atoms 3 3"]:
        """Σ_j Φ_ij, eV/Å²: what it costs atom i to move with the whole crystal. It should cost nothing."""
        total = np.zeros((len(self.atoms), 3, 3))
        np.add.at(total, self.pairs[0], self.values)
        return total

    @property
    def stiffness(self) -> Float[np.ndarray, "atoms 3 3"]:
        """Φ_ii, eV/Å²: what it costs to move atom i alone."""
        total = np.zeros((len(self.atoms), 3, 3))
        own = self._own
        np.add.at(total, self.pairs[0, own], self.values[own])
        return total

    @property
    def _own(self) -> np.ndarray:
        same = self.pairs[0] == self.pairs[1]
        return np.flatnonzero(same & (np.linalg.norm(self.vectors, axis=1) < EQUAL_LENGTHS))

    def acoustic(self) -> "ForceConstants":
        """Return force constants that cost nothing to move as a whole: Φ_ii makes up for what is left."""
        values, sums = self.values.copy(), self.sums
        for pair in self._own:
            values[pair] -= sums[self.pairs[0, pair]]
        return replace(self, values=values)


@dataclass(frozen=True, eq=False, repr=False)
class Field:
    """The electric field that moving ions make, which splits LO from TO.

    Attributes:
        charges: (atoms, 3, 3) | Born charges, [α, β] = ∂(dipole α)/∂(position β), e.
        dielectric: (3, 3) | ε∞, of the electrons alone.
    """

    charges: Float[np.ndarray, "atoms 3 3"]
    dielectric: Float[np.ndarray, "3 3"]

    def __post_init__(self) -> None:
        if np.shape(self.charges)[1:] != (3, 3) or np.shape(self.dielectric) != (3, 3):
            raise ValueError(
                f"charges, dielectric: expected (atoms, 3, 3) and (3, 3), got {np.shape(self.charges)} and "
                f"{np.shape(self.dielectric)}; numbers become matrices by Z[:, None, None] * np.eye(3)"
            )
        if not (np.isfinite(self.charges).all() and np.isfinite(self.dielectric).all()):
            raise ValueError("charges, dielectric: expected finite numbers; without them there is no Field")
        if not np.linalg.eigvalsh(self.dielectric).min() > 0:
            raise ValueError(
                "dielectric: expected ε∞, a matrix with positive eigenvalues, 1 or more in a crystal"
            )

    def __repr__(self) -> str:
        mean = [round(float(np.trace(Z)) / 3, 2) for Z in self.charges]
        return f"Field(mean Born charges {mean} e, mean ε∞ {np.trace(self.dielectric) / 3:.2f})"

    def neutral(self) -> "Field":
        """Return a field whose charges add up to zero: what is left of their sum is taken from all alike.

        Otherwise the crystal would make a dipole when it moves as a whole, and a field would act on its
        acoustic modes at Γ.
        """
        return replace(self, charges=self.charges - self.charges.mean(axis=0))


def from_supercell(
    atoms: Atoms, supercell: Atoms, values: Float[np.ndarray, "atoms sites 3 3"]
) -> ForceConstants:
    """Turn a table of force constants into pairs: each atom of the supercell is taken where it is nearest.

    Args:
        atoms: the primitive cell.
        supercell: a periodic repetition of it, of any shape and in any order, but for its first atoms: they
            are one image each of the cell's atoms, in the order of these.
        values: Φ between these first atoms and all atoms of the supercell, eV/Å².

    Returns:
        Force constants; an atom with several images at the same shortest distance is shared among these.

    Raises:
        ValueError: if the shapes do not fit, or the supercell is none of this cell.
    """
    values = np.asarray(values)
    if values.shape != (len(atoms), len(supercell), 3, 3) or not np.isfinite(values).all():
        raise ValueError(
            f"values: expected ({len(atoms)}, {len(supercell)}, 3, 3) finite numbers, got {values.shape}"
        )
    kind = kinds(atoms, supercell)
    if not np.array_equal(kind[: len(atoms)], np.arange(len(atoms))):
        raise ValueError(
            f"supercell: its first {len(atoms)} atoms should be images of the cell's in order, but they "
            f"are of the atoms {kind[: len(atoms)].tolist()}; put one image of each first"
        )
    found = _nearest_images(supercell, len(atoms))
    i, site, vectors, share = (np.concatenate(parts) for parts in zip(*found, strict=True))
    weighted = values[i, site] * share[:, None, None]
    return ForceConstants(atoms, np.stack([i, kind[site]]), vectors, weighted, share)


def kinds(atoms: Atoms, supercell: Atoms) -> Int[np.ndarray, " sites"]:
    """Return which atom of the cell each atom of the supercell repeats.

    Raises:
        ValueError: if the supercell is no repetition of the cell.
    """
    inverse = np.linalg.inv(atoms.cell.array)
    multiples = supercell.cell.array @ inverse
    cells = abs(np.linalg.det(multiples))
    if np.abs(multiples - multiples.round()).max() > 1e-3 or round(cells) * len(atoms) != len(supercell):
        raise ValueError(
            f"supercell: its lattice vectors are {multiples.round(3).tolist()} times the cell's and "
            f"it has {len(supercell)} atoms; expected whole multiples, and {cells:.3g} times "
            f"{len(atoms)} atoms"
        )
    apart = (supercell.positions[:, None] - atoms.positions) @ inverse
    distance = np.abs(apart - apart.round()).max(axis=-1)
    kind = distance.argmin(axis=1)
    if distance.min(axis=1).max() > 1e-3 or (atoms.numbers[kind] != supercell.numbers).any():
        raise ValueError("supercell: some of its atoms are no images of the cell's")
    if (np.bincount(kind, minlength=len(atoms)) != round(cells)).any():
        raise ValueError("supercell: some atom of the cell is repeated more often than another")
    return kind


def _nearest_images(supercell: Atoms, count: int) -> list[tuple[Any, ...]]:
    """Return (atom, site, vector, share) of the nearest images of all sites, atom by atom."""
    found = []
    for number, centre in enumerate(supercell.positions[:count]):
        vectors = _short(supercell.positions - centre, supercell.cell.array)  # (sites, images, 3)
        length = np.linalg.norm(vectors, axis=-1)
        nearest = length < length.min(axis=1, keepdims=True) + EQUAL_LENGTHS
        site, image = np.nonzero(nearest)
        share = 1 / nearest.sum(axis=1)[site]
        found.append((np.full(len(site), number), site, vectors[site, image], share))
    return found


def _short(
    vectors: Float[np.ndarray, "n 3"], cell: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "n images 3"]:
    """Return images of vectors in a lattice (rows of cell), the shortest ones of each among them.

    In a reduced cell these lie at most one cell away from the vector whose coordinates are below 1/2; in a
    skew one they may be many cells away.
    """
    reduced = minkowski_reduce(cell)[0]
    places = vectors @ np.linalg.inv(reduced)
    steps = np.array(list(np.ndindex(3, 3, 3))) - 1
    return ((places - places.round())[:, None] + steps) @ reduced


def dynamical_matrix(
    constants: ForceConstants, q: Float[np.ndarray, "*waves 3"], field: Field | None = None
) -> Complex[np.ndarray, "waves modes modes"]:
    """Return D(q), eV/(Å² u).

    Args:
        constants: of the crystal.
        q: wave vectors in units of the reciprocal lattice vectors.
        field: of the ions. At q = 0 it has no direction and is left out: come from somewhere, q = 1e-6 n.
    """
    atoms, (i, j) = constants.atoms, constants.pairs
    n = len(atoms)
    q = np.atleast_2d(np.asarray(q, dtype=float))
    if q.shape[-1] != 3:
        raise ValueError(f"q: expected the shape (waves, 3), got {q.shape}")
    if field is not None and len(field.charges) != n:
        raise ValueError(f"field: it has charges of {len(field.charges)} atoms, the crystal has {n}")
    places = constants.vectors @ np.linalg.inv(atoms.cell.array)
    phases = np.exp(2j * np.pi * q @ places.T)  # (waves, pairs)
    matrix = np.zeros((len(q), n, n, 3, 3), dtype=complex)
    long = None if field is None else _field_constants(atoms, field, q)
    cells = constants.share.sum() / n**2
    for a, b in np.ndindex(n, n):
        chosen = (i == a) & (j == b)
        matrix[:, a, b] = np.einsum("qp,pxy->qxy", phases[:, chosen], constants.values[chosen])
        if long is not None:
            spread = phases[:, chosen] @ constants.share[chosen] / cells
            matrix[:, a, b] += long[:, a, b] * spread[:, None, None]
    masses = atoms.get_masses()
    matrix /= np.sqrt(masses[:, None] * masses)[:, :, None, None]
    square = matrix.swapaxes(2, 3).reshape(len(q), 3 * n, 3 * n)
    return (square + square.conj().swapaxes(1, 2)) / 2


def _field_constants(
    atoms: Atoms, field: Field, q: Float[np.ndarray, "waves 3"]
) -> Float[np.ndarray, "waves atoms atoms 3 3"]:
    """Return the force constants of a long wave's field, eV/Å²: 4πk/V (n·Z_i)(n·Z_j)/(n·ε·n), n along q.

    Spread evenly over the supercell they are exact for q to 0, and vanish at the waves that fit into the
    supercell, for which its forces are exact already. Source: Y. Wang et al., J. Phys. Condens. Matter 22,
    202201 (2010).
    """
    reciprocal = np.linalg.inv(atoms.cell.array).T
    cartesian = _short(q @ reciprocal, reciprocal)  # equal waves; the shortest has the direction
    shortest = np.linalg.norm(cartesian, axis=-1).argmin(axis=1)
    n = cartesian[np.arange(len(q)), shortest]
    along = np.einsum("qa,iab->qib", n, field.charges)
    screened = np.einsum("qa,ab,qb->q", n, field.dielectric, n)
    strength = 4 * np.pi * COULOMB / atoms.get_volume() / np.where(screened > 0, screened, np.inf)
    return np.einsum("q,qia,qjb->qijab", strength, along, along)


def frequencies(
    constants: ForceConstants, q: Float[np.ndarray, "*waves 3"], field: Field | None = None
) -> Float[np.ndarray, "waves modes"]:
    """Return the frequencies at wave vectors q, ascending, THz; negative for imaginary ones.

    Arguments: see `dynamical_matrix`.
    """
    squares = np.linalg.eigvalsh(dynamical_matrix(constants, q, field))
    return np.sign(squares) * np.sqrt(np.abs(squares)) * THZ


def mesh(size: int) -> Float[np.ndarray, "waves 3"]:
    """Return size³ wave vectors that fill the Brillouin zone evenly, the zero vector among them."""
    if size < 1:
        raise ValueError(f"size: expected at least 1, got {size}")
    return np.array(list(np.ndindex(size, size, size))) / size


def mean_square(constants: ForceConstants) -> float:
    """Return ⟨ν²⟩ over all waves and modes, THz²: Σ_i tr Φ_ii/m_i / 3N, with no wave computed."""
    traces = np.trace(constants.stiffness, axis1=1, axis2=2)
    return float((traces / constants.atoms.get_masses()).sum() / (3 * len(constants.atoms)) * THZ**2)


def chain(
    q: Float[np.ndarray, " waves"], masses: tuple[float, float], *, spring: float
) -> Float[np.ndarray, "waves 2"]:
    """Return the two branches of a chain of alternating masses joined by equal springs, THz.

    ω² = K (1/m + 1/M) ∓ K √((1/m + 1/M)² - 4 sin²(πq)/(m M)); two masses a period, q in units of 2π/period.

    Args:
        q: wave numbers.
        masses: m and M, u.
        spring: K, eV/Å².
    """
    m, M = masses
    mean = 1 / m + 1 / M
    root = np.sqrt(mean**2 - 4 * np.sin(np.pi * np.asarray(q)) ** 2 / (m * M))
    squares = spring * np.stack([mean - root, mean + root], axis=-1)
    return np.sqrt(squares.clip(min=0)) * THZ
