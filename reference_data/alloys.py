"""Phonon frequencies of ordered and random alloys of seven fcc metals, from embedded-atom potentials.

Makes src/tutorial_utils/datasets/bundled/alloys_eam.npz (dataset `alloys_eam`). Run with

    OMP_NUM_THREADS=1 python reference_data/alloys.py

It saves as it goes, in reference_data/raw: stopped and started again it continues and ends with the same
file.

Structures: 108 atoms on 3 x 3 x 3 cubic cells of the fcc lattice. Ordered ones repeat a cell of four atoms:
pure metals, L1_2 (A3B), L1_0 (AB), three elements (A2BC) and four (ABCD). Random ones hold two, three, four
or seven elements on sites drawn at random. Atoms and the three edges of the box are relaxed.
Potential: Zhou, Johnson and Wadley 2004, see zhou_eam.py. It is fitted to the pure metals; alloys follow from
a mixing rule. It is the reference of this dataset, and not nature.
Frequencies: those of the whole box at its own wave vector zero, 324 a structure, from the dynamical matrix of
LAMMPS by finite differences. A structure with an unstable mode is left out.
"""

import itertools
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.build import bulk
from ase.data import atomic_masses, atomic_numbers
from files import command_line, report, write_npz
from zhou_eam import METALS, write_setfl

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "src/tutorial_utils/datasets/bundled/alloys_eam.npz"
RAW = ROOT / "reference_data/raw/alloys_eam.npz"
LMP = Path(sysconfig.get_path("scripts")) / "lmp"
ELEMENTS = ("Ag", "Al", "Au", "Cu", "Ni", "Pd", "Pt")
REPEATS = 3
SITES = 4 * REPEATS**3
BINARY = range(12, SITES, 12)  # atoms of the second element
SEEDS = 3  # random structures of each composition
STEP = 1e-3  # Å, of the finite differences
SAVE_EVERY = 20  # structures, and the number that one LAMMPS process does
KEYS = ("name", "kind", "numbers", "positions", "cell", "energy", "frequencies", "stiffness")
THZ = np.sqrt(units._e * 1e20 / units._amu) / (2e12 * np.pi)  # of the root of 1 eV/(Å² u)


def ordered() -> list[tuple[str, str, list[str]]]:
    """Return (name, kind, elements of the sites) of all ordered structures."""
    found = [(a, "pure", [a] * 4) for a in ELEMENTS]
    for a, b in itertools.permutations(ELEMENTS, 2):
        found.append((f"{a}3{b}", "ordered", [b, a, a, a]))
    for a, b in itertools.combinations(ELEMENTS, 2):
        found.append((f"{a}{b}", "ordered", [a, a, b, b]))
    for a, (b, c) in itertools.product(ELEMENTS, itertools.combinations(ELEMENTS, 2)):
        if a not in (b, c):
            found.append((f"{a}2{b}{c}", "ordered", [a, a, b, c]))
    for four in itertools.combinations(ELEMENTS, 4):
        found.append(("".join(four), "ordered", list(four)))
    return [(name, kind, sites * REPEATS**3) for name, kind, sites in found]


def random_alloys() -> list[tuple[str, str, list[str]]]:
    """Return (name, kind, elements of the sites) of all random structures."""
    recipes = [
        {a: SITES - n, b: n} for (a, b), n in itertools.product(itertools.combinations(ELEMENTS, 2), BINARY)
    ]
    for three in itertools.combinations(ELEMENTS, 3):
        for shares in ((36, 36, 36), (72, 18, 18)):
            recipes.append(dict(zip(three, shares, strict=True)))
    recipes += [dict.fromkeys(four, 27) for four in itertools.combinations(ELEMENTS, 4)]
    recipes.append(dict(zip(ELEMENTS, (16, 16, 16, 15, 15, 15, 15), strict=True)))
    found, rng = [], np.random.default_rng(0)
    for recipe, _ in itertools.product(recipes, range(SEEDS)):
        sites = [element for element, count in recipe.items() for _ in range(count)]
        name = "".join(f"{element}{count}" for element, count in recipe.items())
        found.append((name, "random", [sites[n] for n in rng.permutation(SITES)]))
    return found


def on_lattice(sites: list[str]) -> Atoms:
    """Return the unrelaxed structure: fcc, its volume the mean of those of the pure metals."""
    a = np.mean([METALS[symbol].lattice_constant ** 3 for symbol in sites]) ** (1 / 3)
    atoms = bulk("Cu", "fcc", a=a, cubic=True).repeat(REPEATS)
    atoms.symbols[:] = sites
    return atoms


def data_file(atoms: Atoms) -> str:
    """Return a LAMMPS data file of an orthogonal box; types are the places in ELEMENTS."""
    lines = ["alloy", "", f"{len(atoms)} atoms", f"{len(ELEMENTS)} atom types"]
    lines += [f"0 {atoms.cell[n, n]:.15g} {axis}lo {axis}hi" for n, axis in enumerate("xyz")]
    lines += ["", "Masses", ""]
    lines += [f"{n} {atomic_masses[atomic_numbers[x]]}" for n, x in enumerate(ELEMENTS, start=1)]
    lines += ["", "Atoms # atomic", ""]
    for n, (symbol, r) in enumerate(zip(atoms.symbols, atoms.positions, strict=True), start=1):
        lines.append(f"{n} {ELEMENTS.index(symbol) + 1} " + " ".join(f"{x:.15g}" for x in r))
    return "\n".join(lines) + "\n"


SCRIPT = f"""clear
units metal
atom_style atomic
atom_modify map yes sort 0 0
read_data {{n}}.data
pair_style eam/alloy
pair_coeff * * zhou.eam.alloy {" ".join(ELEMENTS)}
thermo_style custom step pe lx ly lz
min_style cg
fix box all box/relax aniso 0 vmax 0.002
minimize 0 1e-6 2000 20000
minimize 0 1e-6 2000 20000
unfix box
minimize 0 1e-9 2000 20000
print "CELL {{n}} $(pe:%.10f) $(lx:%.12g) $(ly:%.12g) $(lz:%.12g)"
write_dump all custom {{n}}.dump id x y z modify sort id format float %.12g
dynamical_matrix all regular {STEP} file {{n}}.dynmat binary yes
"""


def run(structures: list[Atoms]) -> list[dict[str, np.ndarray]]:
    """Relax structures and compute their modes, in one LAMMPS process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_setfl(folder / "zhou.eam.alloy", list(ELEMENTS))
        for n, atoms in enumerate(structures):
            (folder / f"{n}.data").write_text(data_file(atoms))
        (folder / "in.alloys").write_text("".join(SCRIPT.format(n=n) for n in range(len(structures))))
        command = [sys.executable, str(LMP), "-in", "in.alloys", "-log", "none"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        lines = [line.split()[2:] for line in done.stdout.splitlines() if line.startswith("CELL ")]
        if len(lines) != len(structures):
            raise RuntimeError(f"LAMMPS stopped: {done.stdout[-800:]} {done.stderr[-800:]}")
        return [
            read(folder, n, atoms, np.array(line, dtype=float))
            for n, (atoms, line) in enumerate(zip(structures, lines, strict=True))
        ]


def read(folder: Path, n: int, atoms: Atoms, line: np.ndarray) -> dict[str, np.ndarray]:
    """Return what LAMMPS says of one structure: eV, Å, THz, eV/Å².

    Constants are Φ between the first four atoms and all; alloy_metals.py keeps them.
    """
    masses = atomic_masses[atoms.numbers]
    rows = np.loadtxt(folder / f"{n}.dump", skiprows=9)
    matrix = np.fromfile(folder / f"{n}.dynmat").reshape(3 * SITES, 3 * SITES)
    matrix = (matrix + matrix.T) / 2
    squares = np.linalg.eigvalsh(matrix)
    rows_of_cell = matrix.reshape(SITES, 3, SITES, 3)[:4].transpose(0, 2, 1, 3)  # (4, atoms, 3, 3)
    weights = np.sqrt(masses[:4, None] * masses)[:, :, None, None]
    return {
        "numbers": atoms.numbers,
        "positions": rows[:, 1:],
        "cell": np.diag(line[1:]),
        "energy": line[:1].squeeze(),
        "frequencies": np.sign(squares) * np.sqrt(np.abs(squares)) * THZ,
        "stiffness": np.diag(matrix).reshape(SITES, 3).sum(axis=1) * masses,
        "constants": rows_of_cell * weights,
    }


def stable(found: dict[str, np.ndarray]) -> bool:
    """Tell whether no mode but the three translations is soft: within 0.01 THz of zero, or below."""
    lowest = found["frequencies"][:4]
    return bool(np.abs(lowest[:3]).max() < 0.01 < lowest[3])


def stack(labels: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Gather structures to arrays, as the dataset holds them."""
    arrays = {key: np.array([found[key] for found in labels]) for key in KEYS}
    numbers, positions = arrays.pop("numbers"), arrays.pop("positions")
    arrays["sizes"] = np.full(len(labels), SITES, dtype=np.uint8)
    arrays["numbers"] = numbers.reshape(-1).astype(np.uint8)
    arrays["positions"] = positions.reshape(-1, 3).round(3).astype(np.float32)
    # steps of 0.001 Å, THz and eV/Å² are far below what the potential can promise, and compress well
    arrays["frequencies"] = arrays["frequencies"].round(3).astype(np.float32)
    arrays["stiffness"] = arrays["stiffness"].round(3).astype(np.float32)
    return arrays


def main(raw: Path, output: Path) -> None:
    """Compute what is missing, then gather the stable ones."""
    raw.parent.mkdir(parents=True, exist_ok=True)
    wanted, labels = ordered() + random_alloys(), []
    if raw.exists():
        with np.load(raw, allow_pickle=False) as stored:
            columns = {key: stored[key] for key in KEYS}
        labels = [{key: columns[key][n] for key in KEYS} for n in range(len(columns["name"]))]
    while len(labels) < len(wanted):
        batch = wanted[len(labels) : len(labels) + SAVE_EVERY]
        results = run([on_lattice(sites) for _, _, sites in batch])
        for (name, kind, _), found in zip(batch, results, strict=True):
            labels.append({"name": np.array(name), "kind": np.array(kind), **found})
        write_npz(raw, {key: np.array([found[key] for found in labels]) for key in KEYS})
        print(f"{len(labels)} of {len(wanted)}", flush=True)
    left_out = [str(found["name"]) for found in labels if not stable(found)]
    print(f"left out, with an unstable mode: {len(left_out)} {' '.join(left_out)}")
    write_npz(output, stack([found for found in labels if stable(found)]))
    report(output)


if __name__ == "__main__":
    main(*command_line(__doc__, raw=RAW, output=OUTPUT))
