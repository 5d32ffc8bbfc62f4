"""What a network has to beat: spectra from the chemical formula alone, without any geometry."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from jaxtyping import Float


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


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Kernel:
    """Kernel ridge regression on the formula, with the kernel exp(-Σ|x - x'|).

    It knows how much of which element there is, but not that elements resemble each other, nor where the
    atoms are.

    Attributes:
        known: (crystals, numbers) | shares of the elements.
        weights: (crystals, points) | of the kernel functions.
        mean: (points,) | the mean of the training spectra.
    """

    known: np.ndarray
    weights: np.ndarray
    mean: np.ndarray

    @classmethod
    def fit(
        cls, structures: Sequence[Atoms], dos: Float[np.ndarray, "crystals points"], *, ridge: float = 0.1
    ) -> "Kernel":
        """Solve (K + ridge) w = dos - mean."""
        known, mean = composition(structures), dos.mean(axis=0)
        kernel = np.exp(-distances(known, known))
        return cls(known, np.linalg.solve(kernel + ridge * np.eye(len(kernel)), dos - mean), mean)

    def predict(self, structures: Sequence[Atoms]) -> Float[np.ndarray, "crystals points"]:
        """Evaluate; what comes out negative is set to zero."""
        kernel = np.exp(-distances(composition(structures), self.known))
        return (self.mean + kernel @ self.weights).clip(min=0)
