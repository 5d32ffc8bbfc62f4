"""Closures for the subgrid stress of two flows, with and without symmetry: the table of session 10.

Makes src/tutorial_utils/datasets/bundled/closures.json (dataset `closures`). Run with

    OMP_NUM_THREADS=1 python reference_data/closures.py

It takes about ten minutes of a free core, and saves as it goes: stopped and started again it continues.
A row: what was trained, on how many points of which flow; the error on later snapshots of this flow, on the
same in random orientations, and on the other flow; and the share of broken equivariance.
"""

import itertools
from pathlib import Path

import torch
from files import fill_table

from tutorial_utils import datasets
from tutorial_utils.fields import closures, fluid

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/closures.json"
COLUMNS = ("model", "flow", "points", "seed", "later", "turned", "other", "share")
POINTS, SEEDS, MEASURED = (300, 3000), (0, 1, 2), 1000
FORMULAS = {
    "Smagorinsky": closures.smagorinsky,
    "Clark": closures.clark,
    "four products": closures.quadratic,
}


def jobs() -> list[tuple]:
    """List model, flow, points and seed; networks with symmetry get all points only."""
    found = itertools.product(SEEDS, POINTS, (*FORMULAS, *closures.MODELS), fluid.FORCES)
    few = (closures.TENSORS, closures.EQUIVARIANT)
    return [
        (model, flow, points, seed)
        for seed, points, model, flow in found
        if points == max(POINTS) or model not in few
    ]


def trained(model: str, seen: closures.Points, valid: closures.Points, seed: int) -> closures.Closure:
    """Fit a formula or train a network."""
    if model in FORMULAS:
        return closures.fitted(FORMULAS[model], seen)
    return closures.train(model, seen, valid, seed=seed)


def run() -> None:
    """Measure what is missing; write the table once it is complete."""
    data = datasets.load("turbulence")
    flows = {name: closures.parts(data, name) for name in fluid.FORCES}

    def measure(model: str, flow: str, points: int, seed: int) -> list[list[float]]:
        seen, valid, test = flows[flow]
        chosen = torch.randperm(len(seen), generator=torch.Generator().manual_seed(seed))[:points]
        closure = trained(model, seen[chosen], valid, seed)
        (other,) = (name for name in flows if name != flow)
        some = torch.linspace(0, len(test) - 1, MEASURED).round().long()
        found = [closures.error(closure, test), *closures.broken(closure, test[some])]
        found.insert(2, closures.error(closure, flows[other][2]))
        return [[float(f"{x:.4g}") for x in found]]

    fill_table(OUTPUT, COLUMNS, jobs(), measure)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    run()
