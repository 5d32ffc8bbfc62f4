"""From a wave function to coefficients: PBE by PySCF, and the fit of its density in the Coulomb metric.

The fitted density is the one whose difference from the true one has the least electrostatic energy, among
those with the right number of electrons. With J the Coulomb integrals between functions, b those between
functions and true density, q the charges of the functions,

    c = J⁻¹ (b + λ q),    λ such that q·c is the number of electrons.

PySCF's functions have another order of components than e3nn's; here both are found, and the way between them.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols
from jaxtyping import Float
from scipy.linalg import block_diag, cholesky, solve_triangular
from torch import Tensor

from tutorial_utils import structures
from tutorial_utils.arguments import explain
from tutorial_utils.conventions import BOHR, quantum_chemistry_to_e3nn
from tutorial_utils.densities.basis import WATER, Basis
from tutorial_utils.densities.density import Density, Grid, check_cluster
from tutorial_utils.extras import extra

with extra("dft"):
    from pyscf import dft, gto
    from pyscf.lib import pack_tril
    from pyscf.lib.exceptions import BasisNotFoundError

XC, ORBITALS, HEAVY_ORBITALS = "pbe", "aug-pc-1", "def2-svp"
LAST_WITHOUT_CORE = 36  # Kr: from Rb on, the orbitals come with a potential in place of the inner shells
GRID = 2  # grid noise of the fitted coefficients under rotation: 1e-6


def shells(basis: Basis, symbol: str) -> list:
    """Return the functions of an element as PySCF writes them."""
    return [[l, [a, 1.0]] for l, exponents in basis.shells(symbol).items() for a in exponents]


UNIVERSAL = "unc-def2-universal-jfit"  # functions of the density of any element
FITTING_BASIS = {"default": UNIVERSAL, "O": shells(WATER, "O")}


def mean_field(
    atoms: Atoms,
    *,
    ghosts: Collection[int] = (),
    basis: str | None = None,
    fitting_basis: str | dict = FITTING_BASIS,
) -> dft.rks.RKS:
    """Return PySCF's Kohn-Sham calculation of a molecule or cluster, not yet run.

    The charge is the sum of the initial charges of the atoms; heavy elements have the core potential that
    belongs to the orbitals.

    Args:
        atoms: positions in Å.
        ghosts: numbers of atoms that lend their functions, but have no nucleus and no electrons.
        basis: name of the orbitals' basis, as PySCF knows it; None: aug-pc-1, which has diffuse functions, or
            def2-SVP where an element is heavier than krypton.
        fitting_basis: functions of the density: a name, or {element: shells} as PySCF writes them, with
            "default" for elements that are not named.

    Raises:
        ValueError: for a periodic structure, two atoms at one place, an odd number of electrons, magnetic
            moments, charges that are no whole number together, or an element that PySCF has no functions for.
    """
    check_cluster(atoms)
    atoms = structures.plain(atoms, refuses=("magnetic_moments",))
    real = [n for n in range(len(atoms)) if n not in ghosts]
    charge = float(atoms.get_initial_charges()[real].sum())
    if abs(charge - round(charge)) > 1e-6:
        raise ValueError(f"atoms: the initial charges have to add up to a whole number, got {charge:g} e")
    electrons = int(atoms.numbers[real].sum()) - round(charge)
    if electrons % 2:
        raise ValueError(f"atoms: {electrons} electrons do not fill closed shells; expected an even number")
    labels = [f"ghost-{s}" if n in ghosts else s for n, s in enumerate(atoms.symbols)]
    geometry = list(zip(labels, atoms.positions, strict=True))
    if basis is None:
        basis = ORBITALS if atoms.numbers.max() <= LAST_WITHOUT_CORE else HEAVY_ORBITALS
    cores = {s: basis for s, z in zip(atoms.symbols, atoms.numbers, strict=True) if z > LAST_WITHOUT_CORE}
    try:
        molecule = gto.M(
            atom=geometry, basis=basis, ecp=cores, charge=round(charge), verbose=0, max_memory=8000
        )
    except BasisNotFoundError as reason:
        raise ValueError(f"atoms: PySCF's {basis} has no functions for {atoms.symbols}") from reason
    if isinstance(fitting_basis, dict):  # ghosts lend what their element has
        fitting_basis = {
            label: fitting_basis.get(symbol, fitting_basis.get("default"))
            for label, symbol in zip(labels, atoms.symbols, strict=True)
        }
    field = dft.RKS(molecule, xc=XC).density_fit(auxbasis=fitting_basis)
    field.grids.level, field.conv_tol = GRID, 1e-9
    return field


def converged(
    atoms: Atoms,
    guess: np.ndarray | None = None,
    *,
    ghosts: Collection[int] = (),
    basis: str | None = None,
    fitting_basis: str | dict = FITTING_BASIS,
) -> dft.rks.RKS:
    """Return the converged calculation of a molecule or cluster.

    Args:
        atoms: positions in Å.
        guess: density matrix to start from; None: PySCF's own guess.
        ghosts: see `mean_field`.
        basis: see `mean_field`.
        fitting_basis: see `mean_field`.

    Raises:
        ValueError: see `mean_field`.
        RuntimeError: where the iterations do not end.
    """
    field = mean_field(atoms, ghosts=ghosts, basis=basis, fitting_basis=fitting_basis)
    field.kernel(dm0=guess)
    if not field.converged:  # a second try, in smaller steps
        field.damp, field.level_shift, field.max_cycle = 0.3, 0.2, 200
        field.kernel(dm0=guess)
    if not field.converged:
        raise RuntimeError("the self-consistent field did not converge")
    return field


def fit_coefficients(field: dft.rks.RKS) -> Float[np.ndarray, " functions"]:
    """Return the coefficients of the converged density in PySCF's order.

    PySCF holds L⁻¹ (Q|mn), where J = L Lᵀ.
    """
    functions, density = field.with_df.auxmol, field.make_rdm1()
    L = cholesky(functions.intor("int2c2e"), lower=True)
    packed = pack_tril(2 * density - np.diag(np.diag(density)))  # each pair m > n stands for two
    half = np.concatenate([block @ packed for block in field.with_df.loop()])
    q = charges(functions)
    half_q = solve_triangular(L, q, lower=True)
    free = solve_triangular(L, half, lower=True, trans=1)
    response = solve_triangular(L, half_q, lower=True, trans=1)
    return free + response * (field.mol.nelectron - q @ free) / (q @ response)


def fit(atoms: Atoms, field: dft.rks.RKS) -> Density:
    """Return the fitted density of a converged calculation of these atoms (Å).

    Raises:
        ValueError: for elements with a core potential, whose density lacks the inner electrons.
    """
    if field.mol.has_ecp():
        raise ValueError(
            f"atoms: {atoms.symbols} has elements beyond Kr, whose inner electrons are in a core potential; "
            "a density without them has neither the right dipole nor the right potential"
        )
    functions = field.with_df.auxmol
    coefficients = to_e3nn(functions, fit_coefficients(field))
    return Density(atoms, torch.tensor(coefficients), read_basis(functions))


def read_basis(functions: gto.Mole) -> Basis:
    """Read exponents, shell by shell, off PySCF's auxiliary functions.

    Raises:
        ValueError: for contracted functions, or shells that are not sorted by degree.
    """
    found: dict[str, dict[int, tuple[float, ...]]] = {}
    for atom, symbol in enumerate(elements(functions)):
        shells: dict[int, tuple[float, ...]] = {}
        for shell in functions.atom_shell_ids(atom):
            l, exponents = functions.bas_angular(shell), functions.bas_exp(shell)
            if len(exponents) > 1 or l < max(shells, default=0):
                raise ValueError(f"functions: expected single Gaussians sorted by degree, for {symbol}")
            shells[l] = (*shells.get(l, ()), float(exponents[0]))
        found[symbol] = shells
    return Basis(found)


def elements(functions: gto.Mole) -> list[str]:
    """Return the chemical symbols of all atoms, ghosts as what they stand for."""
    labels = [functions.atom_symbol(n).upper() for n in range(functions.natm)]
    return [label.removeprefix("GHOST-").capitalize() for label in labels]


def charges(functions: gto.Mole) -> Float[np.ndarray, " functions"]:
    """Return the integral of each of PySCF's functions; only l = 0 has one, so its order is e3nn's too."""
    numbers = [chemical_symbols.index(symbol) for symbol in elements(functions)]
    return read_basis(functions).charges(numbers).numpy()


def to_e3nn(
    functions: gto.Mole, coefficients: Float[np.ndarray, " functions"]
) -> Float[np.ndarray, " functions"]:
    """Return coefficients in the order and axes of e3nn, given PySCF's."""
    return turn(functions) @ coefficients


def from_e3nn(
    functions: gto.Mole, coefficients: Float[np.ndarray, " functions"]
) -> Float[np.ndarray, " functions"]:
    """Return coefficients in PySCF's order, given e3nn's."""
    return turn(functions).T @ coefficients


def turn(functions: gto.Mole) -> Float[np.ndarray, "functions functions"]:
    """Return the orthogonal matrix from PySCF's components to e3nn's, a block for each shell."""
    degrees = [functions.bas_angular(shell) for shell in range(functions.nbas)]
    return block_diag(*[quantum_chemistry_to_e3nn(l).numpy() for l in degrees])


@dataclass(frozen=True, eq=False)
class Metrics:
    """Integrals that turn differences of coefficients into errors of densities; e3nn's order, atomic units.

    Attributes:
        overlap: (functions, functions) | S: ∫ (Δρ)² = Δcᵀ S Δc, in e²/bohr³.
        coulomb: (functions, functions) | J: twice the electrostatic energy of Δρ is Δcᵀ J Δc, in Hartree.
        charges: (functions,) | q: the number of electrons is q·c.
    """

    overlap: Tensor
    coulomb: Tensor
    charges: Tensor

    def with_electrons(
        self, coefficients: Float[Tensor, "... functions"], electrons: float
    ) -> Float[Tensor, "... functions"]:
        """Return c + λ J⁻¹ q with the given number of electrons: the least change in the Coulomb metric.

        It commutes with rotations: J turns with the structure, and q is made of scalars.
        """
        response = torch.linalg.solve(self.coulomb, self.charges)
        missing = electrons - coefficients @ self.charges
        return coefficients + missing[..., None] * response / (self.charges @ response)


def metrics(atoms: Atoms, basis: Basis = WATER) -> Metrics:
    """Compute the integrals between all functions of a structure (positions in Å), by PySCF."""
    functions = pyscf_functions(atoms, basis)
    Q = turn(functions)
    S, J = (torch.tensor(Q @ functions.intor(name) @ Q.T) for name in ("int1e_ovlp", "int2c2e"))
    return Metrics(S, J, basis.charges(atoms.numbers))


def pyscf_functions(atoms: Atoms, basis: Basis = WATER) -> gto.Mole:
    """Return the functions of a structure (positions in Å) as PySCF holds them.

    Raises:
        ValueError: for an element without functions, or two atoms at one place.
    """
    check_cluster(atoms)
    table = {symbol: shells(basis, symbol) for symbol in set(atoms.symbols)}
    geometry = list(zip(atoms.symbols, atoms.positions / BOHR, strict=True))
    return gto.M(atom=geometry, unit="Bohr", basis=table, verbose=0, spin=None)


def becke_grid(atoms: Atoms, level: int = 1) -> Grid:
    """Return PySCF's points and weights around the atoms (Å), for integrals over all space.

    Args:
        atoms: positions in Å.
        level: 0 (coarse) to 9; already 0 gives errors of a density to a hundredth of their value.
    """
    check_cluster(atoms)
    # the points depend on the atoms alone, but PySCF wants functions
    any_function = {symbol: [[0, [1.0, 1.0]]] for symbol in set(atoms.symbols)}
    geometry = list(zip(atoms.symbols, atoms.positions / BOHR, strict=True))
    grids = dft.Grids(gto.M(atom=geometry, unit="Bohr", basis=any_function, verbose=0, spin=None))
    grids.level = level
    grids.build()
    return Grid(torch.tensor(grids.coords) * BOHR, torch.tensor(grids.weights) * BOHR**3)


explain(globals())
