"""Ethanol at the level PBE0/def2-SVP: energies and forces on frames of the GFN2-xTB trajectory.

Makes src/tutorial_utils/datasets/bundled/ethanol_pbe0.npz (dataset `ethanol_pbe0`). Run with

    OMP_NUM_THREADS=1 python reference_data/ethanol_dft.py

It saves as it goes, in reference_data/raw: stopped and started again it continues and ends with the same
file.

Geometries: every third frame of the dataset `ethanol_xtb`, 300 fs apart; its labels travel along, so that the
two levels of theory can be compared on the same frames.
PBE0: https://doi.org/10.1063/1.478522. Density fitting; the grid's motion with the atoms is part of the
forces, so they are the exact gradient of the energy and add up to zero.
"""

import time
from pathlib import Path

import numpy as np
from files import command_line, report, write_npz
from pyscf import dft, gto

from tutorial_utils import datasets
from tutorial_utils.conventions import BOHR, HARTREE

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "src/tutorial_utils/datasets/bundled/ethanol_pbe0.npz"
RAW = ROOT / "reference_data/raw/ethanol_pbe0.npz"
EVERY = 3  # frames of the trajectory
BASIS, FUNCTIONAL = "def2-svp", "pbe0"
GRID = 2  # forces differ from those on grid 3 by less than 5e-4 eV/Å
SAVE_EVERY = 10  # frames


def label(
    numbers: np.ndarray, positions: np.ndarray, *, functional: str = FUNCTIONAL
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return energy (eV), forces (atoms, 3) eV/Å and dipole (3,) e·Å of one geometry in Å."""
    geometry = [(int(number), place) for number, place in zip(numbers, positions, strict=True)]
    field = dft.RKS(gto.M(atom=geometry, basis=BASIS, verbose=0), xc=functional).density_fit()
    field.grids.level, field.conv_tol = GRID, 1e-9
    field.kernel()
    if not field.converged:
        raise RuntimeError("the self-consistent field did not converge")
    gradient = field.nuc_grad_method()
    gradient.grid_response = True
    forces = -gradient.kernel() * HARTREE / BOHR
    return field.e_tot * HARTREE, forces, field.dip_moment(unit="AU", verbose=0) * BOHR


def read(path: Path) -> dict[str, list]:
    """Return the labels computed so far."""
    if not path.exists():
        return {"energy": [], "forces": [], "dipole": []}
    with np.load(path, allow_pickle=False) as stored:
        return {key: list(stored[key]) for key in stored}


def gather(trajectory: datasets.Dataset, chosen: list[int], labels: dict[str, list]) -> dict[str, np.ndarray]:
    """Return the arrays of the dataset; float32 is enough everywhere but for the total energies."""
    arrays = {key: np.array(labels[key], dtype=np.float32) for key in ("forces", "dipole")}
    arrays["positions"] = np.array([trajectory.structures[n].positions for n in chosen], dtype=np.float32)
    arrays["forces_xtb"] = trajectory["forces"][chosen].astype(np.float32)
    arrays["energy"] = np.array(labels["energy"])
    arrays["energy_xtb"] = trajectory["energy"][chosen]
    arrays["time"] = trajectory["time"][chosen]
    arrays["numbers"] = trajectory.structures[0].numbers.astype(np.uint8)
    return arrays


def main(raw: Path, output: Path) -> None:
    """Compute what is missing, in the order of time, then gather all."""
    raw.parent.mkdir(parents=True, exist_ok=True)
    trajectory, labels = datasets.load("ethanol_xtb"), read(raw)
    chosen = list(range(0, len(trajectory), EVERY))
    start, begun = time.process_time(), len(labels["energy"])
    for count, n in enumerate(chosen[begun:], start=begun + 1):
        atoms = trajectory.structures[n]
        found = label(atoms.numbers, atoms.positions)
        for key, value in zip(("energy", "forces", "dipole"), found, strict=True):
            labels[key].append(value)
        if count % SAVE_EVERY == 0 or count == len(chosen):
            write_npz(raw, {key: np.array(column) for key, column in labels.items()})
            seconds = (time.process_time() - start) / (count - begun)
            print(f"{count} of {len(chosen)} frames, {seconds:.1f} s each", flush=True)
    write_npz(output, gather(trajectory, chosen, labels))
    report(output)


if __name__ == "__main__":
    main(*command_line(__doc__, raw=RAW, output=OUTPUT))
