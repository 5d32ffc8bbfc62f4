"""The exercise of the conventions page: six small programs, five of which follow other conventions."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from e3nn import o3
from jaxtyping import Float
from torch import Tensor

from tutorial_utils.exercises.engine import exercise
from tutorial_utils.exercises.reading import Wrong


def _rotate(x: Float[np.ndarray, "n 3"], R: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "n 3"]:
    return x @ R


def _dipole(charges: Float[np.ndarray, " n"], x: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "3"]:
    return -charges @ x


def _edge(centre: Float[np.ndarray, "3"], neighbour: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    return centre - neighbour


def _harmonics(r: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    return o3.spherical_harmonics(1, r, normalize=True, normalization="component")[:, [1, 2, 0]]


def _quadrupole(r: Float[Tensor, "n 3"]) -> Float[Tensor, "n 5"]:
    return o3.spherical_harmonics(2, r, normalize=True, normalization="norm")


def _cartesian(
    fractional: Float[np.ndarray, "n 3"], cell: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "n 3"]:
    return fractional @ cell


# letter -> what the program says that it computes
PROGRAMS: Mapping[str, Callable] = MappingProxyType(
    {"A": _rotate, "B": _dipole, "C": _edge, "D": _harmonics, "E": _quadrupole, "F": _cartesian}
)
_FAULTS = {
    "A": ("inverse rotation", "turn the point (1, 0, 0) by a quarter turn about z: where should it go?"),
    "B": ("sign", "a dipole points from minus to plus: try charges +1 and -1 on the x axis."),
    "C": ("sign", "an edge vector points from the centre to the neighbour."),
    "D": ("order", "try the three axes: which component is large for x?"),
    "E": ("normalisation", "add up the squares of the five components: they should give 2l + 1."),
    "F": ("nothing", "compare with ASE: copper.cell.cartesian_positions(fractional)."),
}
_NAMES = ("nothing", "sign", "order", "normalisation", "inverse rotation")


@exercise(
    "0.1",
    title="Find the wrong convention",
    hint=[
        "Try each program on the simplest input you can think of: an axis, a quarter turn, two charges.",
        "A: quarter turn about z; B: charges +1, -1; C: two points; D: the axes; E: sums of squares; F: ASE.",
    ],
)
def wrong_convention(answer: Mapping[str, str]) -> str:
    """Compare with the faults that were built in."""
    if not isinstance(answer, Mapping) or set(answer) != set(PROGRAMS):
        raise Wrong('give one word for each program: {"A": "sign", "B": "nothing", ...}')
    for letter, (fault, cure) in _FAULTS.items():
        given = str(answer[letter]).strip().lower().replace("normalization", "normalisation")
        if given not in _NAMES:
            raise Wrong(f"{letter}: {answer[letter]!r} is none of: {', '.join(_NAMES)}.")
        if given != fault:
            raise Wrong(f"{letter}: {given!r} does not describe it; {cure}")
    return "All six are right. Simple inputs find a wrong convention faster than any training curve."
