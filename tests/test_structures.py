"""The one way in for structures: what an ``ase.Atoms`` carries besides positions, elements and cell."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.cluster import Octahedron
from ase.constraints import FixAtoms, FixSymmetry

from tutorial_utils import structures


def mixed() -> Atoms:
    """Mg0.5Ni0.5O as ase.io.read makes it of a CIF file."""
    atoms = bulk("NiO", "rocksalt", a=4.2)
    atoms.info["occupancy"] = {"0": {"Ni": 0.5, "Mg": 0.5}, "1": {"O": 1.0}}
    atoms.set_array("spacegroup_kinds", np.arange(2))
    return atoms


@pytest.mark.parametrize(
    "constraint", [FixAtoms([0]), FixSymmetry(bulk("Cu", cubic=True))], ids=["fix", "sym"]
)
def test_constraints_and_calculator_are_left_behind(constraint):
    atoms = bulk("Cu", cubic=True)
    atoms.set_constraint(constraint)
    atoms.calc = EMT()
    copy = structures.plain(atoms)
    assert copy == atoms
    assert copy.constraints == []
    assert copy.calc is None
    copy.positions += 1.0
    assert copy != atoms


def test_a_subclass_becomes_a_plain_structure():
    cluster = Octahedron("Ag", 3)
    copy = structures.plain(cluster)
    assert type(copy) is Atoms
    assert copy == cluster


def test_masses_moments_charges_and_velocities_are_kept():
    atoms = molecule("CH4")
    atoms.set_masses([12, 2, 1, 1, 1])
    atoms.set_initial_magnetic_moments([1, 0, 0, 0, 0])
    atoms.set_initial_charges([0, 0, 0, 0, 1])
    atoms.set_velocities(np.ones((5, 3)))
    copy = structures.plain(atoms)
    for name in ("masses", "initial_magnetic_moments", "initial_charges", "velocities"):
        np.testing.assert_array_equal(getattr(copy, f"get_{name}")(), getattr(atoms, f"get_{name}")())


@pytest.mark.parametrize(
    ("name", "setter", "values"),
    [
        ("masses", "set_masses", [2.014, 16, 1.008]),
        ("magnetic_moments", "set_initial_magnetic_moments", [[0, 0, 1], [0, 0, 0], [0, 0, 0]]),
        ("charges", "set_initial_charges", [0.4, -0.8, 0.4]),
    ],
)
def test_what_a_function_cannot_use_is_refused_with_the_cure(name, setter, values):
    atoms = Atoms("HOH", [[0, 0, 0], [1, 0, 0], [1, 1, 0]])
    getattr(atoms, setter)(values)
    assert structures.has_own(atoms, name)
    with pytest.raises(ValueError, match=rf"^start: .*{name.replace('_', ' ')}.*H 0.*{setter}\(None\)"):
        structures.plain(atoms, argument="start", refuses=(name,))
    getattr(atoms, setter)(None)
    assert not structures.has_own(structures.plain(atoms, refuses=(name,)), name)


def test_values_that_are_the_standard_ones_are_not_refused():
    atoms = molecule("H2O")
    atoms.set_masses(atoms.get_masses())
    atoms.set_initial_charges([0, 0, 0])
    atoms.set_initial_magnetic_moments([0, 0, 0])
    structures.plain(atoms, refuses=tuple(structures.PROPERTIES))


def test_partial_occupancy_is_refused_with_the_sites_named():
    with pytest.raises(ValueError, match=r"site 0 \(atoms \[0\]\): Ni 0.5 Mg 0.5; .*alloys"):
        structures.plain(mixed())
    whole = mixed()
    whole.info["occupancy"]["0"] = {"Ni": 1.0}
    structures.plain(whole)


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        ("bulk.cif", "got str; read a file"),
        ([bulk("Cu")], "got list; give one structure"),
        (None, "got NoneType"),
        (Atoms(), "no atoms"),
        (Atoms("H2", [[0, 0, 0], [0, 0, np.nan]]), "atom 1 is not finite"),
        (Atoms("H", cell=[1, 1, np.inf]), "cell is not finite"),
        (Atoms("H", pbc=True), "no volume"),
        (Atoms("CH", masses=[12.0, 0.0]), "H 1 has the mass 0 u"),
        (Atoms("H", cell=[[1, 0, 0], [2, 0, 0], [0, 0, 1]], pbc=True), "no volume"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_structure_is_refused(atoms, message):
    with pytest.raises(ValueError, match=f"^start: .*{message}"):
        structures.plain(atoms, argument="start")


def test_forces_are_those_without_constraints():
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=1)
    atoms.calc = EMT()
    free = atoms.get_forces()
    atoms.set_constraint(FixAtoms([0, 1]))
    np.testing.assert_array_equal(structures.physical_forces(atoms), free)


def test_missing_labels_are_named():
    atoms = molecule("H2O")
    atoms.info["REF_energy"] = -3.0
    with pytest.raises(ValueError, match="no forces; attach a calculator"):
        structures.physical_forces(atoms)
    with pytest.raises(ValueError, match=r"no energy; it holds \['REF_energy'\]"):
        structures.energy(atoms)
    atoms.calc = SinglePointCalculator(atoms, energy=1.0)
    assert structures.energy(atoms) == 1.0
    with pytest.raises(ValueError, match="no forces"):
        structures.physical_forces(atoms)
    atoms.calc = SinglePointCalculator(atoms, forces=np.full((3, 3), np.nan))
    with pytest.raises(ValueError, match="finite forces"):
        structures.physical_forces(atoms)
