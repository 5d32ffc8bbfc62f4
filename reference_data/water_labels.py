"""Water clusters for water.py: cut out of a liquid in LAMMPS, labelled by PBE in PySCF.

Geometries: 216 molecules of flexible SPC/Fw water (https://doi.org/10.1063/1.2136877) at 300 K in LAMMPS.
A cluster is a molecule and its n - 1 nearest.
Labels: PBE in the basis that `tutorial_utils.densities.fitting` takes by itself. The density matrix is fitted
in the Coulomb metric, the number of electrons kept, in the functions `WATER` of the course, 105 a molecule.
"""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from ase import Atoms
from pyscf.dft import numint
from scipy.linalg import block_diag
from scipy.spatial.transform import Rotation

from tutorial_utils.conventions import BOHR, HARTREE
from tutorial_utils.densities.fitting import converged, fit_coefficients, mean_field, to_e3nn

LMP = Path(sys.executable).parent / "lmp"
FRAMES, WARM_UP, SPACING, STEP = 20, 16_000, 1_500, 0.5  # frames, steps, steps, fs
SIDE, DENSITY_LENGTH = 6, 3.107  # molecules along an edge of the box; Å each: 0.997 g/cm³
LARGEST_DIRECT = 8  # molecules; larger ones take their first rounds on a coarse grid: the same field, sooner


SPC_FW = """units real
atom_style full
read_data {file}
pair_style lj/cut/coul/long 9.0
pair_coeff 1 1 0.1554253 3.165492
pair_coeff 2 2 0 1
bond_style harmonic
bond_coeff 1 529.581 1.012
angle_style harmonic
angle_coeff 1 37.95 113.24
kspace_style pppm 1e-4
min_style cg
minimize 0 1 500 5000
velocity all create 300 1 mom yes rot no
fix bath all nvt temp 300 300 100
timestep {step}
run {warm_up} post no
dump frames all custom {spacing} {dump} id x y z ix iy iz
dump_modify frames sort id format float %.6f
run {steps} post no
"""


def box() -> str:
    """Return a LAMMPS data file: molecules on a lattice, turned at random."""
    rng, length = np.random.default_rng(0), SIDE * DENSITY_LENGTH
    bond, half = 1.012, np.radians(113.24) / 2
    arms = bond * np.array([[0, 0, 0], [np.sin(half), np.cos(half), 0], [-np.sin(half), np.cos(half), 0]])
    sites = np.stack(np.meshgrid(*[np.arange(SIDE)] * 3), axis=-1).reshape(-1, 3) * DENSITY_LENGTH
    count = len(sites)
    lines = ["water", "", f"{3 * count} atoms", f"{2 * count} bonds", f"{count} angles"]
    lines += ["2 atom types", "1 bond types", "1 angle types"]
    lines += [f"0 {length} {axis}lo {axis}hi" for axis in "xyz"]
    lines += ["", "Masses", "", "1 15.9994", "2 1.008", "", "Atoms", ""]
    for n, (site, turn) in enumerate(zip(sites, Rotation.random(count, random_state=rng), strict=True)):
        for m, r in enumerate(turn.apply(arms) + site):
            kind, charge = (1, -0.82) if m == 0 else (2, 0.41)
            lines.append(f"{3 * n + m + 1} {n + 1} {kind} {charge} " + " ".join(f"{x:.9f}" for x in r))
    lines += ["", "Bonds", ""]
    lines += [f"{2 * n + m} 1 {3 * n + 1} {3 * n + 1 + m}" for n in range(count) for m in (1, 2)]
    lines += ["", "Angles", ""] + [f"{n + 1} 1 {3 * n + 2} {3 * n + 1} {3 * n + 3}" for n in range(count)]
    return "\n".join(lines) + "\n"


def simulate(folder: Path) -> None:
    """Run the liquid; molecules are whole in frames.npy, (frames, molecules, 3 atoms O H H, 3) Å."""
    (folder / "water.data").write_text(box())
    dump = folder / "water.dump"
    script = SPC_FW.format(
        file="water.data",
        dump=dump.name,
        step=STEP,
        warm_up=WARM_UP,
        spacing=SPACING,
        steps=SPACING * (FRAMES - 1),
    )
    (folder / "in.water").write_text(script)
    command = [sys.executable, str(LMP), "-in", "in.water", "-log", "none"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if not dump.exists():
        raise RuntimeError(f"LAMMPS stopped: {done.stdout[-800:]} {done.stderr[-800:]}")
    rows = [line.split() for line in dump.read_text().splitlines()]
    table = np.array([row for row in rows if len(row) == 7 and row[0].isdigit()], dtype=float)
    positions = table[:, 1:4] + SIDE * DENSITY_LENGTH * table[:, 4:]
    np.save(folder / "frames.npy", positions.reshape(FRAMES, SIDE**3, 3, 3))


def around(frame: np.ndarray, centre: int) -> np.ndarray:
    """Return all molecules, (molecules, 3, 3) Å, each as its image that is nearest to one at the origin."""
    length = SIDE * DENSITY_LENGTH
    whole = frame - frame[centre, :1]
    return whole - length * np.round(whole[:, :1] / length)


def nearest(frame: np.ndarray, centre: int, molecules: int) -> np.ndarray:
    """Return numbers of the molecules nearest to one, which comes first."""
    return np.argsort(np.linalg.norm(around(frame, centre)[:, 0], axis=1))[:molecules]


def cut(frame: np.ndarray, centre: int, molecules: int) -> np.ndarray:
    """Return a molecule and its nearest ones, (3 molecules, 3) Å about their mean, in float32 precision."""
    positions = around(frame, centre)[nearest(frame, centre, molecules)].reshape(-1, 3)
    # rounded to what is stored, so that the labels belong to the stored positions exactly
    return (positions - positions.mean(axis=0)).astype(np.float32).astype(float)


def water(positions: np.ndarray) -> Atoms:
    """Return molecules O, H, H one after the other, at positions in Å."""
    return Atoms("OHH" * (len(positions) // 3), positions)


def differences(field, parts: list, fitted: np.ndarray, fitted_parts: np.ndarray) -> dict[str, float]:
    """Return integrals of |difference| of densities over the number of electrons, in %.

    fit_error: fitted against true density; interaction: true density against the sum of those of the
    isolated molecules; interaction_fit_error: the same difference, fitted against true.
    """
    density, apart = field.make_rdm1(), block_diag(*[part.make_rdm1() for part in parts])
    sums = np.zeros(3)
    points, weights = field.grids.coords, field.grids.weights
    for start in range(0, len(points), 20_000):
        block = slice(start, start + 20_000)
        orbitals = field.mol.eval_gto("GTOval_sph", points[block])
        functions = field.with_df.auxmol.eval_gto("GTOval_sph", points[block])
        true, alone = (numint.eval_rho(field.mol, orbitals, dm) for dm in (density, apart))
        model, model_alone = functions @ fitted, functions @ fitted_parts
        values = (model - true, true - alone, model - model_alone - true + alone)
        sums += [weights[block] @ np.abs(value) for value in values]
    names = ("fit_error", "interaction", "interaction_fit_error")
    return dict(zip(names, 100 * sums / field.mol.nelectron, strict=True))


def label(positions: np.ndarray) -> dict[str, np.ndarray]:
    """Compute everything of one cluster: eV, e·Å, %, seconds; coefficients in atomic units."""
    parts = [converged(water(molecule)) for molecule in positions.reshape(-1, 3, 3)]
    start = time.process_time()
    guess = block_diag(*[part.make_rdm1() for part in parts])
    if len(parts) > LARGEST_DIRECT:
        coarse = mean_field(water(positions))
        coarse.grids.level, coarse.conv_tol = 0, 1e-6
        coarse.kernel(dm0=guess)
        guess = coarse.make_rdm1()
    field = converged(water(positions), guess if len(parts) > 1 else None)
    seconds = time.process_time() - start
    fitted, fitted_parts = fit_coefficients(field), np.concatenate([fit_coefficients(p) for p in parts])
    functions = field.with_df.auxmol
    return {
        "positions": positions,
        "energy": np.array(field.e_tot * HARTREE),
        "monomer_energies": np.array([part.e_tot * HARTREE for part in parts]),
        "dipole": field.dip_moment(unit="AU", verbose=0) * BOHR,
        "coefficients": to_e3nn(functions, fitted).reshape(len(parts), -1),
        "monomer_coefficients": to_e3nn(functions, fitted_parts).reshape(len(parts), -1),
        "seconds": np.array(seconds),
        **{key: np.array(x) for key, x in differences(field, parts, fitted, fitted_parts).items()},
    }
