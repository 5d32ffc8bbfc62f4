"""GFN2-xTB single points, with dipole and polarizability, in eV, Å and e.

Bannwarth, Ehlert, Grimme, https://doi.org/10.1021/acs.jctc.8b01176, in the program tblite.
"""

from dataclasses import dataclass

import numpy as np
from ase import units
from jaxtyping import Float, Int
from tblite import library
from tblite.interface import Calculator

METHOD = "GFN2-xTB"
FIELD = 1e-3  # Ha/(e bohr), for the finite-field polarizability


@dataclass(frozen=True)
class Result:
    """What one geometry gives."""

    energy: float  # eV
    forces: Float[np.ndarray, "atoms 3"]  # eV/Å
    dipole: Float[np.ndarray, "3"]  # e·Å
    polarizability: Float[np.ndarray, "3 3"]  # Å³


def _run(numbers, positions, accuracy, field=None):
    calculator = Calculator(METHOD, numbers, positions / units.Bohr)
    calculator.set("verbosity", 0)
    calculator.set("accuracy", accuracy)
    if field is not None:
        calculator.add("electric-field", library.ffi.from_buffer("double[]", np.array(field, dtype=float)))
    return calculator.singlepoint()


def single_point(
    numbers: Int[np.ndarray, " atoms"], positions: Float[np.ndarray, "atoms 3"], *, accuracy: float
) -> Result:
    """Compute one geometry (Å); accuracy of the self-consistent cycle, tblite's default being 1.

    The polarizability is d dipole / d field by central differences, symmetrised.
    """
    rows = []
    for direction in np.eye(3):
        plus, minus = (
            _run(numbers, positions, accuracy, sign * FIELD * direction).get("dipole") for sign in (1, -1)
        )
        rows.append((plus - minus) / (2 * FIELD))
    alpha = np.array(rows) * units.Bohr**3
    result = _run(numbers, positions, accuracy)
    return Result(
        energy=result.get("energy") * units.Hartree,
        forces=-result.get("gradient") * units.Hartree / units.Bohr,
        dipole=result.get("dipole") * units.Bohr,
        polarizability=(alpha + alpha.T) / 2,
    )
