"""Learning curves of dipoles and polarizabilities: the ladder of models of session 3, with three seeds.

Makes src/tutorial_utils/datasets/bundled/tensor_ladder.json (dataset `tensor_ladder`). Run with

    OMP_NUM_THREADS=1 python reference_data/tensor_ladder.py --qm7x qm7x_reduced_100.xyz

It saves as it goes: stopped and started again it continues.
Models and rules stand in tutorial_utils/tensor_ladder.py.
Without --qm7x the published set is downloaded; if it cannot be had, its rows are left out.
"""

import argparse
import itertools
import time
from pathlib import Path

import torch
from ase import units
from files import read_table, report, write_table

from tutorial_utils import datasets
from tutorial_utils import tensor_ladder as ladder

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/tensor_ladder.json"
MOLECULES = (12, 25, 50)
SEEDS = (0, 1, 2)
COLUMNS = ("model", "molecules", "seed", "test", "target", "error")
QM7X = "QM7-X"


def points() -> list[tuple[str, int, int]]:
    """List model, number of training molecules and seed of all points."""
    models = (*ladder.BASELINES, *ladder.NETWORKS)
    found = list(itertools.product(models, MOLECULES, SEEDS))
    found += [(ladder.HEAVY, MOLECULES[-1], seed) for seed in SEEDS]
    return sorted(found, key=lambda point: point[2])  # all of the first seed come first


def published(path: str | None) -> list:
    """Return graphs of the QM7-X molecules, polarizabilities in Å³, dipoles unknown (zero); or nothing."""
    try:
        dataset = datasets.load("qm7x_published", path=path)
    except datasets.DatasetError as reason:
        print(f"without QM7-X: {reason}")
        return []
    y = ladder.targets(dataset["polarizability"] * units.Bohr**3)
    return [ladder.as_graph(atoms, row) for atoms, row in zip(dataset.structures, y, strict=True)]


def measure(point: tuple[str, int, int], dataset: datasets.Dataset, external: list) -> list[list]:
    """Train one model; return a row for each test and target."""
    model, molecules, seed = point
    parts = ladder.split(dataset, molecules, seed=seed)
    if model in ladder.BASELINES:
        predict = ladder.baseline(model, parts)
    else:
        predict = ladder.train(model, parts, seed=seed)
    tests = {"new molecules": parts.new_molecules, "new geometries": parts.new_geometries, QM7X: external}
    rows = []
    for test, graphs in tests.items():
        for target, error in (ladder.errors(predict, graphs) if graphs else {}).items():
            if test != QM7X or target != ladder.TARGETS[0]:  # no dipoles there
                rows.append([*point, test, target, round(error, 4)])
    return rows


def main(qm7x: str | None) -> None:
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True)
    partial = OUTPUT.with_suffix(".partial.json")
    dataset, external, rows = datasets.load("molecules_hf"), published(qm7x), read_table(partial, COLUMNS)
    for point in points():
        if any(tuple(row[:3]) == point for row in rows):
            continue
        start = time.process_time()
        new = measure(point, dataset, external)
        rows += new
        write_table(partial, COLUMNS, rows)
        summary = ", ".join(f"{row[4]} {row[5]}" for row in new if row[3] == "new molecules")
        print(f"{point}: {summary}; {time.process_time() - start:.0f} s", flush=True)
    write_table(OUTPUT, COLUMNS, rows)
    partial.unlink(missing_ok=True)
    report(OUTPUT)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--qm7x", help="a local copy of the published file, where there is no network")
    main(parser.parse_args().qm7x)
