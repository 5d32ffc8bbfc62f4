"""Energies of isolated atoms, and of some molecules made of them, at the level of ethanol_dft.py.

Makes src/tutorial_utils/datasets/bundled/ethanol_atoms.json (dataset `ethanol_atoms`). Run with

    OMP_NUM_THREADS=1 python reference_data/ethanol_atoms.py

PBE0/def2-SVP; atoms are spin-polarised, molecules have ASE's geometries. Atoms say what each element
contributes before any bond is made, and are the reference from which a potential for molecules of several
compositions counts; the molecules test that.
"""

from pathlib import Path

from ase import Atoms
from ase.build import molecule
from ethanol_dft import BASIS, FUNCTIONAL, GRID
from files import report, write_table
from pyscf import dft, gto

from tutorial_utils.conventions import HARTREE

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/ethanol_atoms.json"
COLUMNS = ("species", "energy")
UNPAIRED = {"H": 1, "C": 2, "O": 2}  # electrons, by Hund's rule
MOLECULES = ("CH3CH2OH", "CH3OH", "CH4", "H2O")


def energy(atoms: Atoms, unpaired: int = 0) -> float:
    """Return the energy of the ground state, eV."""
    geometry = list(zip(atoms.symbols, atoms.positions.tolist(), strict=True))
    field = dft.UKS(gto.M(atom=geometry, basis=BASIS, spin=unpaired, verbose=0), xc=FUNCTIONAL)
    field = field.density_fit()
    field.grids.level, field.conv_tol = GRID, 1e-9
    field.kernel()
    if not field.converged:
        raise RuntimeError(f"{atoms.symbols}: the self-consistent field did not converge")
    return round(float(field.e_tot * HARTREE), 6)


if __name__ == "__main__":
    rows = [[symbol, energy(Atoms(symbol), spin)] for symbol, spin in UNPAIRED.items()]
    rows += [[name, energy(molecule(name))] for name in MOLECULES]
    write_table(OUTPUT, COLUMNS, rows)
    print(rows)
    report(OUTPUT)
