"""How well positions and masses of halos give their velocities: formulas, sums and networks of session 10.

Makes src/tutorial_utils/datasets/bundled/cosmos_models.json (dataset `cosmos_models`). Run with

    OMP_NUM_THREADS=1 python reference_data/cosmos_models.py

It takes about three minutes of a free core, and saves as it goes: stopped and started again it continues.
"""

import itertools
from pathlib import Path

import torch
from files import command_line, read_table, report, write_table

from tutorial_utils import datasets
from tutorial_utils.fields import cosmos

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/cosmos_models.json"
PARTIAL = Path(__file__).parent / "raw/cosmos_models.json"
COLUMNS = ("target", "model", "lmax", "cutoff", "seed", "explained")
SEEDS = (0, 1, 2)


def run(partial: Path, output: Path) -> None:
    """Measure what is missing; write the table once it is complete."""
    partial.parent.mkdir(exist_ok=True)
    rows = read_table(partial, COLUMNS)
    parts = cosmos.parts(cosmos.boxes(datasets.load("cosmos")))
    jobs = [("velocity", name, 1, cosmos.BOX, 0) for name in ("gravity", "linear theory")]
    jobs += [("velocity", "sums", 1, cutoff, 0) for cutoff in cosmos.RINGS[1:]]
    jobs += [("shape", "sums", 2, cutoff, 0) for cutoff in cosmos.RINGS[1:]]
    networks = itertools.product((1, 2), (20.0,), SEEDS)
    jobs += [("velocity", "network", lmax, cutoff, seed) for lmax, cutoff, seed in networks]
    for target, model, lmax, cutoff, seed in jobs:
        if [target, model, lmax, cutoff, seed] in [row[:5] for row in rows]:
            continue
        if model == "network":
            found = cosmos.network_score(*parts, lmax=lmax, cutoff=cutoff, seed=seed)
        else:
            found = cosmos.fitted_score(*parts, target=target, model=model, cutoff=cutoff)
        rows.append([target, model, lmax, cutoff, seed, float(f"{found:.4g}")])
        write_table(partial, COLUMNS, rows)
        print(rows[-1], flush=True)
    write_table(output, COLUMNS, rows)
    report(output)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    run(*command_line(__doc__, raw=PARTIAL, output=OUTPUT))
