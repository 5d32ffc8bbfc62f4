"""What potentials for all elements know of the materials of session 5 (dataset `universal_potentials`).

    OMP_NUM_THREADS=1 python reference_data/universal_potentials.py

needs `pip install sevenn chgnet`, whose wheels hold the weights. Both learned relaxations of crystals from
the Materials Project, labelled by PBE (with a Hubbard U for some oxides). They are asked, without any
training of ours, about

* silicon: lattice constant (Å); energy of 64 atoms when one is pushed to 1.2 Å from its neighbour (eV above
  the crystal); shortest distance in a run at constant energy that starts with velocities of 6000 K (Å);
  forces at 300 K and in a melt at 2500 K (mean absolute error, eV/Å). The labels of the forces are those of a
  SNAP potential that was fitted to PBE calculations and comes with LAMMPS; its own answers stand beside, and
  those of Stillinger and Weber's potential.
* ethanol: forces of 20 frames of `ethanol_pbe0` (eV/Å) and their energies, once a constant is taken off (eV
  an atom). PBE itself, in the same basis, tells how much of that is the functional's.

It saves as it goes, in reference_data/raw: stopped and started again it continues.
Sources: SevenNet-0 https://doi.org/10.1021/acs.jctc.4c00190, CHGNet https://doi.org/10.1038/s42256-023-00716-3,
SNAP for silicon https://doi.org/10.1021/acs.jpca.9b08723.
"""

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ethanol_dft import label as dft
from files import fill_table
from scipy.optimize import minimize_scalar
from silicon_md import REFERENCE, A, sample, stillinger_weber

from tutorial_utils import datasets
from tutorial_utils.molecular_dynamics import lammps, nequip

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/universal_potentials.json"
COLUMNS = ("potential", "test", "value")
SNAP, SEVENNET, CHGNET, PBE = "SNAP", "SevenNet-0", "CHGNet", "PBE"
POTENTIALS = (REFERENCE, SNAP, SEVENNET, CHGNET, PBE)
NEAR, FRAMES = 1.2, 20  # Å; frames of each test


def snap() -> str:
    """Return the lines of the potential that stands in for PBE calculations."""
    files = (lammps.potential_file(f"Si_Zuo_JPCA2020.{end}") for end in ("snapcoeff", "snapparam"))
    return f"pair_style snap\npair_coeff * * {' '.join(map(str, files))} Si"


def calculator(name: str) -> Calculator:
    """Load a universal potential with the weights of its wheel."""
    if name == SEVENNET:
        from sevenn.calculator import SevenNetCalculator

        return SevenNetCalculator("7net-0", device="cpu")
    from chgnet.model.dynamics import CHGNetCalculator

    return CHGNetCalculator(use_device="cpu")


def energies(potential: str | Calculator, frames: list[Atoms]) -> np.ndarray:
    """Return energies, eV, by lines of LAMMPS or by a calculator."""
    if isinstance(potential, str):
        return np.array([frame.get_potential_energy() for frame in lammps.label(frames, potential)])
    return np.array([potential.get_potential_energy(frame) for frame in frames])


def force_error(potential: str | Calculator, frames: list[Atoms]) -> float:
    """Return the mean absolute error of force components against the frames' labels, eV/Å."""
    if isinstance(potential, str):
        told = [frame.get_forces() for frame in lammps.label(frames, potential)]
    else:
        told = [potential.get_forces(frame) for frame in frames]
    return float(
        np.mean([np.abs(F - frame.get_forces()).mean() for F, frame in zip(told, frames, strict=True)])
    )


def pushed() -> Atoms:
    """Return 64 atoms of silicon, one of them NEAR its neighbour."""
    atoms = bulk("Si", cubic=True, a=A) * (2, 2, 2)
    near = atoms.get_distances(0, range(64), mic=True)[1:].argmin() + 1
    bond = atoms.get_distance(0, near, mic=True, vector=True)
    atoms.positions[0] += bond * (1 - NEAR / np.linalg.norm(bond))
    return atoms


def hot_run(potential: str | Calculator) -> list[Atoms]:
    """Run 64 atoms at constant energy for a quarter of a picosecond, as the session does."""
    commands = "velocity all create 6000 1 dist gaussian\nfix move all nve\nrun 250"
    start = bulk("Si", cubic=True, a=A) * (2, 2, 2)
    run = lammps.run if isinstance(potential, str) else lammps.run_with_callback
    with tempfile.TemporaryDirectory() as folder:
        return run(start, potential, commands, every=5, folder=folder).frames


def silicon(potential: str | Calculator) -> Iterator[tuple[str, float]]:
    """Ask about silicon."""

    def energy(a: float) -> float:
        return float(energies(potential, [bulk("Si", cubic=True, a=a)])[0])

    best = minimize_scalar(energy, bounds=(5.2, 5.7), method="bounded", options={"xatol": 1e-4})
    yield "lattice constant of silicon", float(best.x)
    crystal, near = energies(potential, [bulk("Si", cubic=True, a=A) * (2, 2, 2), pushed()])
    yield "two atoms at 1.2 Å", near - crystal
    pairs = [frame.get_all_distances(mic=True)[np.triu_indices(64, 1)] for frame in hot_run(potential)]
    yield "shortest distance at 3000 K", float(np.min(pairs))
    for name, temperature in (("silicon at 300 K, forces", 300), ("silicon melt, forces", 2500)):
        frames = lammps.label(sample(temperature, 1.0, seed=1, count=FRAMES), snap())
        yield name, force_error(potential, frames)


def ethanol(name: str) -> Iterator[tuple[str, float]]:
    """Ask about ethanol."""
    data = datasets.load("ethanol_pbe0")
    frames = nequip.labelled(data)[:: len(data) // FRAMES][:FRAMES]
    if name == PBE:
        found = [dft(frame.numbers, frame.positions, functional="pbe")[:2] for frame in frames]
    else:
        potential, found = calculator(name), []
        for frame in frames:
            boxed = Atoms(frame.numbers, frame.positions, cell=[20, 20, 20], pbc=True)
            found.append((potential.get_potential_energy(boxed), potential.get_forces(boxed)))
    above = np.array([E - frame.get_potential_energy() for (E, _), frame in zip(found, frames, strict=True)])
    yield "ethanol, energies", float(np.abs(above - above.mean()).mean() / len(frames[0]))
    wrong = [np.abs(F - frame.get_forces()).mean() for (_, F), frame in zip(found, frames, strict=True)]
    yield "ethanol, forces", float(np.mean(wrong))


def measure(name: str) -> Iterator[tuple[str, float]]:
    """Return the rows of one potential: what it was asked, and what came out."""
    if name != PBE:
        known = {REFERENCE: stillinger_weber(), SNAP: snap()}
        yield from (
            (test, round(float(value), 4)) for test, value in silicon(known.get(name) or calculator(name))
        )
    if name in (SEVENNET, CHGNET, PBE):
        yield from ((test, round(float(value), 4)) for test, value in ethanol(name))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    fill_table(OUTPUT, COLUMNS, [(name,) for name in POTENTIALS], measure)
