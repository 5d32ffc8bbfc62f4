"""How ethanol turns its O-H and how it vibrates: NequIP against GFN2-xTB, from which it learned.

Makes src/tutorial_utils/datasets/bundled/ethanol_torsion.json (dataset `ethanol_torsion`). Run with

    OMP_NUM_THREADS=1 python reference_data/ethanol_torsion.py

It saves as it goes, in reference_data/raw: stopped and started again it continues.

The model is trained on 300 frames of the dataset `ethanol_xtb`. Then LAMMPS runs both by the same script, for
xTB by calling back; six runs each, from six frames of the dataset (500 K already) with new velocities:

* torsion: Langevin at 500 K, 1 fs; how often the dihedral C-C-O-H (0° cis, ±60° gauche, ±180° trans) lies in
  each of 24 bins of 15°. Nothing is symmetrised. NequIP runs three times as long;
* vdos: 4 ps at constant energy, 0.5 fs; spectrum of the velocities in bins of 1 THz, 1/THz.

Runs are independent, so the spread of runs gives errors. `cost` is the processor time of one torsion run, s.
Run 0 is a test on frames that the model has not seen: mean absolute error and root mean square of forces,
eV/Å, and of each frame its dihedral and the error of its energy, eV.
"""

import os
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from files import RAW, fill_table
from jaxtyping import Float
from tblite.ase import TBLite
from xtb import METHOD

from tutorial_utils import datasets
from tutorial_utils.molecular_dynamics import analysis, lammps, nequip

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "src/tutorial_utils/datasets/bundled/ethanol_torsion.json"
COLUMNS = ("potential", "run", "quantity", "x", "value")
REFERENCE, LEARNED = METHOD, "NequIP"
TRAIN, VALID = 300, 30  # frames; all others are for testing
BOX = 20.0  # Å, empty around the molecule: NequIP's compilation tests itself on periodic frames only
TEMPERATURE, RUNS = 500, 6  # K
LENGTH = {REFERENCE: 40, LEARNED: 120}  # ps
EVERY, BINS = 20, 24  # fs between two looks at the dihedral
CHAIN = (0, 1, 2, 3)  # C-C-O-H in the dataset


@cache
def shuffled() -> list[Atoms]:
    """Return the labelled frames of the dataset in random order, each in a large box."""
    data = datasets.load("ethanol_xtb")
    for atoms in data.structures:
        atoms.cell, atoms.pbc = [BOX] * 3, True
    frames = nequip.labelled(data)
    return [frames[k] for k in np.random.default_rng(0).permutation(len(frames))]


@cache
def learned() -> Path:
    """Train the model, once; return its checkpoint."""
    frames, folder = shuffled(), RAW / "ethanol_torsion_model"
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "run/best.ckpt"
    if not (folder / "trained").exists():
        checkpoint.unlink(missing_ok=True)  # of a training that was stopped
        train = nequip.write_frames(folder / "train.xyz", frames[:TRAIN])
        valid = nequip.write_frames(folder / "valid.xyz", frames[TRAIN : TRAIN + VALID])
        settings = {"cutoff": 4.0, "l_max": 2, "features": 16, "epochs": 60, "batch_size": 5}
        nequip.train(nequip.config(train, valid, elements=["C", "H", "O"], **settings), folder / "run")
        (folder / "trained").touch()
    return checkpoint


def test(calculator: Calculator, frames: list[Atoms]) -> list[tuple]:
    """Ask the model about frames that it has not seen; return rows of the table."""
    angles = dihedral(frames)
    found = nequip.errors(calculator, frames)
    size = float(np.sqrt(np.mean([np.square(frame.get_forces()).mean() for frame in frames])))
    rows = [("force_mae", 0, found["forces"]), ("force_rms", 0, size)]
    for angle, frame in zip(angles, frames, strict=True):
        atoms = frame.copy()
        atoms.calc = calculator
        rows.append(("energy_error", angle, atoms.get_potential_energy() - frame.get_potential_energy()))
    return rows


def rounded(*numbers: float) -> list[float]:
    """Four digits: the fifth costs room and says nothing."""
    return [float(f"{number:.4g}") for number in numbers]


def dihedral(frames: list[Atoms]) -> Float[np.ndarray, " frames"]:
    """Return the angle C-C-O-H of each frame, between -180° and 180°."""
    x = np.stack([frame.positions[list(CHAIN)] for frame in frames])  # (frames, 4, 3)
    a, b, c = np.moveaxis(np.diff(x, axis=1), 1, 0)
    n, m = np.cross(a, b), np.cross(b, c)
    along = np.linalg.norm(b, axis=1) * np.einsum("fx,fx->f", a, m)
    return np.degrees(np.arctan2(along, np.einsum("fx,fx->f", n, m)))


def simulate(start: Atoms, potential: str | None, commands: str, *, every: int) -> list[Atoms]:
    """Run by the lines of a potential, or without them by calling xTB; leave no files."""
    with tempfile.TemporaryDirectory() as folder:
        if potential:
            return lammps.run(start, potential, commands, every=every, folder=folder).frames
        xtb = TBLite(method=METHOD, verbosity=0)
        return lammps.run_with_callback(start, xtb, commands, every=every, folder=folder).frames


def torsion(start: Atoms, potential: str | None, *, length: int, seed: int) -> tuple[list, Atoms]:
    """Watch the angle; return rows (quantity, x, value) and the last frame; the first 2 ps are left out."""
    commands = (
        f"velocity all create {TEMPERATURE} {seed} dist gaussian\ntimestep 0.001\n"
        f"fix bath all langevin {TEMPERATURE} {TEMPERATURE} 0.1 {seed}\nfix move all nve\nthermo 1000\n"
        f"run {1000 * (length + 2)}"
    )
    frames = simulate(start, potential, commands, every=EVERY)
    counts, edges = np.histogram(dihedral(frames[2000 // EVERY + 1 :]), BINS, (-180, 180))
    middle = (edges[1:] + edges[:-1]) / 2
    shares = zip(middle, counts / counts.sum(), strict=True)
    return [("share", *pair) for pair in shares], frames[-1]


def spectrum(start: Atoms, potential: str | None) -> list:
    """Return rows of the vibrational density of states, from 4 ps at constant energy."""
    commands = "timestep 0.0005\nfix move all nve\nthermo 1000\nrun 8000"
    frames = simulate(start, potential, commands, every=4)
    frequency, density = analysis.vibrational_dos(frames, 0.002)
    edges = np.arange(121)  # THz
    total = np.histogram(frequency, edges, weights=density * frequency[1])[0]
    return [("vdos", *pair) for pair in zip(edges[:-1] + 0.5, total, strict=True)]


def both(name: str, seed: int) -> list[tuple]:
    """Do one run of everything with one potential; return rows of the table."""
    start = Atoms(shuffled()[-seed].symbols, shuffled()[-seed].positions)
    potential = None if name == REFERENCE else compiled()
    clock = sum(os.times()[:4])  # of this process and those it started
    rows, last = torsion(start, potential, length=LENGTH[name], seed=seed)
    rows.append(("cost", 0.0, sum(os.times()[:4]) - clock))
    return rows + spectrum(last, potential)


@cache
def compiled() -> str:
    """Return LAMMPS' lines for the model."""
    return lammps.nequip(nequip.compile(learned()), ["C", "H", "O"])


def measure(name: str, run: int) -> list[tuple]:
    """Return the rest of the rows of a run; run 0 is the test."""
    rows = both(name, run) if run else test(nequip.calculator(learned()), shuffled()[TRAIN + VALID :])
    return [(quantity, *rounded(x, value)) for quantity, x, value in rows]


if __name__ == "__main__":
    pairs = [(name, seed) for seed in range(1, RUNS + 1) for name in (LEARNED, REFERENCE)]
    fill_table(OUTPUT, COLUMNS, [(LEARNED, 0), *pairs], measure)
