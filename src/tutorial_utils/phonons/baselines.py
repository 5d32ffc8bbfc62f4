"""What a network has to beat: spectra from the chemical formula alone, without any geometry."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from jaxtyping import Float

from tutorial_utils.arguments import explain


def composition(structures: Sequence[Atoms]) -> Float[np.ndarray, "crystals numbers"]:
    """Return which share of a crystal's atoms each element has."""
    shares = np.zeros((len(structures), len(chemical_symbols)))
    for row, atoms in zip(shares, structures, strict=True):
        np.add.at(row, atoms.numbers, 1 / len(atoms))
    return shares


def distances(
    first: Float[np.ndarray, "n numbers"], second: Float[np.ndarray, "m numbers"]
) -> Float[np.ndarray, "n m"]:
    """Return Σ |x - x'| over elements: 0 for the same formula, 2 where no element is shared."""
    return np.abs(first[:, None] - second).sum(axis=-1)


@dataclass(frozen=True, eq=False)
class Mean:
    """The same spectrum for every crystal.

    Attributes:
        dos: (points,) | the mean of the training spectra.
    """

    dos: np.ndarray

    @classmethod
    def fit(cls, structures: Sequence[Atoms], dos: Float[np.ndarray, "crystals points"]) -> "Mean":
        """Take the mean."""
        return cls(dos.mean(axis=0))

    def predict(self, structures: Sequence[Atoms]) -> Float[np.ndarray, "crystals points"]:
        """Repeat it."""
        return np.tile(self.dos, (len(structures), 1))


@dataclass(frozen=True, eq=False)
class Nearest:
    """The spectrum of the training crystal whose formula is most alike.

    Attributes:
        known: (crystals, numbers) | shares of the elements.
        dos: (crystals, points) | training spectra.
    """

    known: np.ndarray
    dos: np.ndarray

    @classmethod
    def fit(cls, structures: Sequence[Atoms], dos: Float[np.ndarray, "crystals points"]) -> "Nearest":
        """Remember everything."""
        return cls(composition(structures), dos)

    def predict(self, structures: Sequence[Atoms]) -> Float[np.ndarray, "crystals points"]:
        """Look up; of equally near ones, the first."""
        return self.dos[distances(composition(structures), self.known).argmin(axis=1)]


@dataclass(frozen=True, eq=False)
class Kernel:
    """Kernel ridge regression on the formula, with the kernel exp(-Σ|x - x'| - w |ln v/v'|).

    It knows how much of which element there is and, where w > 0, the volume per atom v, but not that elements
    resemble each other, nor where the atoms are.

    Attributes:
        structures: the training crystals.
        weights: (crystals, points) | of the kernel functions.
        mean: (points,) | the mean of the training spectra.
        volume: w, how much the volume counts.
    """

    structures: Sequence[Atoms]
    weights: np.ndarray
    mean: np.ndarray
    volume: float

    @classmethod
    def fit(
        cls,
        structures: Sequence[Atoms],
        dos: Float[np.ndarray, "crystals points"],
        *,
        ridge: float = 0.1,
        volume: float = 0.0,
    ) -> "Kernel":
        """Solve (K + ridge) weights = dos - mean."""
        mean = dos.mean(axis=0)
        K = kernel(structures, structures, volume)
        return cls(structures, np.linalg.solve(K + ridge * np.eye(len(K)), dos - mean), mean, volume)

    def predict(self, structures: Sequence[Atoms]) -> Float[np.ndarray, "crystals points"]:
        """Evaluate; what comes out negative is set to zero."""
        K = kernel(structures, self.structures, self.volume)
        return (self.mean + K @ self.weights).clip(min=0)


def kernel(first: Sequence[Atoms], second: Sequence[Atoms], volume: float) -> Float[np.ndarray, "n m"]:
    """Return exp(-Σ|x - x'| - volume · |ln v/v'|) for all pairs of crystals."""
    apart = distances(composition(first), composition(second))
    if volume:
        v, w = (np.log([atoms.get_volume() / len(atoms) for atoms in some]) for some in (first, second))
        apart = apart + volume * np.abs(v[:, None] - w)
    return np.exp(-apart)


explain(globals())
