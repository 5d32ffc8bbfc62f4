"""Read what phonopy has computed."""

from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from tutorial_utils.phonons.lattice import Field, ForceConstants, from_supercell


def read_phonopy(path: str | Path) -> tuple[ForceConstants, Field | None]:
    """Read a result of phonopy: force constants of its primitive cell, and the ions' field if it has one.

    phonopy keeps the units of the program that computed the forces, for example bohr and Rydberg for Quantum
    ESPRESSO; the file names the program, and all becomes Å and eV here.

    Args:
        path: phonopy_params.yaml, phonopy_disp.yaml or phonopy.yaml. What it does not hold is read from
            FORCE_CONSTANTS, FORCE_SETS and BORN beside it.

    Raises:
        ValueError: if phonopy is not installed, or the file is none of its, or holds no forces.
    """
    try:
        import phonopy
        from phonopy.interface.calculator import get_force_constant_conversion_factor
        from phonopy.physical_units import get_calculator_physical_units
    except ImportError as reason:
        raise ValueError("path: to read it, phonopy is needed; type: pip install -U phonopy") from reason
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"path: there is no file {path}")
    beside: dict[str, Any] = {
        f"{name.lower()}_filename": str(path.with_name(name))
        for name in ("FORCE_CONSTANTS", "FORCE_SETS", "BORN")
        if path.with_name(name).is_file()
    }
    try:
        found = phonopy.load(path, log_level=0, **beside)
    except Exception as reason:  # whatever a broken file makes phonopy raise
        raise ValueError(f"path: phonopy cannot read {path}: {reason!r}") from reason
    if found.force_constants is None:
        raise ValueError(f"path: neither {path} nor FORCE_CONSTANTS or FORCE_SETS beside it hold forces")
    length = get_calculator_physical_units(found.calculator).distance_to_A
    stiffness = 1 / get_force_constant_conversion_factor("eV/angstrom^2", found.calculator)
    return _converted(found, length=length, stiffness=stiffness)


def _converted(found: Any, *, length: float, stiffness: float) -> tuple[ForceConstants, Field | None]:
    """Turn a phonopy.Phonopy with force constants into ours, its unit of length in Å, of these in eV/Å²."""
    atoms, supercell = _atoms(found.primitive, length), _atoms(found.supercell, length)
    own = found.primitive.p2s_map  # where the cell's atoms stand in the supercell
    order = np.concatenate([own, np.setdiff1d(np.arange(len(supercell)), own)])
    # The table's rows are all atoms of the supercell, or those of the primitive cell alone.
    table = found.force_constants
    rows = table[own] if len(table) == len(supercell) else table
    constants = from_supercell(atoms, supercell[order], stiffness * rows[:, order])
    given = found.nac_params
    if given is None:
        return constants, None
    return constants, Field(np.array(given["born"]), np.array(given["dielectric"]))


def _atoms(cell: Any, length: float) -> Atoms:
    places = length * cell.positions
    return Atoms(cell.symbols, places, cell=length * cell.cell, masses=cell.masses, pbc=True)
