"""Formulas and space groups of the published spectra, without the spectra (dataset `phonon_formulas`).

python reference_data/phonon_formulas.py --data data_union.csv
"""

import argparse
from pathlib import Path

import spglib
from files import report, write_table

from tutorial_utils import datasets

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/phonon_formulas.json"
TOLERANCE = 1e-3  # Å


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="a local copy of the published file, its split beside it")
    data = datasets.load("phonon_dos_published", path=parser.parse_args().data)
    rows = []
    for atoms, part in zip(data.structures, data["split"], strict=True):
        cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
        found = spglib.get_symmetry_dataset(cell, symprec=TOLERANCE)
        formula = atoms.symbols.formula.reduce()[0].format("metal")
        rows.append([formula, found.number, len(atoms), str(part)])
    write_table(OUTPUT, ("formula", "space_group", "atoms", "part"), rows)
    report(OUTPUT)


if __name__ == "__main__":
    main()
