"""Structures as LAMMPS reads them: the data file at the start of a run, and frames as it dumps them."""

from pathlib import Path

import numpy as np
from ase import Atoms, units

from tutorial_utils.arguments import explain
from tutorial_utils.structures import plain


def check_cell(atoms: Atoms) -> None:
    """Raise ValueError if the cell has a part that LAMMPS cannot take."""
    periodic = atoms.cell[atoms.pbc]
    if np.linalg.det(atoms.cell[:]) < 0:
        raise ValueError(
            "atoms: LAMMPS wants right-handed lattice vectors; exchange two of them, "
            "which leaves the crystal as it is: atoms.set_cell(atoms.cell[[1, 0, 2]]); "
            "atoms.pbc = atoms.pbc[[1, 0, 2]]"
        )
    upper = np.triu(atoms.cell[:], k=1)[atoms.pbc]
    if np.abs(upper).max(initial=0) > 1e-8 or (np.diag(atoms.cell)[atoms.pbc] <= 0).any():
        raise ValueError(
            "atoms: LAMMPS wants the first lattice vector along x and the second in the xy plane, got "
            f"{periodic.round(3).tolist()} Å; turn them: atoms.set_cell(atoms.cell.standard_form()[0], "
            "scale_atoms=True)"
        )


def write_data(atoms: Atoms, path: str | Path) -> None:
    """Write the start of a run as a LAMMPS data file: a type for each element and mass, see `kinds`.

    ``ase.io.lammpsdata`` gives all atoms of an element one mass.

    Raises:
        ValueError: if the cell has a part that LAMMPS cannot take.
    """
    atoms = plain(atoms)
    check_cell(atoms)
    found = kinds(atoms)
    lines = ["written by tutorial_utils", "", f"{len(atoms)} atoms", f"{len(found)} atom types", ""]
    lines += [*_box(atoms), "", "Masses", ""]
    lines += [f"{k} {mass}" for k, (_, mass) in enumerate(found, start=1)]
    lines += ["", "Atoms # atomic", ""]
    each = zip(atoms.symbols, atoms.get_masses().tolist(), strict=True)
    for k, (kind, (x, y, z)) in enumerate(zip(each, atoms.positions, strict=True), start=1):
        lines.append(f"{k} {found.index(kind) + 1} {x:.16g} {y:.16g} {z:.16g}")
    velocities = atoms.get_velocities() * (1000 * units.fs)  # Å/ps
    if velocities.any():
        lines += ["", "Velocities", ""]
        lines += [f"{k} {x:.16g} {y:.16g} {z:.16g}" for k, (x, y, z) in enumerate(velocities, start=1)]
    Path(path).write_text("\n".join([*lines, ""]), encoding="utf-8")


def _box(atoms: Atoms) -> list[str]:
    """Write the cell; along open directions a box around the atoms, which LAMMPS then fits to them."""
    lines = []
    for axis, name in enumerate("xyz"):
        low, high = 0.0, atoms.cell[axis, axis]
        if not atoms.pbc[axis]:
            x = atoms.positions[:, axis]
            # LAMMPS shrinks an open box to the atoms, but refuses one without a volume: planar molecules
            low, high = x.min() - 1.0, x.max() + 1.0
        lines.append(f"{low:.16g} {high:.16g} {name}lo {name}hi")
    tilt = np.where(atoms.pbc[[1, 2, 2]], atoms.cell[[1, 2, 2], [0, 0, 1]], 0.0)
    if tilt.any():
        lines.append("{:.16g} {:.16g} {:.16g} xy xz yz".format(*tilt))
    return lines


def kinds(atoms: Atoms) -> list[tuple[str, float]]:
    """List LAMMPS' atom types in their order, element (by alphabet) and mass (u): isotopes differ."""
    return sorted(set(zip(atoms.symbols, atoms.get_masses().tolist(), strict=True)))


def types(atoms: Atoms) -> list[str]:
    """List the elements in the order of LAMMPS' atom types; one with two isotopes stands there twice."""
    return [element for element, _ in kinds(atoms)]


def snapshot(step: int, frame: Atoms) -> str:
    """Write one frame as LAMMPS dumps it: of an oblique cell the bounds of the box around it."""
    (a, _, _), (xy, b, _), (xz, yz, c) = frame.cell
    lines = ["ITEM: TIMESTEP", f"{step}", "ITEM: NUMBER OF ATOMS", f"{len(frame)}"]
    if any((xy, xz, yz)):
        low, high = min(0, xy, xz, xy + xz), max(0, xy, xz, xy + xz)
        lines += ["ITEM: BOX BOUNDS xy xz yz pp pp pp", f"{low:.16g} {a + high:.16g} {xy:.16g}"]
        lines += [f"{min(0, yz):.16g} {b + max(0, yz):.16g} {xz:.16g}", f"0 {c:.16g} {yz:.16g}"]
    else:
        lines += ["ITEM: BOX BOUNDS pp pp pp", *(f"0 {length:.16g}" for length in (a, b, c))]
    lines += ["ITEM: ATOMS id x y z"]
    inside = frame.get_positions(wrap=True)
    lines += [f"{k} {x:.16g} {y:.16g} {z:.16g}" for k, (x, y, z) in enumerate(inside, start=1)]
    return "\n".join([*lines, ""])


explain(globals())
