"""Ten boxes of a small universe, and their halos: the galaxies of session 10.

Makes src/tutorial_utils/datasets/bundled/cosmos.npz (dataset `cosmos`) and cosmos_map.npz (`cosmos_map`),
a picture of the first box. Run with

    OMP_NUM_THREADS=1 python reference_data/cosmos.py

A box takes a quarter of a minute of a free core; each is kept, so that the script can be stopped and started.
"""

from pathlib import Path

import numpy as np
import torch
from files import command_line, report, write_npz

from tutorial_utils.fields import cosmos

PACKAGE = Path(__file__).parents[1] / "src/tutorial_utils"
OUTPUT = PACKAGE / "datasets/bundled/cosmos.npz"
MAP = OUTPUT.with_name("cosmos_map.npz")
RAW = Path(__file__).parent / "raw/cosmos"
BOXES, PARTICLES, MESH = 10, 64, 128
SLAB, PIXELS = 20.0, 160  # Mpc/h thick; points along an edge of the picture


def box(seed: int, path: Path) -> None:
    """Compute one box, and keep its particles and halos."""
    x, p = cosmos.begin(PARTICLES, seed=seed)
    a = np.linspace(cosmos.START**0.5, 1, cosmos.STEPS + 1) ** 2
    x, p = cosmos.evolve(x, p, mesh=MESH, a=a.tolist())
    position, mass, velocity, shape = cosmos.halos(x, p)
    write_npz(path, {
        "particles": x.numpy(), "position": position.numpy(), "mass": mass.numpy(),
        "velocity": velocity.numpy(), "shape": shape.numpy(),
    })  # fmt: skip
    print(f"box {seed}: {len(mass)} halos", flush=True)


def run(raw: Path, output: Path) -> None:
    """Compute what is missing, and write both files."""
    raw.mkdir(parents=True, exist_ok=True)
    columns: dict[str, list] = {name: [] for name in ("position", "mass", "velocity", "shape")}
    number = []
    for seed in range(BOXES):
        path = raw / f"{seed}.npz"
        if not path.exists():
            box(seed, path)
        with np.load(path) as found:
            number += [seed] * len(found["mass"])
            for name, column in columns.items():
                column.append(found[name])
            if seed == 0:
                x = found["particles"]
    arrays = {name: np.concatenate(column).astype(np.float16) for name, column in columns.items()}
    arrays["position"] = np.concatenate(columns["position"]).astype(np.float32).round(2)
    arrays["mass"] = np.concatenate(columns["mass"]).astype(np.int32)
    write_npz(output, arrays | {"box": np.array(number, dtype=np.int8)})
    report(output)
    thin = x[x[:, 2] < SLAB]
    picture, _, _ = np.histogram2d(*thin[:, :2].T, bins=PIXELS, range=[[0, cosmos.BOX]] * 2)
    write_npz(output.with_name(MAP.name), {"column_density": picture.astype(np.int16)})
    report(output.with_name(MAP.name))


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    run(*command_line(__doc__, raw=RAW, output=OUTPUT))
