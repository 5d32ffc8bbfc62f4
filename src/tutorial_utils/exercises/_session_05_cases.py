"""Cases that the checks of session 5 are made of: forces that are a gradient, and forces that are not."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

Force = Callable[[np.ndarray], np.ndarray]


def pairs(x: Float[np.ndarray, "atoms 3"]) -> Float[np.ndarray, "atoms 3"]:
    """Give forces of a Morse potential between all pairs: an honest gradient."""
    r = x[:, None] - x[None] + 1e-9
    d = np.linalg.norm(r, axis=2) + 10 * np.eye(len(x))
    decay = np.exp(-1.5 * (d - 1.5))
    return ((2 * 1.5 * (decay**2 - decay) * (1 - np.eye(len(x))) / d)[..., None] * r).sum(axis=1)


def three(x: Float[np.ndarray, "atoms 3"]) -> Float[np.ndarray, "atoms 3"]:
    """Give forces of an energy that pulls the square of the radius of gyration to 2 Å², and of the pairs."""
    y = x - x.mean(axis=0)
    return pairs(x) - 0.02 * (np.square(y).sum() - 2) * y


def curl(x: Float[np.ndarray, "atoms 3"], plane: tuple[int, int]) -> Float[np.ndarray, "atoms 3"]:
    """Add a small whirl of the first atom about the second in one plane; the sum of forces stays zero."""
    F, (a, b) = pairs(x), plane
    whirl = 0.05 * (x[0] - x[1])[[b, a]] * [-1, 1]
    F[0, [a, b]] += whirl
    F[1, [a, b]] -= whirl
    return F


def one_sided(x: Float[np.ndarray, "atoms 3"]) -> Float[np.ndarray, "atoms 3"]:
    """Let two atoms feel where two others are, which do not feel it back; the sum of forces stays zero."""
    F, pull = pairs(x), 0.05 * (x[1] - x[2])
    F[0] += pull
    F[3] -= pull
    return F


def crowded(x: Float[np.ndarray, "atoms 3"]) -> Float[np.ndarray, "atoms 3"]:
    """Add pair forces along the line between two atoms, the weaker the more neighbours both have.

    They turn with the atoms, are equal and opposite and make no torque: of all laws they break only one.
    """
    r = x[:, None] - x[None]
    d = np.linalg.norm(r, axis=2) + 10 * np.eye(len(x))
    near = np.exp(-((d / 1.5) ** 2))
    crowd = near.sum(axis=1)
    strength = 0.15 * near / (1 + crowd[:, None] + crowd)
    return pairs(x) + ((strength / d)[..., None] * r).sum(axis=1)


PLANTED: dict[str, tuple[Force, bool, str]] = {
    "pairs of atoms": (
        pairs,
        True,
        "Suspect a loop that is not closed (the last point has to be joined to the first), steps that are "
        "too long, or a bound below the error of the trapezoidal rule or of the differences.",
    ),
    "pairs and a term of all atoms": (three, True, "Suspect a bound below the error of the loop."),
    "a whirl in the xy plane": (
        lambda x: curl(x, (0, 1)),
        False,
        "One atom on one circle in that plane would show it. Suspect a bound that is too generous.",
    ),
    "a whirl in the yz plane": (
        lambda x: curl(x, (1, 2)),
        False,
        "A loop in the xy plane encloses no area of it: walk in all planes, or in random ones.",
    ),
    "an atom that pulls and is not pulled": (
        one_sided,
        False,
        "It needs a loop on which two atoms move, out of step; one atom at a time finds nothing.",
    ),
    "pair forces that weaken where it is crowded": (
        crowded,
        False,
        "Total force and torque are zero and rotations pass: only work on a closed path of several atoms, or "
        "∂F_i/∂x_j = ∂F_j/∂x_i, can tell.",
    ),
}
