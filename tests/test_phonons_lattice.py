"""Lattice dynamics by hand: the chain of the textbook, phonopy's numbers, the laws of waves in crystals."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.spacegroup import crystal
from scipy.spatial.transform import Rotation

from tutorial_utils import phonons
from tutorial_utils.phonons import displacements, lattice

CRYSTALS = Path(__file__).parents[1] / "reference_data/crystals"
SOME_WAVES = np.array([[0.1, 0.2, 0.3], [0.5, 0.0, 0.0], [0.45, 0.4, -0.3]])


def emt(atoms: Atoms) -> np.ndarray:
    atoms = atoms.copy()
    atoms.calc = EMT()
    return atoms.get_forces()


def ordered() -> Atoms:
    """Cu3Au: gold at the corners, three coppers on sites of lower symmetry."""
    return crystal(("Au", "Cu"), [(0, 0, 0), (0.5, 0.5, 0)], spacegroup=221, cellpar=[3.79] * 3 + [90] * 3)


@pytest.fixture(scope="module")
def copper() -> lattice.ForceConstants:
    return phonons.force_constants(bulk("Cu", a=3.615), 3, emt)


@pytest.fixture(scope="module")
def alloy() -> lattice.ForceConstants:
    return phonons.force_constants(ordered(), 2, emt)


def beads(masses: list[float], spring: float = 2.0) -> lattice.ForceConstants:
    """Return a chain along x whose atoms hold on to their neighbours in that direction only."""
    n = len(masses)
    atoms = Atoms("H" * n, [(float(k), 0, 0) for k in range(n)], cell=[n, 9, 9], pbc=True, masses=masses)
    pairs, vectors, values = [], [], []
    for k in range(n):
        for step, value in ((0, 2 * spring), (1, -spring), (-1, -spring)):
            pairs.append((k, (k + step) % n))
            vectors.append((float(step), 0.0, 0.0))
            values.append(np.diag([value, 0.0, 0.0]))
    return lattice.ForceConstants(
        atoms, np.array(pairs).T, np.array(vectors), np.array(values), np.ones(len(pairs))
    )


# --- a chain ---


def test_the_diatomic_chain_is_that_of_the_textbook() -> None:
    q = np.linspace(-0.5, 0.5, 11)
    found = phonons.frequencies(beads([1.0, 3.0]), np.stack([q, 0 * q, 0 * q], axis=1))
    expected = phonons.chain(q, (1.0, 3.0), spring=2.0)
    assert found[:, :4] == pytest.approx(np.zeros((11, 4)), abs=1e-6)  # nothing holds y and z
    assert found[:, 4:] == pytest.approx(expected, abs=1e-6)


def test_equal_masses_close_the_gap() -> None:
    acoustic, optical = phonons.chain(np.array([0.5]), (2.0, 2.0), spring=1.0)[0]
    assert acoustic == pytest.approx(optical)
    acoustic, optical = phonons.chain(np.array([0.5]), (2.0, 3.0), spring=1.0)[0]
    assert (optical / acoustic) ** 2 == pytest.approx(3 / 2)


def test_four_beads_are_two_beads_folded() -> None:
    q = np.array([[0.2, 0, 0]])
    long = phonons.frequencies(beads([1.0, 3.0, 1.0, 3.0]), q)[0]
    short = phonons.frequencies(beads([1.0, 3.0]), np.array([[0.1, 0, 0], [0.6, 0, 0]]))
    assert long == pytest.approx(np.sort(short.ravel()), abs=1e-6)


# --- crystals ---


def test_one_move_of_one_atom_is_enough_for_copper() -> None:
    operations = displacements.symmetry(bulk("Cu", a=3.615).repeat(3))
    assert len(operations.rotations) == 48 * 27
    assert len(displacements.displacements(operations, [0])) == 1


def test_fewer_moves_than_coordinates_in_an_alloy() -> None:
    atoms = ordered()
    operations = displacements.symmetry(atoms.repeat(2))
    moves = displacements.displacements(operations, range(4))
    assert {atoms.symbols[atom] for atom, _ in moves} == {"Au", "Cu"}
    assert len(moves) == 2  # against 2 · 3 · 4 without symmetry


def test_symmetry_gives_what_all_moves_give(alloy) -> None:
    atoms = ordered()
    supercell = atoms.repeat(2)
    identity = displacements.Symmetry(np.eye(3)[None], np.arange(len(supercell))[None])
    responses = []
    for atom, axis, sign in np.ndindex(4, 3, 2):
        u = 0.01 * (2 * sign - 1) * np.eye(3)[axis]
        moved = supercell.copy()
        moved.positions[atom] += u
        responses.append((atom, u, emt(moved)))
    slow = displacements.assemble(atoms, supercell, identity, responses)
    assert slow.vectors == pytest.approx(alloy.vectors)
    assert slow.values == pytest.approx(alloy.values, abs=1e-3)  # the force is not quite linear


@pytest.mark.parametrize("name", ["copper", "alloy"])
def test_force_constants_obey_newton(name: str, request) -> None:
    """Φ_ij(v) = Φ_ji(-v)ᵀ, and a shift of the whole crystal meets no force."""
    constants = request.getfixturevalue(name)
    known = {
        (i, j, *(np.round(v, 5) + 0.0)): value
        for i, j, v, value in zip(*constants.pairs, constants.vectors, constants.values, strict=True)
    }
    for (i, j, *v), value in known.items():
        assert known[(j, i, *(-np.array(v) + 0.0))] == pytest.approx(value.T, abs=1e-3)
    assert np.abs(constants.sums).max() < 1e-4


@pytest.mark.parametrize("name", ["copper", "alloy"])
def test_three_acoustic_modes_and_linear_sound(name: str, request) -> None:
    constants = request.getfixturevalue(name).acoustic()
    found = phonons.frequencies(constants, [[0, 0, 0], [0.01, 0, 0], [0.02, 0, 0]])
    assert np.abs(found[0, :3]).max() < 1e-3
    assert (found[0, 3:] > 1).all()
    assert found[2, :3] == pytest.approx(2 * found[1, :3], rel=0.01)


def test_what_ties_atoms_to_space_breaks_the_acoustic_modes() -> None:
    """A spring to a fixed point, as a forgotten constraint: the frequency at q = 0 is that of the springs."""
    start = bulk("Cu", a=3.615).repeat(3).positions
    tied = phonons.force_constants(
        bulk("Cu", a=3.615), 3, lambda atoms: emt(atoms) - 0.5 * (atoms.positions - start)
    )
    broken = phonons.frequencies(tied, [[0, 0, 0]])[0]
    expected = np.sqrt(0.5 / tied.atoms.get_masses()[0]) * lattice.THZ
    assert broken == pytest.approx([expected] * 3, rel=1e-3)
    assert np.abs(phonons.frequencies(tied.acoustic(), [[0, 0, 0]])).max() < 1e-5


def test_frequencies_repeat_with_the_reciprocal_lattice_and_time_reversal(alloy) -> None:
    found = phonons.frequencies(alloy, SOME_WAVES)
    assert phonons.frequencies(alloy, SOME_WAVES + np.array([1, -2, 0])) == pytest.approx(found, abs=1e-6)
    assert phonons.frequencies(alloy, -SOME_WAVES) == pytest.approx(found, abs=1e-6)
    assert phonons.frequencies(alloy, SOME_WAVES[:, [1, 2, 0]]) == pytest.approx(found, abs=1e-3)


def test_a_turned_crystal_has_the_same_frequencies(alloy) -> None:
    R = Rotation.random(rng=np.random.default_rng(1)).as_matrix()
    turned = ordered()
    turned.set_cell(turned.cell.array @ R.T, scale_atoms=True)
    found = phonons.frequencies(phonons.force_constants(turned, 2, emt), SOME_WAVES)
    assert found == pytest.approx(phonons.frequencies(alloy, SOME_WAVES), abs=2e-3)


def test_a_larger_cell_folds_the_waves(copper) -> None:
    """The cubic cell of 4 atoms at q = 0 sees the waves Γ and X, Y, Z of the primitive one."""
    cube = phonons.force_constants(bulk("Cu", a=3.615, cubic=True), 3, emt)
    wide = phonons.force_constants(bulk("Cu", a=3.615), 4, emt)
    waves = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    folded = np.sort(phonons.frequencies(wide.acoustic(), waves).ravel())
    assert phonons.frequencies(cube.acoustic(), [[0, 0, 0]])[0] == pytest.approx(folded, abs=0.02)


def test_the_second_moment_needs_no_waves(alloy) -> None:
    squares = phonons.frequencies(alloy, phonons.mesh(6)) ** 2
    assert phonons.mean_square(alloy) == pytest.approx(squares.mean(), rel=1e-6)
    assert (squares.mean(axis=1).max() - squares.mean(axis=1).min()) > 0.5  # single waves do differ


def test_heavier_atoms_swing_slower(copper) -> None:
    heavy = copper.atoms.copy()
    heavy.set_masses([4 * copper.atoms.get_masses()[0]])
    found = phonons.frequencies(replace(copper, atoms=heavy), SOME_WAVES)
    assert 2 * found == pytest.approx(phonons.frequencies(copper, SOME_WAVES))


# --- phonopy ---


@pytest.fixture(scope="module")
def by_phonopy():
    """The same crystal by phonopy: its own displacements, its own solution."""
    phonopy = pytest.importorskip("phonopy")
    from phonopy.structure.atoms import PhonopyAtoms

    atoms = ordered()
    unit = PhonopyAtoms(
        atoms.get_chemical_symbols(), cell=atoms.cell.array, scaled_positions=atoms.get_scaled_positions()
    )
    unit.masses = atoms.get_masses()
    found = phonopy.Phonopy(unit, 2 * np.eye(3, dtype=int), primitive_matrix=np.eye(3))
    found.generate_displacements(distance=0.01)
    found.forces = [
        emt(Atoms(s.symbols, scaled_positions=s.scaled_positions, cell=s.cell, pbc=True))
        for s in found.supercells_with_displacements
    ]
    found.produce_force_constants()
    return found


def test_frequencies_are_those_of_phonopy(alloy, by_phonopy) -> None:
    by_phonopy.run_qpoints(SOME_WAVES)
    assert phonons.frequencies(alloy, SOME_WAVES) == pytest.approx(
        by_phonopy.get_qpoints_dict()["frequencies"], abs=2e-3
    )


def test_the_field_of_a_long_wave_is_that_of_phonopy(alloy, by_phonopy) -> None:
    charges = np.array([np.diag([2.0, 2.0, 2.0])] + [-np.diag([2.0, 2.0, 2.0]) / 3] * 3)
    by_phonopy.nac_params = {
        "born": charges,
        "dielectric": 4 * np.eye(3),
        "factor": lattice.COULOMB,
        "method": "wang",
    }
    field = phonons.Field(charges, 4 * np.eye(3))
    direction = np.array([1.0, 2.0, -1.0])  # a cubic cell: of the wave vector too
    by_phonopy.run_qpoints([[0, 0, 0]], nac_q_direction=direction)
    expected = by_phonopy.get_qpoints_dict()["frequencies"][0]
    found = phonons.frequencies(alloy, 1e-6 * direction, field)[0]
    assert found[3:] == pytest.approx(expected[3:], abs=2e-3)
    assert found[-1] > phonons.frequencies(alloy, [[0, 0, 0]])[0, -1] + 0.2  # LO above TO
    between = [[0.1, 0.2, 0.15], [0.05, -0.3, 0.4]]
    by_phonopy.run_qpoints(between)
    expected = by_phonopy.get_qpoints_dict()["frequencies"]
    assert phonons.frequencies(alloy, between, field) == pytest.approx(expected, abs=2e-3)
    assert np.abs(expected - phonons.frequencies(alloy, between)).max() > 0.05


def test_the_field_is_silent_where_the_supercell_knows_better(alloy) -> None:
    field = phonons.Field(np.array([3 * np.eye(3)] + [-np.eye(3)] * 3), 4 * np.eye(3))
    fitting = [[0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0], [0.5, 0.5, 0.5]]
    plain = phonons.frequencies(alloy, fitting)
    assert phonons.frequencies(alloy, fitting, field) == pytest.approx(plain, abs=1e-6)


def test_charges_that_do_not_add_up_to_zero_hold_the_crystal_in_its_place(alloy) -> None:
    """One of the acoustic modes at Γ feels their field; made neutral, none does, and LO moves a little."""
    computed = phonons.Field(np.array([3.8 * np.eye(3)] + [-np.eye(3)] * 3), 4 * np.eye(3))
    neutral = computed.neutral()
    assert neutral.charges.sum(axis=0) == pytest.approx(np.zeros((3, 3)), abs=1e-12)
    left = computed.charges - neutral.charges
    assert left == pytest.approx(np.broadcast_to(0.2 * np.eye(3), left.shape))  # from all alike
    assert neutral.dielectric is computed.dielectric
    beside = np.array([1e-6, 0, 0])
    held, free = (phonons.frequencies(alloy, beside, field)[0] for field in (computed, neutral))
    assert held[2] > 0.2 > 10 * np.abs(free[:3]).max()
    assert np.abs(held[:2]).max() < 0.02
    assert held[-1] == pytest.approx(free[-1], rel=0.05)


def test_a_field_is_the_same_for_equal_waves(alloy) -> None:
    field = phonons.Field(np.array([3 * np.eye(3)] + [-np.eye(3)] * 3), 4 * np.eye(3))
    here, there = (
        phonons.frequencies(alloy, SOME_WAVES, field),
        phonons.frequencies(alloy, SOME_WAVES + np.array([1, -2, 1]), field),
    )
    assert there == pytest.approx(here, abs=1e-6)


def stored(name: str):
    """Return a crystal by density functional theory: its record, and phonopy's and our force constants."""
    phonopy = pytest.importorskip("phonopy")
    from phonopy.structure.atoms import PhonopyAtoms

    record = json.loads((CRYSTALS / f"{name}.json").read_text())
    atoms = Atoms(
        record["symbols"], scaled_positions=record["scaled_positions"], cell=record["cell"], pbc=True
    )
    unit = PhonopyAtoms(record["symbols"], cell=record["cell"], scaled_positions=record["scaled_positions"])
    unit.masses = atoms.get_masses()
    theirs = phonopy.Phonopy(unit, record["repeats"] * np.eye(3, dtype=int), primitive_matrix=np.eye(3))
    moves = record["displacements"]
    responses = [(m["atom"], np.array(m["displacement"]), np.array(m["forces"])) for m in moves]
    first = [{"number": atom, "displacement": u, "forces": F} for atom, u, F in responses]
    theirs.dataset = {"natom": len(theirs.supercell), "first_atoms": first}
    theirs.produce_force_constants()
    supercell = Atoms(theirs.supercell.symbols, theirs.supercell.positions, cell=theirs.supercell.cell)
    return theirs, displacements.from_forces(atoms, supercell, responses)


@pytest.mark.parametrize("name", ["MgO", "C"])
def test_forces_from_density_functional_theory_give_what_phonopy_gives(name: str) -> None:
    theirs, ours = stored(name)
    theirs.run_qpoints(SOME_WAVES)
    found = phonons.frequencies(ours, SOME_WAVES)
    assert found == pytest.approx(theirs.get_qpoints_dict()["frequencies"], abs=0.02)
    assert found.max() > {"MgO": 12, "C": 35}[name]  # THz
    assert np.abs(phonons.frequencies(ours.acoustic(), [[0, 0, 0]])[0, :3]).max() < 0.05


# --- what is no crystal ---


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="periodic along all axes"):
        phonons.force_constants(Atoms("Cu", cell=[3, 3, 9], pbc=[True, True, False]), 2, emt)
    with pytest.raises(ValueError, match="step"):
        phonons.force_constants(bulk("Cu"), 2, emt, step=0.0)
    with pytest.raises(ValueError, match="q: expected"):
        phonons.frequencies(beads([1.0]), [0.1, 0.2])
    with pytest.raises(ValueError, match="charges, dielectric: expected finite numbers"):
        phonons.Field(np.full((2, 3, 3), np.nan), np.nan * np.eye(3))
    with pytest.raises(ValueError, match="no images"):
        lattice.from_supercell(bulk("Cu"), bulk("Ag", a=3.61).repeat(2), np.zeros((1, 8, 3, 3)))
    with pytest.raises(ValueError, match="whole multiples"):
        displacements.from_forces(bulk("Cu"), bulk("Cu", "bcc", a=3).repeat(2), [])
    with pytest.raises(ValueError, match="values: expected"):
        lattice.from_supercell(bulk("Cu"), bulk("Cu").repeat(2), np.zeros((1, 27, 3, 3)))
