"""Phonons of structures as people have them: little symmetry, any supercell, constraints, moments."""

import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.build import bulk, make_supercell
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.spacegroup import crystal

from tutorial_utils import phonons
from tutorial_utils.phonons import displacements, lattice, prediction

WAVES = np.array([[0.1, 0.2, 0.3], [0.5, 0.0, 0.0], [0.45, 0.4, -0.3]])
ALUMINIUM = bulk("Al", a=4.0)


def emt(atoms: Atoms) -> np.ndarray:
    atoms = atoms.copy()
    atoms.calc = EMT()
    return atoms.get_forces()


def springs(atoms: Atoms) -> np.ndarray:
    """Forces of a short pair potential, r from 0.5 to 4 Å; no matter which elements."""
    from tutorial_utils import graphs

    graph = graphs.to_graph(atoms, 4.0)
    r = graphs.edge_vectors(graph).numpy()
    length = np.linalg.norm(r, axis=1, keepdims=True)
    forces = np.zeros((len(atoms), 3))
    np.add.at(forces, graph.edge_index[1].numpy(), -((4 - length) ** 3) * r / length)
    return forces


def brute_force(atoms: Atoms, repeats: object, forces, *, step: float = 1e-3) -> lattice.ForceConstants:
    """Move every atom of the cell along every axis, both ways."""
    supercell = atoms.repeat(repeats)
    values = np.empty((len(atoms), len(supercell), 3, 3))
    for atom, axis in np.ndindex(len(atoms), 3):
        found = []
        for sign in (1, -1):
            moved = supercell.copy()
            moved.positions[atom, axis] += sign * step
            found.append(forces(moved))
        values[atom, :, axis] = (found[1] - found[0]) / (2 * step)
    return lattice.from_supercell(atoms, supercell, values)


def few_operations() -> dict[str, tuple[Atoms, object, object]]:
    rattled = bulk("Cu", cubic=True)
    rattled.rattle(0.05, seed=1)
    cell = {"cellpar": [4.1, 4.4, 4.9, 80, 85, 97]}
    triclinic = crystal(("Ar", "Ne"), [(0.1, 0.1, 0), (0.5, 0.6, 0.5)], spacegroup=1, **cell)
    screw = crystal("Ar", [(0.2, 0.24, 0.3)], spacegroup=4, cellpar=[4, 5, 5.4, 90, 100, 90])
    mirror = crystal("Ar", [(0.2, 0.0, 0.3)], spacegroup=6, cellpar=[4, 3.5, 4.4, 90, 100, 90])
    return {
        "rattled": (rattled, 1, emt),
        "P1": (triclinic, (2, 1, 1), springs),
        "P2_1": (screw, 1, springs),
        "Pm": (mirror, (1, 2, 1), springs),
        "cubic, repeats that differ": (bulk("Cu"), (2, 3, 4), emt),
    }


def test_few_operations_give_what_all_moves_give() -> None:
    for name, (atoms, repeats, forces) in few_operations().items():
        ours = phonons.force_constants(atoms, repeats, forces, step=1e-3)
        slow = brute_force(atoms, repeats, forces)
        found, expected = (lattice.dynamical_matrix(each, WAVES) for each in (ours, slow))
        assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max(), name


def test_a_skew_cell_has_the_frequencies_of_the_reduced_one() -> None:
    multiples = np.array([[1, 0, 0], [8, 1, 0], [0, 0, 1]])  # a, 8a + b, c: the same lattice
    skew = make_supercell(ALUMINIUM, multiples)
    plain, same = (phonons.force_constants(each, 3, emt) for each in (ALUMINIUM, skew))
    at_x = phonons.frequencies(same, np.array([[0.5, 0.5, 0.0]]) @ multiples.T)
    assert at_x[0] == pytest.approx([5.66, 5.66, 8.42], abs=0.01)
    waves = WAVES @ multiples.T
    expected = phonons.frequencies(plain, WAVES)
    assert phonons.frequencies(same, waves) == pytest.approx(expected, abs=1e-3)
    field = phonons.Field(np.eye(3)[None], np.eye(3))
    expected = phonons.frequencies(plain, WAVES, field)
    assert phonons.frequencies(same, waves, field) == pytest.approx(expected, abs=1e-3)


def test_constraints_do_not_hold_atoms() -> None:
    held = ALUMINIUM.copy()
    held.set_constraint(FixAtoms([0]))
    found, free = (phonons.frequencies(phonons.force_constants(a, 3, emt), WAVES) for a in (held, ALUMINIUM))
    assert found == pytest.approx(free)
    assert found.max() > 5


def test_an_antiferromagnet_keeps_its_order() -> None:
    """A spring between neighbours of opposite moments only: the symmetry is that of the order."""
    atoms = bulk("Fe", "sc", a=2.0).repeat((1, 1, 2))
    atoms.set_initial_magnetic_moments([1.0, -1.0])

    def forces(a: Atoms) -> np.ndarray:
        moments, r = a.get_initial_magnetic_moments(), a.get_all_distances(mic=True, vector=True)
        length = np.linalg.norm(r, axis=-1) + 9 * np.eye(len(a))
        pull = np.where(length < 2.5, (length - 2) * (1.5 - moments[:, None] * moments), 0) / length
        return (pull[:, :, None] * r).sum(axis=1)

    ours, slow = phonons.force_constants(atoms, (3, 3, 2), forces), brute_force(atoms, (3, 3, 2), forces)
    found, expected = (lattice.dynamical_matrix(each, WAVES) for each in (ours, slow))
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()
    atoms.set_initial_magnetic_moments(None)
    atoms.set_initial_magnetic_moments(np.ones((2, 3)))
    with pytest.raises(ValueError, match="vectors"):
        phonons.force_constants(atoms, 2, forces)


def phonopy_of(matrix: object, *, primitive: object = None):
    """Return phonopy's own force constants of aluminium, and its displaced supercells' forces."""
    phonopy = pytest.importorskip("phonopy")
    from phonopy.structure.atoms import PhonopyAtoms

    cube = bulk("Al", a=4.0, cubic=True)
    unit = PhonopyAtoms(
        cube.get_chemical_symbols(), cell=cube.cell.array, scaled_positions=cube.get_scaled_positions()
    )
    found = phonopy.Phonopy(unit, matrix, primitive_matrix="F")
    found.generate_displacements(distance=0.01, is_plusminus=True)
    found.forces = [
        emt(Atoms(s.symbols, scaled_positions=s.scaled_positions, cell=s.cell, pbc=True))
        for s in found.supercells_with_displacements
    ]
    found.produce_force_constants()
    return found


def test_supercells_of_any_shape_and_phonopys_files(tmp_path) -> None:
    for matrix in ([2, 2, 3], [[-1, 1, 1], [1, -1, 1], [1, 1, -1]]):
        theirs = phonopy_of(np.diag(matrix) if np.ndim(matrix) == 1 else matrix)
        primitive = Atoms(theirs.primitive.symbols, theirs.primitive.positions, cell=theirs.primitive.cell)
        supercell = Atoms(theirs.supercell.symbols, theirs.supercell.positions, cell=theirs.supercell.cell)
        responses = [
            (move["number"], np.array(move["displacement"]), np.array(move["forces"]))
            for move in theirs.dataset["first_atoms"]
        ]
        ours = phonons.from_forces(primitive, supercell, responses)
        theirs.run_qpoints(WAVES)
        expected = theirs.get_qpoints_dict()["frequencies"]
        assert phonons.frequencies(ours, WAVES) == pytest.approx(expected, abs=2e-3)
        theirs.save(tmp_path / "phonopy_params.yaml", settings={"force_constants": True})
        read, field = phonons.read_phonopy(tmp_path / "phonopy_params.yaml")
        assert field is None
        assert phonons.frequencies(read, WAVES) == pytest.approx(expected, abs=1e-4)
    with pytest.raises(ValueError, match=r"atoms \[0\] of the cell"):
        phonons.from_forces(primitive, supercell, [])
    with pytest.raises(ValueError, match="no file"):
        phonons.read_phonopy(tmp_path / "phonopy.yaml")


def test_forces_and_born_charges_beside_phonopys_file(tmp_path) -> None:
    phonopy = pytest.importorskip("phonopy")
    from phonopy.file_IO import write_FORCE_SETS
    from phonopy.structure.atoms import PhonopyAtoms

    salt = bulk("NaCl", "rocksalt", a=5.6)
    unit = PhonopyAtoms(["Na", "Cl"], cell=salt.cell.array, scaled_positions=salt.get_scaled_positions())
    theirs = phonopy.Phonopy(unit, np.diag([2, 2, 2]), primitive_matrix="P")
    theirs.generate_displacements(distance=0.01)
    theirs.save(tmp_path / "phonopy_disp.yaml")
    theirs.forces = [
        springs(Atoms(s.symbols, s.positions, cell=s.cell, pbc=True))
        for s in theirs.supercells_with_displacements
    ]
    write_FORCE_SETS(theirs.dataset, filename=tmp_path / "FORCE_SETS")
    without, none = phonons.read_phonopy(tmp_path / "phonopy_disp.yaml")
    assert none is None
    charges, dielectric = 1.1 * np.array([np.eye(3), -np.eye(3)]), 2.4 * np.eye(3)
    rows = [dielectric, *charges]
    lines = ["# units of phonopy's", *(" ".join(f"{x:.8f}" for x in row.ravel()) for row in rows)]
    (tmp_path / "BORN").write_text("\n".join(lines))

    constants, field = phonons.read_phonopy(tmp_path / "phonopy_disp.yaml")
    assert field.charges == pytest.approx(charges) and field.dielectric == pytest.approx(dielectric)
    theirs.produce_force_constants()
    theirs.run_qpoints(WAVES)
    expected = theirs.get_qpoints_dict()["frequencies"]
    assert phonons.frequencies(constants, WAVES) == pytest.approx(expected, abs=1e-4)
    assert phonons.frequencies(without, WAVES) == pytest.approx(expected, abs=1e-4)
    # LO above TO, in the limit of long waves
    theirs.nac_params = {"born": charges, "dielectric": dielectric, "factor": 14.399652}
    theirs.run_qpoints([[0, 0, 0]], nac_q_direction=[1, 0, 0])
    split = theirs.get_qpoints_dict()["frequencies"][0]
    assert split[5] > split[4] + 0.5
    assert phonons.frequencies(constants, np.array([[1e-5, 0, 0]]), field)[0] == pytest.approx(
        split, abs=1e-2
    )


def test_what_force_constants_refuse() -> None:
    shared = ALUMINIUM.copy()
    shared.info["occupancy"] = {"0": {"Al": 0.5, "Mg": 0.5}}
    for atoms, repeats, forces, complaint in (
        (shared, 2, emt, "occupancy is partial"),
        (ALUMINIUM, 0, emt, "repeats: expected"),
        (ALUMINIUM, (2, 2), emt, "repeats: expected"),
        (ALUMINIUM, 2, lambda a: np.full((8, 3), np.nan), "not finite"),
        (ALUMINIUM, 2, lambda a: np.zeros(3), r"forces: expected finite forces \(8, 3\)"),
        ("al.cif", 2, emt, "ase.io.read"),
    ):
        with pytest.raises(ValueError, match=complaint):
            phonons.force_constants(atoms, repeats, forces)
    salt = bulk("NaCl", "rocksalt", a=5.6)
    with pytest.raises(ValueError, match="in order"):
        lattice.from_supercell(salt, salt.repeat(2)[::-1], np.zeros((2, 16, 3, 3)))
    one_way = displacements.Symmetry(np.eye(3)[None], np.arange(8)[None])
    with pytest.raises(ValueError, match="1 independent directions"):
        responses = [(0, np.array([0.01, 0, 0]), np.zeros((8, 3)))]
        displacements.assemble(ALUMINIUM, ALUMINIUM.repeat(2), one_way, responses)


def test_predictions_refuse_what_no_network_knows() -> None:
    heavy = bulk("LiH", "rocksalt", a=4.08)
    heavy.set_masses([6.94, 2.014])
    for structures, complaint in (
        (["x.cif"], "ase.io.read"),
        ("x.cif", "list of crystals"),
        ([heavy], "masses"),
    ):
        with pytest.raises(ValueError, match=complaint):
            phonons.predict(structures)
    light = bulk("LiH", "rocksalt", a=4.08)
    assert np.array_equal(phonons.predict(iter([light]))[0], phonons.predict([light])[0])


def test_the_default_dtype_of_the_day_does_not_matter() -> None:
    prediction.pretrained.cache_clear()
    found = []
    for dtype in (torch.float32, torch.float64):
        torch.set_default_dtype(dtype)
        found.append(phonons.predict([bulk("MgO", "rocksalt", a=4.21)])[0])
    assert found[0] == pytest.approx(found[1], abs=1e-5)
    assert all(p.dtype == torch.float64 for p in phonons.pretrained().networks[0].parameters())


def test_records_print_one_line() -> None:
    constants = phonons.force_constants(ALUMINIUM, 2, emt)
    assert "Al" in repr(constants) and "pairs" in repr(constants) and len(repr(constants)) < 100
    assert constants == constants and constants != constants.acoustic()


def test_phonopys_files_in_bohr_and_rydberg_give_the_same_frequencies(tmp_path) -> None:
    """One crystal in the units of three programs; phonopy's own frequencies are the reference."""
    phonopy = pytest.importorskip("phonopy")
    from phonopy.structure.atoms import PhonopyAtoms

    bohr, rydberg = units.Bohr, units.Rydberg
    for program, length, force in (("vasp", 1, 1), ("qe", bohr, rydberg / bohr), ("abinit", bohr, 1)):
        places = {"scaled_positions": ALUMINIUM.get_scaled_positions()}
        unit = PhonopyAtoms(["Al"], cell=ALUMINIUM.cell.array / length, **places)
        theirs = phonopy.Phonopy(unit, np.diag([2, 2, 2]), primitive_matrix="P", calculator=program)
        theirs.generate_displacements(distance=0.01 / length)
        theirs.forces = [
            emt(Atoms(s.symbols, s.positions * length, cell=s.cell * length, pbc=True)) / force
            for s in theirs.supercells_with_displacements
        ]
        theirs.produce_force_constants()
        theirs.save(tmp_path / f"{program}.yaml", settings={"force_constants": True})
        theirs.run_qpoints(WAVES)
        constants, _ = phonons.read_phonopy(tmp_path / f"{program}.yaml")
        assert constants.atoms.get_volume() == pytest.approx(ALUMINIUM.get_volume(), rel=1e-6)
        expected = theirs.get_qpoints_dict()["frequencies"]
        assert phonons.frequencies(constants, WAVES) == pytest.approx(expected, rel=1e-5), program


def test_a_field_that_belongs_to_no_crystal_is_refused() -> None:
    constants = phonons.force_constants(ALUMINIUM, 1, emt)
    with pytest.raises(ValueError, match="charges, dielectric: expected"):
        phonons.Field(np.array([1.0]), np.eye(3))
    with pytest.raises(ValueError, match=r"dielectric: .*positive"):
        phonons.Field(np.eye(3)[None], -np.eye(3))
    with pytest.raises(ValueError, match="field: it has charges of 2 atoms, the crystal has 1"):
        phonons.frequencies(constants, WAVES, phonons.Field(np.stack([np.eye(3)] * 2), np.eye(3)))
