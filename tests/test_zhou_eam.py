"""The potentials that reference_data/zhou_eam.py writes: pieces meet, crystals are as they were fitted."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.eam import EAM
from ase.neighborlist import neighbor_list
from ase.units import _amu, _e
from scipy.optimize import minimize_scalar

SCRIPT = Path(__file__).parents[1] / "reference_data/zhou_eam.py"
COHESIVE_ENERGIES = {  # eV: what the potentials were fitted to
    **{"Cu": 3.54, "Ag": 2.85, "Au": 3.93, "Ni": 4.45, "Pd": 3.91, "Pt": 5.77, "Al": 3.58, "Pb": 2.02},
    **{"Fe": 4.29, "Mo": 6.81, "Ta": 8.09, "W": 8.76, "Mg": 1.55, "Co": 4.41, "Ti": 4.87, "Zr": 6.36},
}
PHONON_TOPS = {"Cu": 8.34, "Ag": 5.20, "Au": 3.63, "Ni": 9.56, "Pd": 6.40, "Pt": 4.70, "Al": 8.63}  # THz
METALS = sorted(COHESIVE_ENERGIES)


def load_script():
    spec = importlib.util.spec_from_file_location("zhou_eam", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    sys.modules["zhou_eam"] = script  # dataclasses look their module up
    spec.loader.exec_module(script)
    return script


zhou_eam = load_script()


def crystal(symbol: str, lattice: str, r_e: float) -> Atoms:
    if lattice == "hcp":
        return bulk(symbol, "hcp", a=r_e, c=r_e * np.sqrt(8 / 3))
    return bulk(symbol, lattice, a=r_e * {"fcc": np.sqrt(2), "bcc": 2 / np.sqrt(3)}[lattice])


def energy(atoms: Atoms) -> float:
    """Sum the formulas over all pairs, without tables."""
    rho, total = np.zeros(len(atoms)), 0.0
    cutoff = zhou_eam.cutoff(sorted(set(atoms.symbols)))
    for i, j, r in zip(*neighbor_list("ijd", atoms, cutoff), strict=True):
        a, b = (zhou_eam.METALS[atoms.symbols[k]] for k in (i, j))
        rho[i] += zhou_eam.density(b, r)
        total += zhou_eam.mixed_pair(a, b, r) / 2
    return total + sum(
        zhou_eam.embedding(zhou_eam.METALS[s], x) for s, x in zip(atoms.symbols, rho, strict=True)
    )


def per_atom(symbol: str, lattice: str, r_e: float) -> float:
    atoms = crystal(symbol, lattice, r_e)
    return energy(atoms) / len(atoms)


@pytest.mark.parametrize("symbol", METALS)
def test_the_pieces_of_the_embedding_energy_meet_in_value_and_slope(symbol):
    metal, h = zhou_eam.METALS[symbol], 1e-6
    assert abs(zhou_eam.embedding(metal, np.array(0.0))) < 1e-5  # eV: no neighbours, no energy
    for joint in (metal.n, zhou_eam.UPPER):
        x = (joint + h * np.array([-2, -1, 1, 2])) * metal.rho_e
        F = zhou_eam.embedding(metal, x)
        assert abs((F[2] - F[1]) - 2 * (F[1] - F[0])) < 1e-5
        assert abs((F[3] - F[2]) - (F[1] - F[0])) / h < 1e-3


@pytest.mark.parametrize("symbol", METALS)
def test_each_metal_has_the_lattice_constant_and_cohesive_energy_it_was_fitted_to(symbol):
    metal = zhou_eam.METALS[symbol]
    best = minimize_scalar(
        lambda s: per_atom(symbol, metal.lattice, s * metal.r_e), bounds=(0.97, 1.03), method="bounded"
    )
    assert best.x == pytest.approx(1, abs=1e-4)
    assert -best.fun == pytest.approx(COHESIVE_ENERGIES[symbol], abs=6e-3)  # eV


@pytest.mark.parametrize("symbol", METALS)
def test_each_metal_prefers_its_own_lattice(symbol):
    metal = zhou_eam.METALS[symbol]

    def lowest(lattice):
        span = minimize_scalar(
            lambda s: per_atom(symbol, lattice, s * metal.r_e), bounds=(0.92, 1.04), method="bounded"
        )
        return span.fun

    energies = {lattice: lowest(lattice) for lattice in ("fcc", "bcc", "hcp")}
    assert min(energies, key=energies.get) == metal.lattice


def test_the_tables_hold_the_formulas_also_between_unlike_atoms(tmp_path):
    zhou_eam.write_setfl(tmp_path / "CuAg.eam.alloy", ["Cu", "Ag"])
    atoms = bulk("Cu", cubic=True, a=3.8) * (2, 2, 2)
    atoms.symbols[::3] = "Ag"
    atoms.rattle(0.1, seed=0)
    atoms.calc = EAM(potential=str(tmp_path / "CuAg.eam.alloy"))
    assert atoms.get_potential_energy() == pytest.approx(energy(atoms), abs=1e-3)  # eV, of some -100


@pytest.mark.parametrize("symbol", ["Cu", "Al"])
def test_phonons_end_where_they_should(symbol, tmp_path):
    """The highest frequency of 108 atoms, from the forces on all when one atom moves."""
    zhou_eam.write_setfl(tmp_path / "table.eam.alloy", [symbol])
    metal, h = zhou_eam.METALS[symbol], 0.005
    atoms = bulk(symbol, cubic=True, a=metal.lattice_constant) * (3, 3, 3)
    columns = []
    for axis in range(3):
        forces = []
        for step in (-h, h):
            moved = atoms.copy()
            moved.positions[0, axis] += step
            moved.calc = EAM(potential=str(tmp_path / "table.eam.alloy"))
            forces.append(moved.get_forces())
        columns.append((forces[0] - forces[1]) / (2 * h))
    constants = np.stack(columns, axis=-1)  # (atoms, 3, 3), eV/Å²
    top = 0.0
    for n in np.ndindex(6, 6, 6):  # the zone of a face-centred lattice reaches twice as far
        q = 2 * np.pi * np.array(n) / (3 * metal.lattice_constant)
        D = np.einsum("jab,j->ab", constants, np.cos(atoms.positions @ q))
        top = max(top, np.linalg.eigvalsh(D).max())
    frequency = np.sqrt(top * _e / 1e-20 / (metal.mass * _amu)) / (2 * np.pi) / 1e12
    assert frequency == pytest.approx(PHONON_TOPS[symbol], abs=0.03)


def test_unknown_metals_are_refused():
    with pytest.raises(ValueError, match="expected different ones"):
        zhou_eam.setfl(["Cu", "Hg"])
    with pytest.raises(ValueError, match="expected different ones"):
        zhou_eam.setfl(["Cu", "Cu"])
