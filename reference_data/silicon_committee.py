"""What a committee of four models knows of its own errors, and what it is worth to choose frames by it.

Makes src/tutorial_utils/datasets/bundled/silicon_committee.json (dataset `silicon_committee`). Run with

    OMP_NUM_THREADS=1 python reference_data/silicon_committee.py

It saves as it goes, in reference_data/raw: stopped and started again it continues.

Four NequIP models that differ in their random weights learn the same 30 frames of a silicon crystal at 300 K,
labelled by Stillinger and Weber's potential (https://doi.org/10.1103/PhysRevB.31.5262). The first one then
runs hot, and frames of these runs are labelled: BATCH by the largest spread of the four, or BATCH at random.
After two rounds of running, choosing and training again both ways are compared on frames of the true
potential at 2000 K, which no model has seen.

Rows with what = "frame" are frames of the first model's runs: the spread of forces (root of the mean
variance over the models, eV/Å) and the true error of the first model (root mean square, eV/Å). Rows with
what = "round" give the error after each round.
"""

import itertools
import tempfile
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator
from files import fill_table
from silicon_md import stillinger_weber

from tutorial_utils.molecular_dynamics import lammps, nequip

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "src/tutorial_utils/datasets/bundled/silicon_committee.json"
COLUMNS = ("choice", "seed", "what", "round", "temperature", "spread", "error")
MODELS, ROUNDS, BATCH, SEEDS = 4, 2, 12, (0, 1, 2)
TEMPERATURES = (300, 1000, 2000, 3000)  # K, of the runs
EVERY, STEPS, NEAR = 5, 200, 1.7  # steps, steps of 1 fs, Å
STEPS_OF_TRAINING = 600


def box() -> Atoms:
    """Return 64 atoms of silicon."""
    return bulk("Si", cubic=True, a=5.431) * (2, 2, 2)


def warm(temperature: float, seed: int) -> str:
    """Return the lines that start a run; half of the velocities' energy goes into the springs."""
    start = f"velocity all create {2 * temperature} {seed + 1} dist gaussian\n"
    return start + f"fix bath all nvt temp {temperature} {temperature} 0.1\n"


def label(frames: list[Atoms]) -> list[Atoms]:
    """Ask Stillinger and Weber for energies and forces."""
    return lammps.label(frames, stillinger_weber())


def true_frames(temperature: float, seed: int, count: int) -> list[Atoms]:
    """Return labelled frames of the true potential, 0.05 ps apart."""
    commands = f"{warm(temperature, seed)}run {1000 + 50 * count}"
    with tempfile.TemporaryDirectory() as folder:
        run = lammps.run(box(), stillinger_weber(), commands, every=50, folder=folder)
    return label(run.frames[-count:])


def committee(frames: list[Atoms], valid: list[Atoms]) -> list[Calculator]:
    """Train models that differ in their seed."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train = nequip.write_frames(folder / "train.xyz", frames)
        held = nequip.write_frames(folder / "valid.xyz", valid)
        for seed in range(MODELS):
            config = nequip.config(
                train,
                held,
                elements=["Si"],
                l_max=2,
                features=8,
                epochs=max(1, STEPS_OF_TRAINING // len(frames)),
                batch_size=1,
                learning_rate=0.05,
                seed=seed,
            )
            config["training_module"]["model"]["parity"] = False
            found.append(nequip.calculator(nequip.train(config, folder / str(seed))))
    return found


def forces(models: list[Calculator], frame: Atoms) -> np.ndarray:
    """Return the forces of each model, (models, atoms, 3)."""
    found = []
    for model in models:
        atoms = frame.copy()
        atoms.calc = model
        found.append(atoms.get_forces())
    return np.array(found)


def spread(each: np.ndarray) -> float:
    """Return by how much models differ: the root of the mean variance, eV/Å."""
    return float(np.sqrt(each.var(axis=0, ddof=1).mean()))


def hot_runs(model: Calculator, seed: int) -> dict[int, list[Atoms]]:
    """Run a model hot; return the frames until two atoms come too near."""
    found = {}
    for temperature in TEMPERATURES:
        with tempfile.TemporaryDirectory() as folder:
            commands = f"{warm(temperature, seed)}run {STEPS}"
            run = lammps.run_with_callback(box(), model, commands, every=EVERY, folder=folder)
        found[temperature] = list(itertools.takewhile(apart, run.frames[1:]))
    return found


def apart(frame: Atoms) -> bool:
    """Tell whether no two atoms are nearer than any sane frame has them."""
    distances = frame.get_all_distances(mic=True)
    return bool(distances[np.triu_indices(len(frame), 1)].min() > NEAR)


def error(model: Calculator, frames: list[Atoms]) -> float:
    """Return the root mean square error of forces, eV/Å."""
    pairs = [(forces([model], frame)[0], frame.get_forces()) for frame in frames]
    return float(np.sqrt(np.mean([np.square(a - b).mean() for a, b in pairs])))


def campaign(choice: str, seed: int) -> list[list]:
    """Do all rounds of one way to choose; return rows."""
    rng, rows = np.random.default_rng(seed), []
    start, test = true_frames(300, seed, 35), true_frames(2000, 100, 10)
    known, valid = start[:30], start[30:]
    for number in range(ROUNDS + 1):
        models = committee(known, valid)
        runs = hot_runs(models[0], seed * (ROUNDS + 1) + number)
        rows.append(["round", number, 2000, 0.0, error(models[0], test)])
        pool = [(T, frame) for T, frames in runs.items() for frame in frames[::2]]
        spreads = np.array([spread(forces(models, frame)) for _, frame in pool])
        if number == 0 and choice == "committee":
            asked = label([frame for _, frame in pool])
            for (T, _), frame, value in zip(pool, asked, spreads, strict=True):
                rows.append(["frame", 0, T, value, error(models[0], [frame])])
        best = np.argsort(-spreads) if choice == "committee" else rng.permutation(len(pool))
        chosen = label([pool[k][1] for k in best[:BATCH]])
        known, valid = known + chosen[2:], valid + chosen[:2]
    return [[*row[:3], *(float(f"{value:.4g}") for value in row[3:])] for row in rows]


if __name__ == "__main__":
    points = [(choice, seed) for seed in SEEDS for choice in ("committee", "random")]
    fill_table(OUTPUT, COLUMNS, points, campaign)
