"""Energies of isolated atoms at the level of ethanol_dft.py: PBE0/def2-SVP, spin-polarised.

    OMP_NUM_THREADS=1 python reference_data/ethanol_atoms.py

They say what each element contributes to a molecule's energy before any bond is made, and are the reference
from which a potential for molecules of several compositions counts. `ethanol_atoms.json` holds them in eV.
"""

import json
from pathlib import Path

from ethanol_dft import BASIS, FUNCTIONAL, GRID
from files import write
from pyscf import dft, gto

from tutorial_utils.conventions import HARTREE

OUTPUT = Path(__file__).with_suffix(".json")
UNPAIRED = {"H": 1, "C": 2, "O": 2}  # electrons, by Hund's rule


def energy(symbol: str) -> float:
    """Return the energy of an atom in its ground state, eV."""
    field = dft.UKS(gto.M(atom=symbol, basis=BASIS, spin=UNPAIRED[symbol], verbose=0), xc=FUNCTIONAL)
    field = field.density_fit()
    field.grids.level, field.conv_tol = GRID, 1e-9
    field.kernel()
    if not field.converged:
        raise RuntimeError(f"{symbol}: the self-consistent field did not converge")
    return field.e_tot * HARTREE


if __name__ == "__main__":
    energies = {symbol: round(float(energy(symbol)), 6) for symbol in UNPAIRED}
    write(OUTPUT, (json.dumps(energies) + "\n").encode())
    print(energies)
