"""How much of an augmented transformer's loss is broken equivariance, as it trains: a table of session 8.

Makes src/tutorial_utils/datasets/bundled/learnt_symmetry.json (dataset `learnt_symmetry`). Run with

    OMP_NUM_THREADS=1 python reference_data/learnt_symmetry.py

It takes about 7 minutes on one free core, and saves after each training: stopped and started again it goes
on. Model and measure stand in tutorial_utils/scaling/learnt.py.
"""

import itertools
import time
from pathlib import Path

import torch
from files import command_line, read_table, report, write_table

from tutorial_utils import datasets
from tutorial_utils.scaling import learnt

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/learnt_symmetry.json"
PARTIAL = Path(__file__).parent / "raw/learnt_symmetry.json"
SEEDS = (0, 1, 2)
RUNS = ((learnt.COSINE, 4000), (learnt.CONSTANT, 4000))
LOOKS = (1, 30, 100, 300, 1000, 2000, 3000)
COLUMNS = ("schedule", "steps", "seed", "step", "loss", "share")


def main() -> None:
    """Train what is missing; write the table once it is complete."""
    raw, output = command_line(__doc__, raw=PARTIAL, output=OUTPUT)
    raw.parent.mkdir(exist_ok=True)
    seen, held_out = learnt.in_time(datasets.load("ethanol_xtb"))
    rows = read_table(raw, COLUMNS)
    for (schedule, steps), seed in itertools.product(RUNS, SEEDS):
        if any(row[:3] == [schedule, steps, seed] for row in rows):
            continue
        start = time.process_time()
        for step, loss, share in learnt.train(
            seen, held_out, steps=steps, schedule=schedule, seed=seed, looks=LOOKS
        ):
            rows.append([schedule, steps, seed, step, round(loss, 4), round(share, 4)])
        write_table(raw, COLUMNS, rows)
        print(*rows[-1], f"{time.process_time() - start:.0f} s", flush=True)
    write_table(output, COLUMNS, rows)
    report(output)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
