"""What is known of an element before any training: numbers that let a rare one learn from its neighbours."""

import numpy as np
from ase.data import atomic_masses, covalent_radii
from jaxtyping import Float

NOBLE = (0, 2, 10, 18, 36, 54, 86)  # atomic numbers that end a period
LARGEST = 86
NAMES = ("mass", "radius", "group", "period", "lanthanide")


def descriptors() -> Float[np.ndarray, "numbers 5"]:
    """Return `NAMES` of the elements up to radon, each scaled to mean 0 and standard deviation 1.

    The mass is u to the power -1/2, as it enters a frequency; the radius is covalent (ase.data, after Cordero
    et al., doi:10.1039/b801115j). Lanthanides share group 3; their place among themselves is a number of its
    own. Row 0, which no element has, is zero.
    """
    rows = np.array([_descriptors(number) for number in range(1, LARGEST + 1)])
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    return np.concatenate([np.zeros((1, len(NAMES))), rows])


def _descriptors(number: int) -> tuple[float, ...]:
    group, period, lanthanide = place(number)
    return atomic_masses[number] ** -0.5, covalent_radii[number], group, period, lanthanide


def place(number: int) -> tuple[int, int, int]:
    """Return group (1 to 18), period, and which lanthanide it is (0: none) of an element up to radon."""
    if not 1 <= number <= LARGEST:
        raise ValueError(f"number: expected an element up to radon (86), got {number}")
    period = next(n for n, last in enumerate(NOBLE) if number <= last)
    length, step = NOBLE[period] - NOBLE[period - 1], number - NOBLE[period - 1]
    if length == 2:
        return (1 if number == 1 else 18), period, 0
    if length == 8:
        return (step if step <= 2 else step + 10), period, 0
    if length == 18:
        return step, period, 0
    if 3 <= step <= 16:
        return 3, period, step - 2
    return (step if step <= 2 else step - 14), period, 0
