"""Learning curves of dipoles and polarizabilities: the ladder of models of session 3, with three seeds.

Makes src/tutorial_utils/datasets/bundled/tensor_ladder.json (dataset `tensor_ladder`). Run with

    OMP_NUM_THREADS=1 python reference_data/tensor_ladder.py --qm7x qm7x_reduced_100.xyz

It saves as it goes: stopped and started again it continues.
Models and rules stand in tutorial_utils/studies/tensor_ladder.py.
Without --qm7x the published set is downloaded; if it cannot be had, its rows are left out.
"""

import argparse
from pathlib import Path

import torch
from ase import units
from files import fill_table

from tutorial_utils import datasets
from tutorial_utils.studies import tensor_ladder as ladder

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/tensor_ladder.json"
MOLECULES = (50, 12, 25)  # in the order of their weight
SEEDS = (0, 1, 2)
COLUMNS = ("model", "equal", "molecules", "seed", "test", "target", "error")
BOTH = "both"  # the row stands in either comparison
QM7X = "QM7-X"


def points() -> list[tuple[str, str, int, int]]:
    """List model, what it shares with the last rung, number of training molecules and seed of all points."""
    always = [(m, BOTH) for m in (*ladder.BASELINES, ladder.COORDINATES, ladder.TENSORS)]
    sized = (ladder.INVARIANT, ladder.CHARGES, ladder.VECTORS)
    models = always + [(model, ladder.EQUAL_SCALARS) for model in sized]
    wide = [(model, ladder.EQUAL_WEIGHTS) for model in sized] + [(ladder.FULL, ladder.EQUAL_SCALARS)]
    largest = [*models, *wide, (ladder.COPIES, BOTH)]
    largest = [(*model, max(MOLECULES), seed) for model in largest for seed in SEEDS]
    smaller = [(*model, n, seed) for n in MOLECULES[1:] for seed in SEEDS for model in models]
    return largest + smaller


def published(path: str | None) -> list:
    """Return graphs of the QM7-X molecules, polarizabilities in Å³, dipoles unknown (zero); or nothing."""
    try:
        dataset = datasets.load("qm7x_published", path=path)
    except datasets.DatasetError as reason:
        print(f"without QM7-X: {reason}")
        return []
    y = ladder.targets(dataset["polarizability"] * units.Bohr**3)
    return [ladder.as_graph(atoms, row) for atoms, row in zip(dataset.structures, y, strict=True)]


def measure(point: tuple[str, str, int, int], dataset: datasets.Dataset, external: list) -> list[list]:
    """Train one model; return test, target and error of each row."""
    model, equal, molecules, seed = point
    parts = ladder.split(dataset, molecules, seed=seed)
    if model in ladder.BASELINES:
        predict = ladder.baseline(model, parts)
    else:
        size = ladder.EQUAL_SCALARS if equal == BOTH else equal
        predict = ladder.train(model, parts, seed=seed, equal=size)
    tests = {"new molecules": parts.new_molecules, "new geometries": parts.new_geometries, QM7X: external}
    rows = []
    for test, graphs in tests.items():
        for target, error in (ladder.errors(predict, graphs) if graphs else {}).items():
            if test != QM7X or target != ladder.TARGETS[0]:  # no dipoles there
                rows.append([test, target, round(error, 4)])
    return rows


def main(qm7x: str | None) -> None:
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True)
    dataset, external = datasets.load("molecules_hf"), published(qm7x)
    fill_table(OUTPUT, COLUMNS, points(), lambda *point: measure(point, dataset, external))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--qm7x", help="a local copy of the published file, where there is no network")
    main(parser.parse_args().qm7x)
