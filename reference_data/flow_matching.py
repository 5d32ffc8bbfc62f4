"""Flow matching on thirteen Lennard-Jones particles: the table of session 9, and the network it ships.

Makes src/tutorial_utils/datasets/bundled/flow_matching.json (dataset `flow_matching`) and
src/tutorial_utils/generation/lj13.pt, the first network with assignment. Run with

    OMP_NUM_THREADS=1 python reference_data/flow_matching.py

It takes about fourteen minutes of a free core, and saves as it goes: stopped and started again it continues.
"""

import itertools
from pathlib import Path

import torch
from files import fill_table

from tutorial_utils import datasets
from tutorial_utils.generation import trials

PACKAGE = Path(__file__).parents[1] / "src/tutorial_utils"
OUTPUT = PACKAGE / "datasets/bundled/flow_matching.json"
SEEDS = (0, 1, 2)
LONGER = 16  # times as long: what would more training have changed?
COLUMNS = ("model", "seconds", "seed", "steps", "loss", "W1", "in_range", "detour", "ess", "violation")


def points() -> list[tuple[str, float, int]]:
    """List model, seconds of training and seed of all rows."""
    equal = [(model, trials.SECONDS, seed) for seed, model in itertools.product(SEEDS, trials.MODELS)]
    return equal + [(model, LONGER * trials.SECONDS, 0) for model in (trials.PLAIN, trials.ASSIGNED)]


def run() -> None:
    """Measure what is missing; write the table once it is complete."""
    train, test = trials.split(datasets.load("lj13"))

    def measure(model: str, seconds: float, seed: int) -> list[list]:
        field, steps, loss = trials.train(model, train, seconds=seconds, seed=seed)
        if (model, seconds, seed) == (trials.ASSIGNED, trials.SECONDS, 0):
            trials.save(field)
        found = trials.evaluate(field, test, likelihood=model != trials.PLAIN, seed=100 + seed)
        return [[steps, loss, *found]]

    fill_table(OUTPUT, COLUMNS, points(), measure)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    run()
