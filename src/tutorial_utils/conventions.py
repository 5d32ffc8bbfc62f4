"""Units, axis orders, signs and normalisations: each is fixed here, once, and proved in the book.

================ =====================================================================================
rotation         active: it moves the structure. A column vector becomes R x, an array of rows ``x @ R.T``
cell             lattice vectors a, b, c are the ROWS of (3, 3); Cartesian = fractional @ cell
edge             j -> i: row `SENDER` of edge_index is the neighbour j, row `CENTRE` the centre i;
                 its vector points from the centre to the neighbour, r_j + S·cell - r_i
force            minus the gradient of the energy
stress           (1/V) dE/dε, eV/Å³: positive under tension, as in ASE (pressure: minus a third of its trace)
dipole           from minus to plus charge, e·Å; independent of the origin only without net charge
polarizability   volume α/(4πε₀), Å³: dipole [e·Å] = α · field [e/Å²], field in units of e/(4πε₀ Å²)
l = 1            components in the order x, y, z, so that D(1o)(R) is R itself
polar axis       y: Y_l0 of e3nn peaks there (m = 0 is the middle component); Euler angles are Y-X-Y
parity           what inversion does: "e" +1, "o" -1. A vector is 1o, a pseudovector (torque, spin) 1e
normalisation    "component": the 2l+1 components of Y_l have the mean square 1 over the sphere
quantum chemists other programs (PySCF) write l = 1 as x, y, z and l >= 2 as m = -l..l with polar axis z
================ =====================================================================================
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from ase import units
from jaxtyping import Float

if TYPE_CHECKING:  # one function needs it, and it takes seconds
    import torch
    from torch import Tensor

from tutorial_utils.arguments import explain

UNITS = MappingProxyType(
    {
        "length": "Å",
        "energy": "eV",
        "force": "eV/Å",
        "stress": "eV/Å³",
        "dipole": "e·Å",
        "polarizability": "Å³",
        "charge": "e",
        "density": "e/Å³",
        "mass": "u",
        "time": "fs",
        "frequency": "THz",
        "temperature": "K",
    }
)

# Factors multiply: 3 * DEBYE is three debye in e·Å; x / DEBYE is x e·Å in debye.
DEBYE = units.Debye  # e·Å
BOHR = units.Bohr  # Å; BOHR**3 turns polarizabilities in atomic units to Å³
HARTREE = units.Hartree  # eV
GIGAPASCAL = units.GPa  # eV/Å³
COULOMB = units.Hartree * units.Bohr  # e²/(4πε₀) in eV·Å: 14.4

SENDER, CENTRE = 0, 1  # rows of edge_index
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))  # xx yy zz yz xz xy, as in ASE


def cartesian(
    fractional: Float[np.ndarray, "atoms 3"], cell: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "atoms 3"]:
    """Return Cartesian positions (Å) from fractional ones; lattice vectors are the rows of the cell (Å)."""
    return fractional @ cell


def strained(rows: Float[np.ndarray, "n 3"], strain: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "n 3"]:
    """Return positions or cell vectors (rows, Å) in a homogeneously strained body: x -> (1 + ε) x.

    The stress is the derivative of the energy with respect to a symmetric ε, over the volume.
    """
    return rows @ (np.eye(3) + strain).T


def quantum_chemistry_to_e3nn(l: int) -> "Tensor":
    """Return the matrix that turns components of degree l from quantum chemists' order to e3nn's.

    * e3nn's harmonics are the chemists' with the axes renamed, Y_m(x, y, z) = S_m(z, x, y):
      what they measure from the polar axis z, e3nn measures from y.
    * P: (x, y, z) -> (z, x, y) is a rotation, so Y(r) = S(P r) = D(P) S(r): orthogonal, no mixing of degrees.
    * Both harmonics Y and expansion coefficients c (of c·S = c'·Y) turn with the same matrix.
    * l = 0 and 1 stay as they are: chemists write l = 1 as x, y, z too.

    Args:
        l: degree.

    Returns:
        Q, (2l+1, 2l+1), in torch's default dtype; for components in rows, ``c @ Q.T``.

    Raises:
        ValueError: for a negative degree.
    """
    import torch
    from e3nn import o3

    if l < 0:
        raise ValueError(f"l: expected a degree of 0 or more, got {l}")
    if l < 2:
        return torch.eye(2 * l + 1)
    P = torch.tensor([[0, 0, 1], [1, 0, 0], [0, 1, 0]], dtype=torch.get_default_dtype())
    return o3.Irrep(l, 1).D_from_matrix(P)


def floating(x: "Tensor") -> "Tensor":
    """Return numbers as they are, whole ones in torch's default dtype: [[1, 0, 0]] typed as positions, say.

    Constants take the dtype of what they are multiplied with; a whole one would cut off their decimals.
    """
    return x if x.is_floating_point() or x.is_complex() else x / 1


@contextmanager
def default_dtype(dtype: "torch.dtype") -> Iterator[None]:
    """Make a dtype the default one for a while: e3nn makes its constants in it, and float32 is 1e-7 off."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


explain(globals())
