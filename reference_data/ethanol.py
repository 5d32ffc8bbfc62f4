"""Ethanol from GFN2-xTB: a trajectory at 500 K with energy, forces, dipole and polarizability.

Makes src/tutorial_utils/datasets/bundled/ethanol_xtb.npz (dataset `ethanol_xtb`). Run with

    OMP_NUM_THREADS=1 python reference_data/ethanol.py

It saves as it goes: stopped and started again it continues and ends with the same file.
GFN2-xTB: Bannwarth, Ehlert, Grimme, https://doi.org/10.1021/acs.jctc.8b01176, in the program tblite.

Every frame is moved to its centre of mass and turned onto the relaxed molecule (mass-weighted least squares)
BEFORE it is computed. So all frames share one orientation, and whoever wants others has to turn them.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.build import molecule
from ase.md.langevin import Langevin
from ase.optimize import BFGS
from files import report, write_npz
from tblite.ase import TBLite
from xtb import METHOD, single_point

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/ethanol_xtb.npz"
TEMPERATURE = 500.0  # K
STEP = 0.5  # fs
SPACING = 200  # steps from one frame to the next: 100 fs
FRICTION = 0.01  # 1/fs
ACCURACY = 1e-3  # of the self-consistent cycle of the labels; 1.0 is tblite's default
SAVE_EVERY = 50  # frames


def relaxed_ethanol() -> Atoms:
    """Return ethanol at its GFN2-xTB minimum, centre of mass at the origin."""
    atoms = molecule("CH3CH2OH")
    atoms.calc = TBLite(method=METHOD, verbosity=0, accuracy=ACCURACY)
    BFGS(atoms, logfile=None).run(fmax=1e-3, steps=200)
    atoms.positions -= atoms.get_center_of_mass()
    return atoms


def aligned(positions: np.ndarray, reference: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Move to the centre of mass and turn onto the reference (Kabsch, weighted with masses); (atoms, 3) Å."""
    centred = positions - np.average(positions, axis=0, weights=masses)
    u, _, vt = np.linalg.svd((masses[:, None] * centred).T @ reference)
    handedness = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])  # a rotation, never a mirror image
    return centred @ (u @ handedness @ vt)


def label(numbers: np.ndarray, positions: np.ndarray) -> dict[str, np.ndarray]:
    """Compute everything of one geometry: eV, eV/Å, e·Å, Å³."""
    result = single_point(numbers, positions, accuracy=ACCURACY)
    return {"positions": positions, **{key: np.array(value) for key, value in vars(result).items()}}


def stack(frames: list[dict], numbers: np.ndarray) -> dict[str, np.ndarray]:
    """Gather frames to arrays; float32 is enough everywhere but for the total energy."""
    arrays = {key: np.array([frame[key] for frame in frames], dtype=np.float32) for key in frames[0]}
    arrays["energy"] = np.array([frame["energy"] for frame in frames])
    arrays["time"] = np.arange(len(frames)) * STEP * SPACING
    arrays["numbers"] = numbers.astype(np.uint8)
    return arrays


def save_state(path: Path, atoms: Atoms, rng: np.random.Generator, frames: list[dict]) -> None:
    """Save what is needed to go on exactly here: phase-space point, random numbers, frames so far."""
    arrays = {key: np.array([frame[key] for frame in frames]) for key in frames[0]}
    state = np.array(json.dumps(rng.bit_generator.state))
    write_npz(path, {**arrays, "x": atoms.positions, "p": atoms.get_momenta(), "rng": state})


def load_state(path: Path, atoms: Atoms, rng: np.random.Generator) -> list[dict]:
    """Restore what save_state saved into atoms and rng; return the frames."""
    with np.load(path, allow_pickle=False) as stored:
        atoms.positions = stored["x"]
        atoms.set_momenta(stored["p"])
        rng.bit_generator.state = json.loads(str(stored["rng"]))
        keys = ("positions", "energy", "forces", "dipole", "polarizability")
        columns = {key: stored[key] for key in keys}
    return [{key: column[i] for key, column in columns.items()} for i in range(len(columns["energy"]))]


def start(atoms: Atoms, rng: np.random.Generator) -> None:
    """Draw velocities and run 5 ps to forget the minimum."""
    spread = np.sqrt(atoms.get_masses() * units.kB * TEMPERATURE)  # Maxwell and Boltzmann
    atoms.set_momenta(rng.standard_normal((len(atoms), 3)) * spread[:, None])
    dynamics(atoms, rng).run(10_000)


def dynamics(atoms: Atoms, rng: np.random.Generator) -> Langevin:
    """Return Langevin dynamics at TEMPERATURE, with a calculator that remembers no earlier geometry.

    A cycle that starts from the last density would make a resumed run differ from a whole one.
    """
    atoms.calc = TBLite(method=METHOD, verbosity=0)
    return Langevin(
        atoms,
        STEP * units.fs,
        temperature_K=TEMPERATURE,
        friction=FRICTION / units.fs,
        fixcm=False,  # the centre of mass may wander: frames are centred anyway
        rng=rng,
    )


def run(count: int, output: Path) -> None:
    """Compute `count` frames and write them to output."""
    atoms, rng = relaxed_ethanol(), np.random.default_rng(0)
    numbers, masses, reference = atoms.numbers, atoms.get_masses(), atoms.positions.copy()
    partial = output.with_suffix(".partial.npz")
    frames: list[dict] = []
    if partial.exists():
        frames = load_state(partial, atoms, rng)
    else:
        start(atoms, rng)
    while len(frames) < count:
        dynamics(atoms, rng).run(SPACING)
        # rounded to what is stored, so that the labels belong to the stored positions exactly
        positions = aligned(atoms.positions, reference, masses).astype(np.float32).astype(float)
        frames.append(label(numbers, positions))
        if len(frames) % SAVE_EVERY == 0:
            save_state(partial, atoms, rng, frames)
            print(f"{len(frames)} of {count} frames", flush=True)
    write_npz(output, stack(frames[:count], numbers))
    partial.unlink(missing_ok=True)
    report(output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1500)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    run(options.frames, options.output)
