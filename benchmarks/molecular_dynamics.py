"""Speed of molecular dynamics: one NequIP model driven in four ways, and the potential it learned from.

The same silicon crystal, started from the same velocities at constant energy, one thread:

    Stillinger–Weber    LAMMPS' own potential, from which the model learned
    plugin              the compiled model in LAMMPS
    callback            LAMMPS calls the uncompiled model (fix external): what is left without a C++ compiler
    ASE, compiled       ASE steps, the model compiled for ASE
    ASE                 ASE steps, the model as Python runs it

All four first have to give the same forces. Run it with ``make bench`` or
``python benchmarks/molecular_dynamics.py``; it prints steps per second of processor time (the best of three
rounds) and stores them beside itself, with the processor time from nothing to the first step: plugin, labels,
training, compilation. With --store it also writes the table that session 5 shows (dataset `md_speed`).
"""

import argparse
import json
import os
import re
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from importlib import metadata
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is loaded

import numpy as np
import torch
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.singlepoint import SinglePointCalculator
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from ase.md.verlet import VelocityVerlet
from timing import machine, rounded, store

from tutorial_utils.molecular_dynamics import lammps, nequip, plugin

REPEATS = (2, 3, 4, 6, 8)  # cubes of 8 atoms along an edge
LARGEST = {"callback": 4, "ASE, compiled": 6, "ASE": 4}  # of the slow ones
CALLS = {"Stillinger–Weber": 200_000, "plugin": 20_000, "callback": 2000, "ASE, compiled": 5000, "ASE": 2000}
ROUNDS = 3
TABLE = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/md_speed.json"


def crystal(repeats: int) -> Atoms:
    """Return silicon at 300 K."""
    atoms = bulk("Si", cubic=True, a=5.431) * (repeats, repeats, repeats)
    MaxwellBoltzmannDistribution(atoms, temperature_K=600, rng=np.random.default_rng(0))
    return atoms


def stillinger_weber() -> str:
    return f"pair_style sw\npair_coeff * * {lammps.potential_file('Si.sw')} Si"


def labelled(folder: Path) -> tuple[Path, Path]:
    """Write frames for training and validation."""
    md = "velocity all create 1200 1 dist gaussian\nfix move all nvt temp 600 600 0.1\nthermo 50\nrun 1200"
    run = lammps.run(bulk("Si", cubic=True, a=5.431) * (2, 2, 2), stillinger_weber(), md, every=50)
    for frame, energy in zip(run.frames, run.thermo.PotEng, strict=True):
        frame.calc = SinglePointCalculator(frame, energy=energy, forces=frame.get_forces())
    train = nequip.write_frames(folder / "train.xyz", run.frames[5:])
    return train, nequip.write_frames(folder / "valid.xyz", run.frames[1:5])


def from_nothing(folder: Path) -> tuple[Path, dict[str, float]]:
    """Build, label, train, compile, take one step, nothing cached; return checkpoint and processor times."""
    os.environ["TUTORIAL_UTILS_CACHE"] = str(folder / "cache")
    took, start = {}, spent()

    def lap(name: str) -> None:
        nonlocal start
        took[name], start = round(spent() - start, 1), spent()

    plugin.build()
    lap("plugin")
    train, valid = labelled(folder)
    lap("labels")
    settings = {"cutoff": 4.0, "l_max": 1, "features": 16, "epochs": 20, "batch_size": 1}
    checkpoint = nequip.train(nequip.config(train, valid, elements=["Si"], **settings), folder / "run")
    lap("training")
    compiled = nequip.compile(checkpoint)
    lap("compilation")
    lammps.run(crystal(2), lammps.nequip(compiled, ["Si"]), "fix move all nve\nrun 1")
    lap("first step")
    return checkpoint, {**took, "all": round(sum(took.values()), 1)}


def spent() -> float:
    """Return the processor time of this process and of those it started, s."""
    return sum(os.times()[:4])


def in_lammps(run: lammps.Run, steps: int) -> float:
    """Return steps per second of processor time: the log says wall time, and which share of it was ours."""
    log = (run.folder / lammps.LOG).read_text(encoding="utf-8")
    share = float(re.findall(r"([\d.]+)% CPU use", log)[-1]) / 100
    return steps / (run.seconds * share)


def in_ase(atoms: Atoms, steps: int) -> float:
    """Return steps per second of processor time."""
    move = VelocityVerlet(atoms, timestep=1 * units.fs)
    move.run(2)
    start = time.process_time()
    move.run(steps)
    return steps / (time.process_time() - start)


def with_lammps(lines: str | Calculator, atoms: Atoms, steps: int) -> tuple[float, np.ndarray]:
    """Move atoms by lines of a script, or by calling a calculator back; return speed and first forces."""
    run = lammps.run if isinstance(lines, str) else lammps.run_with_callback
    with tempfile.TemporaryDirectory() as folder:
        done = run(atoms, lines, f"fix move all nve\nrun {steps}", every=steps, folder=folder)
        return in_lammps(done, steps), done.frames[0].get_forces()


def with_ase(calculator: Calculator, atoms: Atoms, steps: int) -> tuple[float, np.ndarray]:
    """Move atoms by ASE; return speed and first forces."""
    atoms = atoms.copy()
    atoms.calc = calculator
    forces = atoms.get_forces()
    return in_ase(atoms, steps), forces


def drivers(checkpoint: Path) -> dict[str, Callable[[Atoms, int], tuple[float, np.ndarray]]]:
    """Return what moves atoms for some steps, and gives their speed and the forces at the start."""
    from nequip.integrations.ase import NequIPCalculator

    eager = nequip.calculator(checkpoint)
    compiled = NequIPCalculator.from_compiled_model(
        str(nequip.compile(checkpoint, target="ase")), chemical_species_to_atom_type_map=True
    )
    return {
        "Stillinger–Weber": partial(with_lammps, stillinger_weber()),
        "plugin": partial(with_lammps, lammps.nequip(nequip.compile(checkpoint), ["Si"])),
        "callback": partial(with_lammps, eager),
        "ASE, compiled": partial(with_ase, compiled),
        "ASE": partial(with_ase, eager),
    }


def speeds(checkpoint: Path) -> list[dict[str, object]]:
    """Check that all drivers agree, then time them in turns."""
    rows, move = [], drivers(checkpoint)
    for repeats in REPEATS:
        atoms = crystal(repeats)
        atoms.rattle(0.05, seed=repeats)
        names = [name for name in move if repeats <= LARGEST.get(name, max(REPEATS))]
        best, forces = dict.fromkeys(names, 0.0), {}
        for _ in range(ROUNDS):
            for name in names:
                steps = max(10, CALLS[name] // len(atoms))
                speed, forces[name] = move[name](atoms, steps)
                best[name] = max(best[name], speed)
        for name in names[2:]:
            worst = np.abs(forces[name] - forces["plugin"]).max()
            assert worst < 1e-5, f"{name} differs from the plugin by {worst} eV/Å"
        rows += [{"driver": name, "atoms": len(atoms), "steps_per_s": rounded(best[name])} for name in names]
        print(
            *(f"{row['driver']}: {row['steps_per_s']:g}" for row in rows[-len(names) :]), sep="; ", flush=True
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--store", action="store_true", help="write the table that the course shows")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint, took = from_nothing(Path(folder))
        print("from nothing:", *(f"{name} {seconds} s" for name, seconds in took.items()))
        result = {
            "machine": f"{machine()}, 1 thread",
            "date": date.today().isoformat(),
            "versions": {name: metadata.version(name) for name in ("torch", "nequip", "lammps", "ase")},
            "from_nothing_s": took,
            "speeds": speeds(checkpoint),
        }
    text = json.dumps(result, indent=1, ensure_ascii=False)
    Path(__file__).with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    if arguments.store:
        names = ("driver", "atoms", "steps_per_s")
        rows = [tuple(row[name] for name in names) for row in result["speeds"]]
        store(TABLE, names, rows, result)


if __name__ == "__main__":
    main()
