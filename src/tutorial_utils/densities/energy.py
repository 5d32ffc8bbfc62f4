"""From a density to an energy in one diagonalisation, which is all that a pure functional needs.

With PBE the Fock matrix is a functional of ρ and its gradient alone. A predicted density gives it at once:

    F[ρ] = T + V_nuclei + J[ρ] + V_xc[ρ],    F C = S C ε,    E = E_PBE[orbitals of C]

The energy of new orbitals lies above the self-consistent one, by an amount quadratic in the density's error.
"""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from jaxtyping import Float
from scipy.linalg import cholesky

from tutorial_utils.conventions import HARTREE
from tutorial_utils.densities.density import Density
from tutorial_utils.densities.fitting import from_e3nn, mean_field
from tutorial_utils.extras import extra

with extra("dft"):
    from pyscf import dft
    from pyscf.dft import numint
    from pyscf.lib import unpack_tril

_POINTS = 20_000  # of the grid taken at once


@dataclass(frozen=True, eq=False)
class Step:
    """What one diagonalisation gives.

    Attributes:
        energy: eV, of the new orbitals.
        density_matrix: (orbitals, orbitals) | of the new orbitals; a start for `cycles`.
    """

    energy: float
    density_matrix: np.ndarray


def one_step(density: Density) -> Step:
    """Diagonalise the Fock matrix of a density, and evaluate PBE with the orbitals found."""
    field = mean_field(density.atoms)
    field.build()
    energies, orbitals = field.eig(fock(field, density), field.get_ovlp())
    occupied = field.get_occ(energies, orbitals)
    matrix = field.make_rdm1(orbitals, occupied)
    return Step(float(field.energy_tot(dm=matrix)) * HARTREE, np.asarray(matrix))


def fock(field: dft.rks.RKS, density: Density) -> Float[np.ndarray, "orbitals orbitals"]:
    """Return the Fock matrix of a density, Hartree."""
    field.with_df.build()
    functions = field.with_df.auxmol
    c = from_e3nn(functions, density.coefficients.detach().numpy())
    return field.get_hcore() + coulomb_matrix(field, c) + exchange_matrix(field, c)


def coulomb_matrix(field: dft.rks.RKS, c: Float[np.ndarray, " functions"]) -> np.ndarray:
    """Return J_mn = Σ_Q c_Q (Q|mn); PySCF holds L⁻¹ (Q|mn), so c goes in as Lᵀ c."""
    half = cholesky(field.with_df.auxmol.intor("int2c2e"), lower=True).T @ c
    start, total = 0, 0.0
    for block in field.with_df.loop():
        total = total + half[start : start + len(block)] @ block
        start += len(block)
    return unpack_tril(total)


def exchange_matrix(field: dft.rks.RKS, c: Float[np.ndarray, " functions"]) -> np.ndarray:
    """Return ∫ φ_m v_xc[ρ] φ_n on the grid; where a fitted tail is negative, ρ counts as zero."""
    functions, integrator = field.with_df.auxmol, numint.NumInt()
    if field.grids.coords is None:
        field.grids.build()
    total = np.zeros((field.mol.nao, field.mol.nao))
    for start in range(0, len(field.grids.coords), _POINTS):
        block = slice(start, start + _POINTS)
        points, weights = field.grids.coords[block], field.grids.weights[block]
        rho = functions.eval_gto("GTOval_sph_deriv1", points) @ c  # ρ, ∂ρ/∂x, ∂ρ/∂y, ∂ρ/∂z
        rho[:, rho[0] < 0] = 0
        v = weights * integrator.eval_xc_eff(field.xc, rho, deriv=1)[1]
        v[0] /= 2  # the other half comes with the transpose
        orbitals = field.mol.eval_gto("GTOval_sph_deriv1", points)
        total += orbitals[0].T @ np.einsum("xp,xpn->pn", v, orbitals)
    return total + total.T


def cycles(atoms: Atoms, guess: np.ndarray | None = None) -> int:
    """Count the iterations of the self-consistent field from a density matrix (None: PySCF's guess)."""
    field = mean_field(atoms)
    field.kernel(dm0=guess)
    return int(field.cycles)
