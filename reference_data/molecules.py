"""Dipoles and polarizabilities of small molecules, several geometries each, at one level of theory.

Makes src/tutorial_utils/datasets/bundled/molecules_hf.npz (dataset `molecules_hf`). Run with

    OMP_NUM_THREADS=1 python reference_data/molecules.py

It saves as it goes: stopped and started again it continues and ends with the same file.

Molecules: those of the G2 set (as ase.collections.g2 holds it) of H, C, N, O and S that have closed shells.
Geometries: GFN2-xTB molecular dynamics at 500 K, from the relaxed molecule; each frame is then put into a
random orientation, so that no direction of space is special.
Labels: restricted Hartree-Fock in the basis def2-SVPD (with diffuse functions, without which polarizabilities
are far too small), density fitting, and the coupled-perturbed equations solved exactly.
Hartree-Fock leaves electron correlation out: see the card for what that does to the numbers.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.collections import g2
from ase.md.langevin import Langevin
from ase.optimize import BFGS
from files import report, write_npz
from pyscf import gto, lib, scf
from scipy.linalg import solve
from scipy.spatial.transform import Rotation
from tblite.ase import TBLite

OUTPUT = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/molecules_hf.npz"
ELEMENTS = {"H", "C", "N", "O", "S"}
LEFT_OUT = {"CH2_s1A1d", "O3"}  # one closed-shell determinant does not describe these
GEOMETRIES = 5  # frames of each molecule
TEMPERATURE = 500.0  # K
STEP, SPACING = 1.0, 200  # fs; steps from one frame to the next
FRICTION = 0.02  # 1/fs
BASIS = "def2-svpd"
KEYS = ("sizes", "numbers", "positions", "name", "dipole", "polarizability")


def molecules() -> list[str]:
    """Return the names of the molecules: at least three atoms, an even number of electrons, no spin."""
    found = []
    for name in sorted(g2.names):
        atoms = g2[name]
        closed = atoms.numbers.sum() % 2 == 0 and not atoms.get_initial_magnetic_moments().any()
        if len(atoms) > 2 and closed and set(atoms.symbols) <= ELEMENTS and name not in LEFT_OUT:
            found.append(name)
    return found


def geometries(name: str, count: int, rng: np.random.Generator) -> list[Atoms]:
    """Sample a molecule at TEMPERATURE; each frame randomly oriented, centre of mass at the origin."""
    atoms = g2[name]
    atoms.calc = TBLite(method="GFN2-xTB", verbosity=0)
    BFGS(atoms, logfile=None).run(fmax=0.05, steps=100)
    # half of it soon goes into the springs of the bonds: velocities start with twice their share
    spread = np.sqrt(2 * atoms.get_masses() * units.kB * TEMPERATURE)
    atoms.set_momenta(rng.standard_normal((len(atoms), 3)) * spread[:, None])
    dynamics = Langevin(
        atoms, STEP * units.fs, temperature_K=TEMPERATURE, friction=FRICTION / units.fs, fixcm=False, rng=rng
    )
    frames = []
    for _ in range(count):
        dynamics.run(SPACING)
        positions = atoms.positions - atoms.get_center_of_mass()
        turned = positions @ Rotation.random(random_state=rng).as_matrix().T
        # rounded to what is stored, so that the labels belong to the stored positions exactly
        frames.append(Atoms(atoms.numbers, turned.astype(np.float32).astype(float)))
    return frames


def label(atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """Compute the dipole (3,) e·Å and the polarizability (3, 3) Å³."""
    geometry = list(zip(atoms.symbols, atoms.positions, strict=True))
    molecule = gto.M(atom=geometry, basis=BASIS, verbose=0)
    mean_field = scf.RHF(molecule).density_fit()
    mean_field.conv_tol = 1e-10
    mean_field.kernel()
    if not mean_field.converged:
        raise RuntimeError(f"{atoms.get_chemical_formula()}: the self-consistent field did not converge")
    dipole = mean_field.dip_moment(unit="AU", verbose=0) * units.Bohr
    return dipole, polarizability(mean_field) * units.Bohr**3


def polarizability(mean_field) -> np.ndarray:
    """Return the static dipole polarizability, (3, 3) bohr³, from the coupled-perturbed equations.

    With r_ia the dipole matrix between occupied i and empty orbitals a, and G the response of the field,
    α = 4 r G⁻¹ r,  G_ia,jb = (e_a - e_i) δ_ij δ_ab + 4 (ia|jb) - (ib|ja) - (ij|ab).
    The matrix is small enough to be solved as it stands; no iteration, no threshold.
    """
    occupied = mean_field.mo_coeff[:, mean_field.mo_occ > 0]
    empty = mean_field.mo_coeff[:, mean_field.mo_occ == 0]
    fitted = lib.unpack_tril(
        mean_field.with_df._cderi
    )  # (auxiliary, orbitals, orbitals): (pq|rs) = Σ L_pq L_rs
    half = np.tensordot(fitted, occupied, axes=(2, 0))  # (L, p, i)
    ia = np.einsum("Lpi,pa->Lia", half, empty, optimize=True)
    ij = np.einsum("Lpi,pj->Lij", half, occupied, optimize=True)
    ab = np.einsum("Lpq,pa,qb->Lab", fitted, empty, empty, optimize=True)
    coulomb = np.tensordot(ia, ia, axes=(0, 0))  # (i, a, j, b)
    exchange = coulomb.transpose(0, 3, 2, 1) + np.tensordot(ij, ab, axes=(0, 0)).transpose(0, 2, 1, 3)
    size = coulomb.shape[0] * coulomb.shape[1]
    response = (4 * coulomb - exchange).reshape(size, size)
    energies = mean_field.mo_energy
    gaps = energies[None, mean_field.mo_occ == 0] - energies[mean_field.mo_occ > 0, None]
    response[np.diag_indices(size)] += gaps.ravel()
    r = np.einsum("xpq,pi,qa->xia", mean_field.mol.intor("int1e_r"), occupied, empty).reshape(3, size)
    alpha = 4 * r @ solve(response, r.T, assume_a="pos", overwrite_a=True)
    return (alpha + alpha.T) / 2


def rows(name: str, count: int, seed: int) -> list[dict[str, np.ndarray]]:
    """Compute all geometries of one molecule."""
    found = []
    for atoms in geometries(name, count, np.random.default_rng(seed)):
        dipole, alpha = label(atoms)
        values = (np.array(len(atoms)), atoms.numbers, atoms.positions, np.array(name), dipole, alpha)
        found.append(dict(zip(KEYS, values, strict=True)))
    return found


def stack(frames: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Gather frames: atoms of all frames end to end, "sizes" telling how many belong to each."""
    arrays = {key: np.array([frame[key] for frame in frames]) for key in ("sizes", "name")}
    for key in ("dipole", "polarizability"):
        arrays[key] = np.array([frame[key] for frame in frames], dtype=np.float32)
    arrays["numbers"] = np.concatenate([frame["numbers"] for frame in frames]).astype(np.uint8)
    arrays["positions"] = np.concatenate([frame["positions"] for frame in frames]).astype(np.float32)
    return arrays


def unstack(arrays: dict[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Undo `stack`."""
    ends = arrays["sizes"].cumsum()[:-1]
    columns = {**arrays, **{key: np.split(arrays[key], ends) for key in ("numbers", "positions")}}
    return [{key: columns[key][i] for key in KEYS} for i in range(len(arrays["sizes"]))]


def read(path: Path) -> list[dict[str, np.ndarray]]:
    """Return the frames computed so far."""
    if not path.exists():
        return []
    with np.load(path, allow_pickle=False) as stored:
        return unstack(dict(stored))


def main(output: Path, count: int) -> None:
    """Compute all molecules, one after the other, each from its own random numbers."""
    partial = output.with_suffix(".partial.npz")
    frames, names = read(partial), molecules()
    for seed, name in enumerate(names):
        if any(str(frame["name"]) == name for frame in frames):
            continue
        start = time.process_time()
        frames += rows(name, count, seed)
        write_npz(partial, stack(frames))
        alpha = np.mean([np.trace(frame["polarizability"]) / 3 for frame in frames[-count:]])
        seconds = time.process_time() - start
        print(f"{seed + 1} of {len(names)}: {name}, mean α {alpha:.2f} Å³, {seconds:.0f} s", flush=True)
    frames.sort(key=lambda frame: names.index(str(frame["name"])))
    write_npz(output, stack(frames))
    partial.unlink(missing_ok=True)
    report(output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--geometries", type=int, default=GEOMETRIES)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    main(options.output, options.geometries)
