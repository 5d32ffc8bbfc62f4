"""Two turbulent flows on 64³ points, and what smoothing hides of them: the fluids of session 10.

Makes in src/tutorial_utils/datasets/bundled: turbulence.npz, turbulence_planes.npz, turbulence_flow.npz and
turbulence_series.json (the datasets of these names). Run with

    OMP_NUM_THREADS=1 python reference_data/turbulence.py

A flow begins with long random waves on 32³ points; once it is turbulent it goes on with 64³. Four snapshots
are for training, and four later ones for tests. It takes about six minutes of a free core, and keeps its
snapshots: stopped and started again it continues.
"""

from pathlib import Path

import numpy as np
import torch
from files import command_line, report, write_npz, write_table

from tutorial_utils.fields import fluid

PACKAGE = Path(__file__).parents[1] / "src/tutorial_utils"
OUTPUT = PACKAGE / "datasets/bundled/turbulence.npz"
RAW = Path(__file__).parent / "raw/turbulence"
VISCOSITY, STEP = 0.02, 0.016
COARSE, FINE = 32, 64  # points along an edge
WARM, SETTLE = 25.0, 3.0  # times on the coarse points, and on the fine ones before the first snapshot
TIMES = np.array([0, 1, 2, 3, 8, 9, 10, 11.0])  # of the snapshots; the first four are for training
POINTS = 1000  # drawn from a snapshot
ORDERS = (1, 2, 3)  # terms of the expansion in the width
PICTURE = 28  # points along an edge of the flow that is kept for a picture


def snapshots(name: str, folder: Path) -> list[torch.Tensor]:
    """Compute what is missing of a flow's snapshots, and return them."""
    u, now, found = None, 0.0, []
    for time in TIMES:
        path = folder / f"{name}_{time:g}.npy"
        if not path.exists():
            if u is None:
                u = found[-1] if found else begin(name)
            u = flow(u, time - now, name)
            np.save(path, u.numpy())
            print(f"{name} {time:g}: energy {fluid.energy(fluid.to_waves(u)):.3f}", flush=True)
        found.append(torch.tensor(np.load(path)))
        now = time
    return found


def begin(name: str) -> fluid.Velocity:
    """Bring a flow to turbulence."""
    start = fluid.random_flow(COARSE, seed=len(name))
    warm = flow(start, WARM, name)
    return flow(fluid.resample(warm, FINE), SETTLE, name)


def flow(u: fluid.Velocity, time: float, name: str) -> fluid.Velocity:
    """Follow one of the two flows."""
    return fluid.advance(u, time, viscosity=VISCOSITY, step=STEP, force=fluid.FORCES[name])


def run(raw: Path, output: Path) -> None:
    """Compute both flows; keep points of them, a plane of each, one flow as a picture, and a table."""
    raw.mkdir(parents=True, exist_ok=True)
    rng, W = np.random.default_rng(0), fluid.WIDTH
    points: dict[str, list] = {name: [] for name in ("flow", "time", "train", "gradient", "stress")}
    planes: dict[str, list] = {name: [] for name in ("flow", "gradient", "stress")}
    table = []
    for flow_name in fluid.FORCES:
        found = snapshots(flow_name, raw)
        for number, (time, u) in enumerate(zip(TIMES, found, strict=True)):
            A, τ = fluid.gradient(fluid.smooth(u, W)), fluid.subgrid_stress(u, W)
            chosen = rng.choice(FINE**3, POINTS, replace=False)
            points["flow"] += [flow_name] * POINTS
            points["time"] += [time] * POINTS
            points["train"] += [number < 4] * POINTS
            points["gradient"] += list(A.reshape(-1, 3, 3).numpy()[chosen])
            points["stress"] += list(τ.reshape(-1, 3, 3).numpy()[chosen])
            if number >= 4:
                table += [[flow_name, float(time), order, missed(u, τ, order)] for order in ORDERS]
        planes["flow"].append(flow_name)
        planes["gradient"].append(A[::2, ::2, 0].numpy())
        planes["stress"].append(τ[::2, ::2, 0].numpy())
        if flow_name == "isotropic":
            picture = fluid.resample(found[-1], PICTURE)
    write_npz(output, halved(points))
    write_npz(output.with_name("turbulence_planes.npz"), halved(planes))
    write_npz(output.with_name("turbulence_flow.npz"), halved({"velocity": picture.numpy()}))
    write_table(output.with_name("turbulence_series.json"), ("flow", "time", "orders", "error"), table)
    for name in ("turbulence.npz", "turbulence_planes.npz", "turbulence_flow.npz", "turbulence_series.json"):
        report(output.with_name(name))


def missed(u: fluid.Velocity, τ: torch.Tensor, orders: int) -> float:
    """Return the error of the expansion from the smoothed flow: mean square over that of the stress."""
    away = fluid.series(fluid.smooth(u, fluid.WIDTH), fluid.WIDTH, orders) - τ
    return float(f"{(away.square().mean() / τ.square().mean()).item():.4g}")


def halved(columns: dict) -> dict[str, np.ndarray]:
    """Return arrays, real numbers in half precision."""
    arrays = {name: np.array(column) for name, column in columns.items()}
    return {k: a.astype(np.float16) if a.dtype.kind == "f" else a for k, a in arrays.items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    run(*command_line(__doc__, raw=RAW, output=OUTPUT))
