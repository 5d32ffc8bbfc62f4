"""52 published potentials for all materials, as a public leaderboard records them: a table of session 8.

Makes src/tutorial_utils/datasets/bundled/published_potentials.json (dataset `published_potentials`) from
published_potentials.csv. Run with

    python reference_data/published_potentials.py

The numbers are those of Matbench Discovery (https://doi.org/10.1038/s42256-025-01055-1), repository
janosh/matbench-discovery, snapshot of 2026-07-16: every model with a κSRME. `record` is the file in that
repository which says where the model is published, how it was trained and how it was tested; F1 is that of
the full test set; `forces` follows from the record's `targets`. `rotations_built_in` is this course's
reading of the papers: "no" where the architecture reads directions without constraint and learns rotations
from turned data.
"""

import csv
from pathlib import Path

from files import report, write_table

INPUT = Path(__file__).with_suffix(".csv")
OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/published_potentials.json"
NUMBERS = {"weights": int, "F1": float, "kappa_srme": float}


def main() -> None:
    """Turn the table into typed columns."""
    with INPUT.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    columns = tuple(rows[0])
    typed = [[NUMBERS.get(name, str)(row[name]) for name in columns] for row in rows]
    write_table(OUTPUT, columns, typed)
    report(OUTPUT)


if __name__ == "__main__":
    main()
