"""Measured top frequencies and heat capacities of cubic crystals, each number with its source.

Makes src/tutorial_utils/datasets/bundled/phonon_experiments.json (dataset `phonon_experiments`). Run with

    python reference_data/phonon_experiments.py

`phonon_experiments.csv` holds numbers as their sources state them. Frequencies at the zone centre, in 1/cm
or as wavelengths in µm, are from the papers' abstracts; those of alkali halides are the infrared resonances
in the dispersion formulas that Li (1976) fitted to assessed measurements, as transcribed in
refractiveindex.info. Heat capacities are per mole of formula units, J/(K mol).

`phonon_experiments_nasa.csv` holds coefficients of C_p/R = a1 + a2 T + a3 T² + a4 T³ + a5 T⁴ by McBride,
Gordon and Reno, NASA TM-4513 (1993), as transcribed in nasa_condensed.yaml of Cantera; they fit assessed
measurements. Heat capacities are at constant pressure: what a harmonic crystal has, C_V, is smaller, by some
percent at 300 K and by more when it is hot.
"""

import csv
from pathlib import Path

from ase.formula import Formula
from files import report, write_table

FOLDER = Path(__file__).parent
OUTPUT = FOLDER.parent / "src/tutorial_utils/datasets/bundled/phonon_experiments.json"
GAS_CONSTANT = 8.314462618  # J/(K mol)
TEMPERATURES = (300.0, 400.0, 600.0, 800.0)  # K
NASA = "NASA TM-4513 (1993)"
COLUMNS = ("crystal", "quantity", "value", "temperature", "source")


def read(name: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file of this folder."""
    with open(FOLDER / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def measured() -> list[list]:
    """Return the numbers that sources state; heat capacities per mole of atoms."""
    rows = []
    for row in read("phonon_experiments.csv"):
        value = float(row["value"])
        quantity = row["quantity"]
        if quantity == "heat capacity":
            value /= len(Formula(row["crystal"]))
        if quantity == "TO wavelength":
            quantity, value = "TO frequency", 1e4 / value
        rows.append([row["crystal"], quantity, round(value, 2), float(row["temperature"]), row["source"]])
    return rows


def fitted() -> list[list]:
    """Return heat capacities per mole of atoms from fits, where these hold."""
    rows = []
    for row in read("phonon_experiments_nasa.csv"):
        for T in TEMPERATURES:
            if float(row["lowest"]) <= T <= float(row["highest"]):
                value = GAS_CONSTANT * sum(float(row[f"a{k + 1}"]) * T**k for k in range(5))
                value /= len(Formula(row["crystal"]))
                rows.append([row["crystal"], "heat capacity", round(value, 2), T, NASA])
    return rows


def main() -> None:
    write_table(OUTPUT, COLUMNS, measured() + fitted())
    report(OUTPUT)


if __name__ == "__main__":
    main()
