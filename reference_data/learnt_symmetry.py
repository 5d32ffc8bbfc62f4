"""How much of an augmented transformer's loss is broken equivariance, as it trains: a table of session 8.

Makes src/tutorial_utils/datasets/bundled/learnt_symmetry.json (dataset `learnt_symmetry`). Run with

    OMP_NUM_THREADS=1 python reference_data/learnt_symmetry.py

It takes about 7 minutes on one free core, and saves after each training: stopped and started again it goes
on. Model and measure stand in tutorial_utils/scaling/learnt.py.
"""

import itertools
from pathlib import Path

import torch
from files import fill_table

from tutorial_utils import datasets
from tutorial_utils.scaling import learnt

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/learnt_symmetry.json"
SEEDS = (0, 1, 2)
RUNS = ((learnt.COSINE, 4000), (learnt.CONSTANT, 4000))
LOOKS = (1, 30, 100, 300, 1000, 2000, 3000)
COLUMNS = ("schedule", "steps", "seed", "step", "loss", "share")


def main() -> None:
    """Train what is missing; write the table once it is complete."""
    seen, held_out = learnt.in_time(datasets.load("ethanol_xtb"))

    def measure(schedule: str, steps: int, seed: int) -> list[tuple[int, float, float]]:
        looks = learnt.train(seen, held_out, steps=steps, schedule=schedule, seed=seed, looks=LOOKS)
        return [(step, round(loss, 4), round(share, 4)) for step, loss, share in looks]

    points = [(*run, seed) for run, seed in itertools.product(RUNS, SEEDS)]
    fill_table(OUTPUT, COLUMNS, points, measure)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
