"""Spectra of the crystals of session 7 by universal potentials (dataset `universal_phonons`).

    python reference_data/universal_phonons.py

needs `pip install sevenn`, whose wheel holds the weights: of SevenNet-0 (July 2024) and of SevenNet-l3i5, a
later one of higher degree, both trained on PBE. For each crystal of `crystals_pbesol` a potential
finds its own lattice constant and its own forces; supercell, displacement, waves and broadening are those of
the calculation by density functional theory, and the field of the ions is left out in both: only the forces
differ. A crystal with an imaginary mode has no spectrum. It saves as it goes.
"""

import json
import warnings
from functools import cache
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from crystals_pbesol import spectra
from files import compute_missing, report, write_npz
from scipy.optimize import minimize_scalar

from tutorial_utils import datasets
from tutorial_utils.phonons import force_constants

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/universal_phonons.npz"
RAW = Path(__file__).parent / "raw/universal_phonons"
POTENTIALS = {"SevenNet-0": "7net-0", "SevenNet-l3i5": "7net-l3i5"}  # and what the package calls them


@cache
def calculator(potential: str) -> Calculator:
    from sevenn.calculator import SevenNetCalculator

    return SevenNetCalculator(POTENTIALS[potential], device="cpu")


def scaled(atoms: Atoms, factor: float) -> Atoms:
    """Return the crystal with all lengths multiplied."""
    new = atoms.copy()
    new.set_cell(factor * atoms.cell.array, scale_atoms=True)
    return new


def compute(job: str) -> dict:
    """Return lattice constant (in units of ours), highest frequency (1/cm) and spectrum."""
    potential, name = job.split("_")
    data = datasets.load("crystals_pbesol")
    n = data["name"].tolist().index(name)
    atoms, calc = data.structures[n], calculator(potential)

    def energy(factor: float) -> float:
        return float(calc.get_potential_energy(scaled(atoms, factor)))

    factor = float(minimize_scalar(energy, bounds=(0.93, 1.1), method="bounded", options={"xatol": 2e-4}).x)
    constants = force_constants(scaled(atoms, factor), int(data["repeats"][n]), calc.get_forces, step=0.015)
    found = spectra(constants.acoustic(), np.full(len(atoms), np.nan), np.nan)
    print(f"{job}: {factor:.4f}, {found['top']:.0f} 1/cm, stable: {found['stable']}", flush=True)
    return {"factor": factor, "stable": found["stable"], "top": found["top"], "dos": found["dos"].tolist()}


def main() -> None:
    warnings.simplefilter("ignore")
    names = datasets.load("crystals_pbesol")["name"].tolist()
    jobs = [f"{potential}_{name}" for potential in POTENTIALS for name in names]
    RAW.mkdir(parents=True, exist_ok=True)
    compute_missing(RAW, jobs, compute)
    records = [json.loads((RAW / f"{job}.json").read_text(encoding="utf-8")) for job in jobs]
    arrays = {
        "potential": np.repeat(list(POTENTIALS), len(names)),
        "name": np.tile(names, len(POTENTIALS)),
        "stable": np.array([record["stable"] for record in records]),
    }
    for key, digits in (("factor", 4), ("top", 1), ("dos", 4)):
        arrays[key] = np.array([record[key] for record in records]).round(digits).astype(np.float32)
    write_npz(OUTPUT, arrays)
    report(OUTPUT)


if __name__ == "__main__":
    main()
