"""Fock matrices fitted in the molecule's own frame, for water and for its dimer: a table of session 8.

Makes src/tutorial_utils/datasets/bundled/fock_matrices.json (dataset `fock_matrices`). Run with

    OMP_NUM_THREADS=1 python reference_data/fock_matrices.py

It takes a few minutes. Hartree-Fock in def2-SVP by PySCF (https://doi.org/10.1063/5.0006074). Geometries are
the reference, every coordinate displaced by a Gaussian of 0.06 Å; the last ones test. Calculations done are
kept.
"""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import molecule
from files import command_line, report, write_table

from tutorial_utils.scaling import fock

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/fock_matrices.json"
RAW = Path(__file__).parent / "raw/fock_matrices"
SPREAD = 0.06  # Å
TEST = 25
FITS = {"water": (200, ((50, 1), (50, 2), (100, 3), (200, 4))), "water dimer": (200, ((200, 1), (200, 2)))}
COLUMNS = ("molecule", "train", "degree", "terms", "error", "cycles", "cycles_guess", "energy_error")


def reference(name: str) -> Atoms:
    """Return a molecule of one, or two waters with a hydrogen bond of about 2.9 Å between the oxygens."""
    one = molecule("H2O")
    one.positions -= one.positions[0]
    if name == "water":
        return one
    other = one.copy()
    other.rotate(100, "x")
    along = one.positions[1] / np.linalg.norm(one.positions[1])
    other.positions += 2.9 * along
    return one + other


def calculations(name: str, raw: Path) -> tuple[list[Atoms], np.ndarray, np.ndarray, np.ndarray]:
    """Return displaced geometries, Fock matrices (Eh), energies (Eh) and numbers of cycles."""
    rng = np.random.default_rng(0)
    geometries = []
    for _ in range(FITS[name][0] + TEST):
        atoms = reference(name)
        atoms.positions += rng.normal(scale=SPREAD, size=atoms.positions.shape)
        geometries.append(atoms)
    path = raw / f"{name.replace(' ', '_')}.npz"
    if path.exists():
        with np.load(path, allow_pickle=False) as stored:
            return geometries, stored["fock"], stored["energy"], stored["cycles"]
    found = []
    for atoms in geometries:
        field = fock.hartree_fock(atoms)
        energy = field.kernel()
        found.append((field.get_fock(), energy, field.cycles))
    F, energies, cycles = (np.array(part) for part in zip(*found, strict=True))
    np.savez_compressed(path, fock=F, energy=energies, cycles=cycles)
    return geometries, F, energies, cycles


def rows(name: str, raw: Path) -> list[list]:
    """Fit with each number of geometries and degree, and start the test calculations from the fits."""
    geometries, F, energies, cycles = calculations(name, raw)
    q, found = fock.internal(geometries), []
    turns = [
        fock.orbital_D(fock.hartree_fock(atoms).mol, fock.frame(atoms.positions)) for atoms in geometries
    ]
    own = np.array([D.T @ f @ D for D, f in zip(turns, F, strict=True)])
    for train, degree in FITS[name][1]:
        centre, weights = fock.fit(q[:train], own[:train], degree=degree)
        errors, again, energy_errors = [], [], []
        for k in range(len(F) - TEST, len(F)):
            terms = fock.monomials(q[k : k + 1] - centre, degree)[0]
            predicted = turns[k] @ np.einsum("t,tab->ab", terms, weights) @ turns[k].T
            field = fock.hartree_fock(geometries[k])
            start = fock.guess(field, predicted)
            errors.append(np.abs(predicted - F[k]).mean())
            energy_errors.append(field.energy_tot(dm=start) - energies[k])
            field.kernel(dm0=start)
            again.append(field.cycles)
        error, energy_error = float(np.mean(errors)), float(np.mean(energy_errors))
        row = [name, train, degree, len(weights), float(f"{error:.3g}")]
        row += [round(float(np.mean(cycles[-TEST:])), 2), round(float(np.mean(again)), 2)]
        found.append([*row, float(f"{energy_error:.3g}")])
        print(*found[-1], flush=True)
    return found


def main() -> None:
    """Compute what is missing and write the table."""
    raw, output = command_line(__doc__, raw=RAW, output=OUTPUT)
    raw.mkdir(parents=True, exist_ok=True)
    write_table(output, COLUMNS, [row for name in FITS for row in rows(name, raw)])
    report(output)


if __name__ == "__main__":
    main()
