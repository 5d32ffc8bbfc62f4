"""Gather the crystals computed so far: crystals/*.json become one bundled file (dataset `crystals_pbesol`).

    python reference_data/crystals_pbesol.py

Forces are kept, one set for each displaced supercell, in the order of `atoms.repeat(repeats)`;
`phonons.load_constants` turns them into force constants. The density of states follows: a mesh of 20³
waves, Gaussians of 10 1/cm, at 0, 20, … 1000 1/cm as in the published set, divided by its maximum. `dos` is
without the field of the ions, and so lacks the LO-TO splitting of polar crystals (`polar` marks them).
Where `born_charges.py` has computed Born charges, these and the dielectric constant are kept as computed, and
`dos_field` holds the spectrum with the field, for which the charges are made neutral. A crystal with an
imaginary mode keeps its forces and loses its DoS.
"""

import json
import sys
from pathlib import Path

import numpy as np
from ase import Atoms
from crystals import atoms_of, phonopy_of
from files import report, write_npz

from tutorial_utils.phonons import Field, ForceConstants, broaden, frequencies, mesh, peaked
from tutorial_utils.phonons.displacements import from_forces
from tutorial_utils.phonons.lattice import WAVENUMBER

FOLDER = Path(__file__).parent / "crystals"
BORN_CHARGES = Path(__file__).parent / "born_charges"
OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/crystals_pbesol.npz"
GRID = np.arange(0.0, 1001.0, 20.0)  # 1/cm
WAVES, WIDTH = 20, 10.0  # waves along an axis, 1/cm
STABLE = -0.3  # THz; what rounding of forces does to the three waves that cost nothing


def supercell_of(record: dict) -> tuple[Atoms, Atoms]:
    """Return the primitive cell and phonopy's supercell, in whose order the forces are."""
    cell = Atoms(
        record["symbols"], scaled_positions=record["scaled_positions"], cell=record["cell"], pbc=True
    )
    return cell, atoms_of(phonopy_of(cell, record["repeats"] * np.eye(3, dtype=int)).supercell)


def constants_of(record: dict) -> ForceConstants:
    """Return the force constants of a crystal."""
    cell, supercell = supercell_of(record)
    moves = record["displacements"]
    responses = [(m["atom"], np.array(m["displacement"]), np.array(m["forces"])) for m in moves]
    return from_forces(cell, supercell, responses).acoustic()


def field_of(record: dict) -> tuple[np.ndarray, float]:
    """Return Born charges (e) and ε∞ as computed; NaN if they were not."""
    path = BORN_CHARGES / f"{record['name']}.json"
    if not path.exists():
        return np.full(len(record["symbols"]), np.nan), np.nan
    computed = json.loads(path.read_text(encoding="utf-8"))
    return np.array(computed["born"]), computed["dielectric"]


def spectra(constants: ForceConstants, born: np.ndarray, dielectric: float) -> dict:
    """Return what the dataset holds of all waves: highest frequency, spectra without and with the field."""

    def spectrum(waves: np.ndarray) -> np.ndarray:
        return peaked(broaden(waves / WAVENUMBER, GRID, WIDTH))

    waves, nothing = frequencies(constants, mesh(WAVES)), np.full(len(GRID), np.nan)
    found = {
        "stable": bool(waves.min() > STABLE),
        "top": waves.max() / WAVENUMBER,
        "dos": nothing,
        "dos_field": nothing,
    }
    if found["stable"]:
        found["dos"] = spectrum(waves)
        if np.isfinite(dielectric):
            field = Field(born[:, None, None] * np.eye(3), dielectric * np.eye(3)).neutral()
            found["dos_field"] = spectrum(frequencies(constants, mesh(WAVES), field))
    return found


def in_order(supercell: Atoms, wanted: Atoms) -> np.ndarray:
    """Return where each atom of one supercell stands in another, which holds the same atoms."""
    apart = (wanted.positions[:, None] - supercell.positions) @ np.linalg.inv(wanted.cell.array)
    return np.abs(apart - apart.round()).max(axis=-1).argmin(axis=1)


def gather(record: dict) -> dict:
    """Return what the dataset holds of one crystal."""
    cell, supercell = supercell_of(record)
    order = in_order(supercell, cell.repeat(record["repeats"]))
    place = np.argsort(order)
    moves = record["displacements"]
    responses = [(m["atom"], np.array(m["displacement"]), np.array(m["forces"])) for m in moves]
    born, dielectric = field_of(record)
    return {
        "atoms": cell,
        "displacement": [[place[atom], *u] for atom, u, _ in responses],
        "forces": [F[order] for _, _, F in responses],
        "name": record["name"],
        "kind": record["structure"],
        "metal": record["metal"],
        "polar": len(set(record["symbols"])) > 1 and not record["metal"],
        "lattice_constant": record["lattice_constant"],
        "bulk_modulus": record["bulk_modulus"],
        "repeats": record["repeats"],
        "born": born,
        "dielectric": dielectric,
    } | spectra(constants_of(record), born, dielectric)


def padded(rows: list[np.ndarray]) -> np.ndarray:
    """Stack arrays of different sizes; NaN where there is nothing."""
    shape = np.max([row.shape for row in rows], axis=0)
    found = np.full((len(rows), *shape), np.nan, dtype=np.float32)
    for n, row in enumerate(rows):
        found[n][tuple(slice(size) for size in row.shape)] = row
    return found


def main() -> None:
    files = sorted(FOLDER.glob("*.json"))
    if not files:
        sys.exit("no crystal was computed yet: python reference_data/crystals.py")
    found = [gather(json.loads(file.read_text(encoding="utf-8"))) for file in files]
    structures = [row.pop("atoms") for row in found]
    arrays = {
        key: np.array([row[key] for row in found])
        for key in found[0]
        if key not in {"displacement", "forces", "born"}
    }
    for key in ("dos", "dos_field"):
        arrays[key] = arrays[key].round(4).astype(np.float32)
    arrays["top"] = arrays["top"].round(2)
    arrays["displacement"] = padded([np.array(row["displacement"]) for row in found])
    arrays["forces"] = padded([np.array(row["forces"]) for row in found])
    arrays["born"] = padded([row["born"] for row in found])
    arrays["sizes"] = np.array([len(atoms) for atoms in structures])
    arrays["numbers"] = np.concatenate([atoms.numbers for atoms in structures])
    arrays["positions"] = np.concatenate([atoms.positions for atoms in structures]).round(6)
    arrays["cell"] = np.array([atoms.cell.array for atoms in structures]).round(6)
    write_npz(OUTPUT, arrays)
    unstable = [row["name"] for row in found if not row["stable"]]
    print(f"{len(found)} crystals; with an imaginary mode: {', '.join(unstable) or 'none'}")
    report(OUTPUT)


if __name__ == "__main__":
    main()
