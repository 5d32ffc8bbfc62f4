"""How well positions and masses of halos give their velocities: formulas, sums and networks of session 10.

Makes src/tutorial_utils/datasets/bundled/cosmos_models.json (dataset `cosmos_models`). Run with

    OMP_NUM_THREADS=1 python reference_data/cosmos_models.py

It takes about three minutes of a free core, and saves as it goes: stopped and started again it continues.
"""

import itertools
from pathlib import Path

import torch
from files import fill_table

from tutorial_utils import datasets
from tutorial_utils.fields import cosmos

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/cosmos_models.json"
COLUMNS = ("target", "model", "lmax", "cutoff", "seed", "explained")
SEEDS = (0, 1, 2)
FORMULAS = ("gravity", "softened gravity", "linear theory")


def run() -> None:
    """Measure what is missing; write the table once it is complete."""
    parts = cosmos.parts(cosmos.boxes(datasets.load("cosmos")))
    points = [("velocity", name, 1, cosmos.BOX, 0) for name in FORMULAS]
    points += [("velocity", "sums", 1, cutoff, 0) for cutoff in cosmos.RINGS[1:]]
    points += [("shape", "sums", 2, cutoff, 0) for cutoff in cosmos.RINGS[1:]]
    networks = itertools.product((1, 2), (20.0,), SEEDS)
    points += [("velocity", "network", lmax, cutoff, seed) for lmax, cutoff, seed in networks]

    def measure(target: str, model: str, lmax: int, cutoff: float, seed: int) -> list[tuple[float]]:
        if model == "network":
            found = cosmos.network_score(*parts, lmax=lmax, cutoff=cutoff, seed=seed)
        else:
            found = cosmos.fitted_score(*parts, target=target, model=model, cutoff=cutoff)
        return [(float(f"{found:.4g}"),)]

    fill_table(OUTPUT, COLUMNS, points, measure)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    run()
