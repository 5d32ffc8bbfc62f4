"""Vibrations of water, ammonia, methane and benzene from GFN2-xTB: Hessians, and what light sees of them.

Makes src/tutorial_utils/datasets/bundled/vibrations_xtb.npz (dataset `vibrations_xtb`). Run with

    OMP_NUM_THREADS=1 python reference_data/vibrations.py

GFN2-xTB: Bannwarth, Ehlert, Grimme, https://doi.org/10.1021/acs.jctc.8b01176, in the program tblite.

Each molecule is relaxed, then averaged over its point group, so that it is symmetric to the last digit. Its
derivatives are not: they are differences of forces, dipoles and polarizabilities, taken one Cartesian
coordinate after another without any use of symmetry. Whatever obeys the group in them, obeys it by itself.

Axes (those of tutorial_utils.groups.point_groups): the main axis is z; water lies in the plane yz; the
hydrogens of methane lie along (1, 1, 1), (-1, -1, 1), …; benzene has carbon atoms on x, so that the axes C2'
go through atoms, as is usual for benzene.
"""

import argparse
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import molecule
from ase.optimize import BFGS
from files import report, write_npz
from jaxtyping import Float
from tblite.ase import TBLite
from xtb import METHOD, single_point

from tutorial_utils import groups

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/vibrations_xtb.npz"
GROUPS = {"H2O": "C2v", "NH3": "C3v", "CH4": "Td", "C6H6": "D6h"}
STEP = 0.01  # Å, of the displacements
STENCIL = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))  # first derivative, error of order STEP⁴
ACCURACY = 1e-6  # of the self-consistent cycle; 1.0 is tblite's default


def relaxed(name: str, group: str) -> Atoms:
    """Return a molecule at its GFN2-xTB minimum, symmetric to the last digit, its centre at the origin."""
    atoms = molecule(name)
    if name == "C6H6":
        atoms.rotate(90, "z")  # ase has carbon on y
    atoms.positions -= atoms.positions.mean(axis=0)
    atoms.calc = TBLite(method=METHOD, verbosity=0, accuracy=ACCURACY)
    operations = groups.molecular(group)
    for _ in range(2):  # averaging moves atoms by what the first relaxation left over
        BFGS(atoms, logfile=None).run(fmax=1e-5, steps=300)
        atoms.positions = averaged(atoms, operations)
    return atoms


def averaged(atoms: Atoms, operations: Float[np.ndarray, "order 3 3"]) -> Float[np.ndarray, "atoms 3"]:
    """Average positions over a point group: the mean of R⁻¹ r of the atom to which R brings each atom."""
    r = atoms.positions - atoms.positions.mean(axis=0)
    exchanges = groups.permutation(atoms, operations)  # (order, to, from)
    return np.einsum("gij,gba,bi->aj", operations, exchanges, r) / len(operations)


def properties(atoms: Atoms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return gradient (3n,) eV/Å, dipole (3,) e·Å and polarizability (3, 3) Å³."""
    result = single_point(atoms.numbers, atoms.positions, accuracy=ACCURACY)
    return -result.forces.ravel(), result.dipole, result.polarizability


def derivatives(atoms: Atoms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Differentiate `properties` with respect to each coordinate: (3n, 3n), (3n, 3), (3n, 3, 3)."""
    columns = []
    for coordinate in range(3 * len(atoms)):
        parts = []
        for steps, weight in STENCIL:
            moved = atoms.copy()
            moved.positions[coordinate // 3, coordinate % 3] += steps * STEP
            parts.append([weight / STEP * value for value in properties(moved)])
        columns.append([sum(values) for values in zip(*parts, strict=True)])
    hessian, dipoles, polarizabilities = (np.array(c) for c in zip(*columns, strict=True))
    return (hessian + hessian.T) / 2, dipoles, polarizabilities


def table(molecules: dict[str, Atoms]) -> dict[str, np.ndarray]:
    """Compute all molecules; n atoms fill the first 3n rows (and columns) of each array, the rest is 0."""
    size = 3 * max(len(atoms) for atoms in molecules.values())
    count = len(molecules)
    arrays = {
        "name": np.array(list(molecules)),
        "group": np.array([GROUPS[name] for name in molecules]),
        "sizes": np.array([len(atoms) for atoms in molecules.values()]),
        "numbers": np.concatenate([atoms.numbers for atoms in molecules.values()]).astype(np.uint8),
        "positions": np.concatenate([atoms.positions for atoms in molecules.values()]),
        "hessian": np.zeros((count, size, size)),
        "dipole_derivative": np.zeros((count, size, 3)),
        "polarizability_derivative": np.zeros((count, size, 3, 3)),
    }
    for i, (name, atoms) in enumerate(molecules.items()):
        n = 3 * len(atoms)
        hessian, dipoles, polarizabilities = derivatives(atoms)
        arrays["hessian"][i, :n, :n] = hessian
        arrays["dipole_derivative"][i, :n] = dipoles
        arrays["polarizability_derivative"][i, :n] = polarizabilities
        print(f"{name}: done", flush=True)
    return arrays


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    output = parser.parse_args().output
    output.parent.mkdir(parents=True, exist_ok=True)
    write_npz(output, table({name: relaxed(name, group) for name, group in GROUPS.items()}))
    report(output)
