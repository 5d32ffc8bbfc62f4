"""Waves that came out imaginary, again and one by one, with finer meshes of electron waves.

    python reference_data/crystals_waves.py          # all that are missing; several processes share the work
    python reference_data/crystals_waves.py AgCl_0.25  # this one: crystal and spacing of the mesh, 1/Å

A wave q at a corner of the zone, with 2q a reciprocal vector, fits into a supercell of two primitive cells.
There it takes minutes, where the supercells of `crystals.py` hold eight. Lattice constants are those found
there. The first mesh is the one used there; with finer ones, crystals whose gap closes in this functional
get the smearing of metals, 0.1 eV.
`crystals_waves/NAME_SPACING.json` holds the frequencies of the wave and the settings; at the end all become
the dataset `crystals_waves`.
"""

import json
import sys
from pathlib import Path

import numpy as np
from crystals import (
    CLOSED,
    DISPLACEMENT,
    FOLDER,
    SPACING,
    atoms_of,
    catalogue,
    evaluate,
    phonopy_of,
    primitive,
)
from files import chosen, compute_missing, report, write_table

from tutorial_utils.phonons.lattice import WAVENUMBER

DONE = Path(__file__).parent / "crystals_waves"
OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/crystals_waves.json"
WAVES = {"L": (0.5, 0.0, 0.0), "X": (0.5, 0.5, 0.0), "M": (0.5, 0.5, 0.0)}  # of the primitive cell
FACE = np.array([[1, 1, 0], [-1, 1, 0], [0, 0, 1]])
SUPERCELLS = {"L": np.diag([2, 1, 1]), "X": FACE, "M": FACE}
CRYSTALS = {"AgBr": "L", "AgCl": "L", "TlCl": "M", "Mg2Ge": "X", "Mg2Sn": "X", "ScN": "X", "YN": "X"}
SPACINGS = (0.5, 0.25)  # of the k points, 1/Å, with the factor 2π
COLUMNS = ("crystal", "wave", "spacing", "smearing", "lowest")
JOBS = {f"{name}_{spacing}": (name, spacing) for spacing in SPACINGS for name in CRYSTALS}


def compute(job: str) -> dict:
    """The record of one crystal with one mesh."""
    name, spacing = JOBS[job]
    metal = name in CLOSED and spacing < SPACINGS[0]
    used = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    cell = primitive(name, catalogue()[name]["structure"], used["lattice_constant"])
    wave = CRYSTALS[name]
    phonopy = phonopy_of(cell, SUPERCELLS[wave])
    phonopy.generate_displacements(distance=DISPLACEMENT)
    moved = [atoms_of(each) for each in phonopy.supercells_with_displacements]
    finer = SPACING["metal" if metal else "insulator"] / spacing
    results, settings = evaluate(moved, metal, finer=finer)
    phonopy.forces = [result["forces"] for result in results]
    phonopy.produce_force_constants()
    phonopy.run_qpoints([WAVES[wave]])
    found = np.sort(phonopy.qpoints.frequencies[0]) / WAVENUMBER
    print(f"{name} at {wave}, {spacing} 1/Å: {found.round(1)} 1/cm", flush=True)
    return {"name": name, "wave": wave, "frequencies": found.round(2).tolist(), "settings": settings}


def rows() -> list[list]:
    """One row for each calculation that is done."""
    found = []
    for job, (name, spacing) in JOBS.items():
        if (path := DONE / f"{job}.json").exists():
            record = json.loads(path.read_text(encoding="utf-8"))
            smearing = record["settings"]["smearing_eV"]
            found.append([name, record["wave"], spacing, smearing, record["frequencies"][0]])
    return found


def main() -> None:
    compute_missing(DONE, chosen(sys.argv[1:], JOBS), compute)
    write_table(OUTPUT, COLUMNS, rows())
    report(OUTPUT)


if __name__ == "__main__":
    main()
