"""What the exercises of session 2 are tried on: tables that are no groups, and noisy elastic tensors."""

from functools import cache

import numpy as np
import torch
from jaxtyping import Float

from tutorial_utils import datasets, groups, symmetry, tensors


def _shuffled(table: np.ndarray, seed: int) -> np.ndarray:
    """Number the elements of a group anew."""
    new = np.random.default_rng(seed).permutation(len(table))
    renamed = np.empty_like(table)
    renamed[new[:, None], new] = new[table]
    return renamed


def point_group(name: str, seed: int = 0) -> np.ndarray:
    """Return the multiplication table of a point group, its elements numbered at random."""
    return _shuffled(groups.multiplication_table(groups.molecular(name)), seed)


def quaternions() -> np.ndarray:
    """Return the table of the quaternion group, whose irrep of dimension 2 is not real."""
    i, j = np.array([[[1j, 0], [0, -1j]], [[0, 1], [-1, 0]]])
    return _shuffled(groups.multiplication_table(groups.generate([i, j])), 3)


# what it is -> (table, the first axiom that fails, what to suspect)
NO_GROUPS = {
    "the turns by 0 and 90 degrees": (
        [[0, 1], [1, 2]],
        "closure",
        "A turn by 180 degrees, number 2, is not in the set.",
    ),
    "a Latin square with an identity": (
        [[0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 4, 0, 1, 3], [3, 2, 4, 0, 1], [4, 3, 1, 2, 0]],
        "associativity",
        "Its rows and columns are permutations and each element has an inverse, but (gh)k and g(hk) differ. "
        "Associativity needs a test of its own.",
    ),
    "'the first of two', gh = g": (
        [[0, 0], [1, 1]],
        "identity",
        "Every element e has g e = g, but none has e g = g. Suspect an identity tested on one side only.",
    ),
    "'the second of two', gh = h": (
        [[0, 1], [0, 1]],
        "identity",
        "Every element e has e g = g, but none has g e = g. Suspect an identity tested on one side only.",
    ),
    "1 and -1, numbered by themselves": (
        [[0, 1], [1, -1]],
        "closure",
        "The entry -1 is no number from 0 to n - 1; NumPy takes it for the last one.",
    ),
    "the numbers 0 to 3, multiplied modulo 4": (
        [[0, 0, 0, 0], [0, 1, 2, 3], [0, 2, 0, 2], [0, 3, 2, 1]],
        "inverses",
        "The identity is number 1, and neither 0 nor 2 has an inverse.",
    ),
    "differences modulo 5": (
        [[0, 4, 3, 2, 1], [1, 0, 4, 3, 2], [2, 1, 0, 4, 3], [3, 2, 1, 0, 4], [4, 3, 2, 1, 0]],
        "associativity",
        "(g - h) - k is not g - (h - k); the missing identity comes later in the list.",
    ),
}


ROWS = [  # crystal, symmetry, noise in GPa
    ("silicon", "cubic", 0.05),
    ("silicon", "cubic", 2.0),
    ("gallium nitride", "hexagonal", 1.0),
    ("Al2Cu", "tetragonal", 1.0),
    ("quartz", "trigonal", 0.5),
    ("silicon, stiffer along one edge", "tetragonal", 0.2),
    ("a triclinic crystal", "triclinic", 0.5),
    ("silicon", "cubic", 1.0),
]


@cache
def elastic_samples() -> list[tuple[str, str, Float[np.ndarray, "3 3 3 3"], float]]:
    """Return (label, symmetry, noisy turned tensor in GPa, noise in GPa)."""
    rng = np.random.default_rng(3)
    known = datasets.load("elastic_crystals")
    tables = (known["stiffness"] + known["stiffness"].swapaxes(1, 2)) / 2
    pure = dict(zip(known["name"].tolist(), tensors.from_voigt(tensors.ELASTIC, tables), strict=True))
    own = tensors.rotate_tensor(tensors.ELASTIC, pure["silicon"], known["rotation"][0].T)
    own[2, 2, 2, 2] += 8.0  # GPa, along one edge of the cube
    pure["silicon, stiffer along one edge"] = own
    pure["a triclinic crystal"] = pure["quartz"] + _random(rng, 12)
    samples = []
    draws = [rng] * 7 + [np.random.default_rng(9)]  # the last misfit is above noise's average
    for (label, expected, noise), draw in zip(ROWS, draws, strict=True):
        errors = _random(draw, noise)
        turned = tensors.rotate_tensor(tensors.ELASTIC, pure[label], symmetry.random_rotation(draw))
        samples.append((label, expected, turned + errors, noise))
    return samples


def _random(rng: np.random.Generator, size: float) -> Float[np.ndarray, "3 3 3 3"]:
    """Draw an elastic tensor, each of its 21 orthonormal components with this standard deviation."""
    return tensors.from_irreps(tensors.ELASTIC, torch.tensor(size * rng.normal(size=21))).numpy()
