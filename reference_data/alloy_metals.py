"""Force constants of the seven pure metals of the dataset `alloys_eam`, by the same potential.

Makes src/tutorial_utils/datasets/bundled/alloy_metals.npz (dataset `alloy_metals`), what a virtual crystal is
mixed from. Run with

    OMP_NUM_THREADS=1 python reference_data/alloy_metals.py

The box of 108 atoms is the supercell, its first cubic cell of four atoms the cell. It takes seconds.
"""

import alloys
import numpy as np
from files import report, write_npz

OUTPUT = alloys.ROOT / "src/tutorial_utils/datasets/bundled/alloy_metals.npz"


def main() -> None:
    found = alloys.run([alloys.on_lattice([symbol] * alloys.SITES) for symbol in alloys.ELEMENTS])
    arrays = {key: np.concatenate([row[key] for row in found]) for key in ("numbers", "positions")}
    arrays["positions"] = arrays["positions"].round(5)
    arrays["cell"] = np.array([row["cell"] for row in found])
    arrays["constants"] = np.array([row["constants"] for row in found]).round(5).astype(np.float32)
    arrays["sizes"] = np.full(len(found), alloys.SITES, dtype=np.uint8)
    arrays["name"] = np.array(alloys.ELEMENTS)
    write_npz(OUTPUT, arrays)
    report(OUTPUT)


if __name__ == "__main__":
    main()
