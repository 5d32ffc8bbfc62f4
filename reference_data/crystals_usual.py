"""Crystals that need finer settings than the others, with the usual ones: what these do to the softest wave.

    python reference_data/crystals_usual.py

Each came out with an imaginary frequency, though all of them exist. `crystals_usual/NAME.json` has the form
of `crystals/NAME.json`, which was computed again with the finer settings. At the end the lowest frequencies
of both become the dataset `crystals_usual`.
"""

import json
import sys
from pathlib import Path

import numpy as np
from crystals import CLOSED, FINER, FOLDER, LARGER, catalogue, compute
from crystals_pbesol import WAVES, constants_of
from files import chosen, compute_missing, report, write_table

from tutorial_utils.phonons import frequencies, mesh
from tutorial_utils.phonons.lattice import WAVENUMBER

USUAL = Path(__file__).parent / "crystals_usual"
OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/crystals_usual.json"
NAMES = (*FINER, *CLOSED, *LARGER)
COLUMNS = ("crystal", "finer", "usual_fitting", "usual", "lowest")


def finer(name: str) -> str:
    """What was made finer for a crystal; as metal: mesh and smearing."""
    if name in FINER:
        return "mesh"
    return "supercell" if name in LARGER else "as metal"


def lowest(path: Path, *, fitting: bool = False) -> float:
    """Lowest frequency (1/cm; negative: imaginary) of a mesh of waves, or of those that fit the supercell."""
    record = json.loads(path.read_text(encoding="utf-8"))
    repeats = record["repeats"]
    waves = np.array(list(np.ndindex((repeats,) * 3))) / repeats if fitting else mesh(WAVES)
    return round(float(frequencies(constants_of(record), waves).min() / WAVENUMBER), 1)


def main() -> None:
    crystals = catalogue()
    compute_missing(
        USUAL, chosen(sys.argv[1:], NAMES), lambda name: compute(name, crystals[name], usual=True)
    )
    rows = []
    for name in NAMES:
        usual, used = USUAL / f"{name}.json", FOLDER / f"{name}.json"
        rows.append([name, finer(name), lowest(usual, fitting=True), lowest(usual), lowest(used)])
    write_table(OUTPUT, COLUMNS, rows)
    report(OUTPUT)


if __name__ == "__main__":
    main()
