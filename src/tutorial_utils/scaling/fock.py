"""A Fock matrix as blocks of irreps ⊗ irreps: how it turns, and a fit for one molecule in its own frame.

Orbitals on an atom are harmonics times a function of the distance, so a rotation R of the molecule turns
them by D = ⊕ D^l, and F(Rx) = D F(x) Dᵀ. Seen from a frame that turns with the molecule, F is a plain
function of the internal coordinates, and for a small molecule a polynomial will do.
Needs the package's extra "dft" (PySCF).
"""

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
import torch
from ase import Atoms
from e3nn import o3
from jaxtyping import Float
from scipy.linalg import block_diag, eigh

from tutorial_utils import groups
from tutorial_utils.conventions import quantum_chemistry_to_e3nn
from tutorial_utils.extras import extra

if TYPE_CHECKING:
    from pyscf.gto import Mole
    from pyscf.scf.hf import RHF


def hartree_fock(atoms: Atoms, basis: str = "def2-svp") -> "RHF":
    """Return a closed-shell Hartree-Fock calculation by PySCF, not yet run; positions in Å."""
    with extra("dft"):
        from pyscf import gto, scf
    geometry = list(zip(atoms.symbols, atoms.positions, strict=True))
    field = scf.RHF(gto.M(atom=geometry, basis=basis, verbose=0))
    field.conv_tol = 1e-10
    return field


def orbital_D(molecule: "Mole", R: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "orbitals orbitals"]:
    """Return the matrix by which a rotation turns PySCF's orbitals: a block for each shell.

    Args:
        molecule: PySCF's.
        R: orthogonal matrix; an improper one adds the parity (-1)^l.
    """
    matrix = torch.tensor(R, dtype=torch.float64)
    blocks = []
    for shell in range(molecule.nbas):
        l, copies = molecule.bas_angular(shell), molecule.bas_nctr(shell)
        Q = quantum_chemistry_to_e3nn(l).double()  # PySCF's polar axis is z
        D = Q.T @ groups.D(o3.Irreps([(1, (l, (-1) ** l))]), matrix) @ Q
        blocks += copies * [D.numpy()]
    return block_diag(*blocks)


def frame(positions: Float[np.ndarray, "atoms 3"]) -> Float[np.ndarray, "3 3"]:
    """Return axes (columns) that turn with the molecule, set by three atoms that are not in line."""
    to_second, to_third = positions[1] - positions[0], positions[2] - positions[0]
    x = to_second / np.linalg.norm(to_second)
    z = np.cross(x, to_third)
    z /= np.linalg.norm(z)
    return np.stack([x, np.cross(z, x), z], axis=1)


def internal(geometries: list[Atoms]) -> Float[np.ndarray, "geometries coordinates"]:
    """Return positions (Å) as seen from each molecule's frame, with the six that are always zero left out."""
    rows = []
    for atoms in geometries:
        seen = (atoms.positions - atoms.positions[0]) @ frame(atoms.positions)
        # the first atom is the origin, the second on x, the third in the plane xy
        rows.append([seen[1, 0], seen[2, 0], seen[2, 1], *seen[3:].flatten()])
    return np.array(rows)


def monomials(q: Float[np.ndarray, "geometries n"], degree: int) -> Float[np.ndarray, "geometries terms"]:
    """Return all products of up to `degree` of the coordinates."""
    columns = [np.ones(len(q))]
    for order in range(1, degree + 1):
        for which in combinations_with_replacement(range(q.shape[1]), order):
            columns.append(np.prod(q[:, which], axis=1))
    return np.stack(columns, axis=1)


def fit(
    q: Float[np.ndarray, "geometries n"],
    F: Float[np.ndarray, "geometries orbitals orbitals"],
    *,
    degree: int,
) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "terms orbitals orbitals"]]:
    """Fit matrices in the molecule's frame (Eh) by a polynomial, by least squares.

    Returns:
        The mean of q, from which coordinates are counted, and a matrix for each monomial.
    """
    centre = q.mean(axis=0)
    terms = monomials(q - centre, degree)
    weights = np.linalg.lstsq(terms, F.reshape(len(F), -1), rcond=1e-10)[0]
    return centre, weights.reshape(-1, *F.shape[1:])


def guess(field: "RHF", F: Float[np.ndarray, "orbitals orbitals"]) -> Float[np.ndarray, "orbitals orbitals"]:
    """Return the density matrix of the lowest orbitals of a Fock matrix (Eh)."""
    occupied = eigh(F, field.get_ovlp())[1][:, : field.mol.nelectron // 2]
    return 2 * occupied @ occupied.T
