"""How far the crystals' settings are converged: three of them again, with one setting at a time made finer.

    python reference_data/crystals_convergence.py    # all that are missing; several processes share the work

`crystals_convergence/NAME_CHANGE.json` has the form of `crystals/NAME.json`, at the lattice constant found
there. At the end all become the dataset `crystals_convergence`: highest frequency, mean frequency, and the
mean squared difference of the spectrum from the one that the course uses.
"""

import json
import sys
from pathlib import Path

from crystals import DISPLACEMENT, FOLDER, catalogue, phonons
from crystals_pbesol import GRID, gather
from files import chosen, compute_missing, report, write_table

from tutorial_utils.phonons import mean_frequency

CHANGED = Path(__file__).parent / "crystals_convergence"
OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/crystals_convergence.json"
NAMES = ("Si", "KCl", "Al")
CHANGES = {
    "cutoff + 120 eV": {"more_cutoff": 120.0},
    "1.6 times the k points": {"finer": 1.6},
    "2.4 times the k points": {"finer": 2.4},
    "twice the displacement": {"distance": 2 * DISPLACEMENT},
    "a larger supercell": {"more_repeats": 1},
}
COLUMNS = ("crystal", "change", "top", "mean_frequency", "difference")


def file_name(name: str, change: str) -> str:
    """What the file of a calculation is called, without .json."""
    return f"{name}_{change.replace(' ', '-')}"


JOBS = {file_name(name, change): (name, change) for change in CHANGES for name in NAMES}


def compute(job: str) -> dict:
    """The record of a crystal with one setting changed."""
    name, change = JOBS[job]
    used = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    kind = catalogue()[name]["structure"]
    return used | phonons(name, kind, used["lattice_constant"], used["metal"], **CHANGES[change])


def rows() -> list[list]:
    """What each change does; a calculation that was not made is left out."""
    found = []
    for name in NAMES:
        files = {"as used": FOLDER / f"{name}.json"}
        files |= {change: CHANGED / f"{file_name(name, change)}.json" for change in CHANGES}
        crystals = {
            change: gather(json.loads(path.read_text(encoding="utf-8")))
            for change, path in files.items()
            if path.exists()
        }
        for change, crystal in crystals.items():
            apart = ((crystal["dos"] - crystals["as used"]["dos"]) ** 2).mean()
            mean = mean_frequency(GRID, crystal["dos"])
            found.append([name, change, round(crystal["top"], 1), round(mean, 1), round(apart, 5)])
    return found


def main() -> None:
    compute_missing(CHANGED, chosen(sys.argv[1:], JOBS), compute)
    write_table(OUTPUT, COLUMNS, rows())
    report(OUTPUT)


if __name__ == "__main__":
    main()
