"""Groups, tensors and stabilisers of structures that no one here made: noisy, turned, rounded, mistyped."""

import math

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from ase.spacegroup import crystal
from e3nn import o3
from neumann_tables import NYE
from scipy.spatial.transform import Rotation

from tutorial_utils import groups, symmetry, tensors

MOLECULAR = ["D5", "D6", "D2d", "D3d", "D4d", "D5h", "D6h", "D8h", "C5v", "S8", "C30", "Ih"]
KINDS = (tensors.DIELECTRIC, tensors.PIEZOELECTRIC, tensors.ELASTIC, tensors.GYRATION)


def orientations(number):
    return Rotation.random(number, rng=np.random.default_rng(number)).as_matrix()


def prototype(number, rng):
    """Return two kinds of atoms on general places of a space group."""
    a, b, c = 4 + 2 * rng.random(3)
    lattices = {2: [a, b, c, 83, 95, 104], 15: [a, b, c, 90, 103, 90], 74: [a, b, c, 90, 90, 90]}
    lattices |= {142: [a, a, c, 90, 90, 90], 194: [a, a, c, 90, 90, 120], 230: [a, a, a, 90, 90, 90]}
    lattice = next(cell for last, cell in lattices.items() if number <= last)
    return crystal(["Si", "O"], [rng.random(3), rng.random(3)], spacegroup=number, cellpar=lattice)


def distorted(atoms, R, rng, size=1e-5):
    """Turn a crystal, then strain it and move its atoms a little, as rounding and relaxing do."""
    other = symmetry.rotate(atoms, R)
    other.set_cell(other.cell.array @ (np.eye(3) + size * rng.normal(size=(3, 3))), scale_atoms=True)
    other.positions += size * rng.normal(size=other.positions.shape)
    return other


# --- names in any orientation ------------------------------------------------------------------------------


def test_tables_are_complete_in_any_orientation():
    for name in [*groups.CRYSTALLOGRAPHIC, *MOLECULAR]:
        operations = (groups.crystallographic if name in groups.CRYSTALLOGRAPHIC else groups.molecular)(name)
        own = groups.character_table(operations)
        for R in orientations(3 if len(operations) > 30 else 20):
            table = groups.character_table(R @ operations @ R.T)
            assert len(set(table.irreps)) == len(set(table.class_names)) == len(table.values), name
            assert sorted(table.dimensions.values()) == sorted(own.dimensions.values()), name


def test_axes_at_45_degrees_to_x_and_y_get_different_names():
    c = 0.5**0.5
    ethylene = symmetry.rotate(molecule("C2H4"), np.array([[c, -c, 0], [c, c, 0], [0, 0, 1]]))
    names = groups.character_table(symmetry.stabiliser(ethylene)).class_names
    assert set(names) == {"E", "C2(x)", "C2(y)", "C2(z)", "i", "σ(xy)", "σ(xz)", "σ(yz)"}


# --- crystals ----------------------------------------------------------------------------------------------


def test_distorted_crystals_have_the_point_group_that_they_were_made_with():
    """Two in every crystal class and more; constants as printed."""
    rng = np.random.default_rng(0)
    schoenflies = {v: k for k, v in groups.CRYSTALLOGRAPHIC.items()}
    numbers = [1, 2, 4, 5, 7, 9, 14, 15, 19, 24, 29, 33, 43, 57, 62, 76, 78, 82, 88, 95, 98, 100, 113, 122]
    numbers += [130, 142, 144, 146, 148, 150, 151, 152, 155, 157, 160, 163, 166, 169, 174, 176, 178, 183, 187]
    for number in [*numbers, 189, 194, 195, 205, 212, 215]:
        atoms = prototype(number, rng)
        G = groups.operations(distorted(atoms, orientations(1)[0], rng), tolerance=1e-3)
        assert np.abs(G @ G.swapaxes(1, 2) - np.eye(3)).max() < 1e-12
        assert groups.failed_axioms(groups.multiplication_table(G, tolerance=1e-9)) == ()
        found = groups.space_group(atoms)
        assert (found.number, schoenflies[groups.schoenflies(G)]) == (number, found.point_group)
        assert tuple(tensors.independent_constants(kind, G) for kind in KINDS) == NYE[found.point_group]


def test_operations_bring_atoms_where_the_permutations_say():
    atoms = prototype(152, np.random.default_rng(1)).repeat((1, 1, 2))
    found = groups.space_group(atoms)
    assert len(found.rotations) == 12
    inverse = np.linalg.inv(atoms.cell.array)
    for R, w, to in zip(found.rotations, found.translations, found.permutations, strict=True):
        apart = (atoms.positions @ R.T + w @ atoms.cell.array - atoms.positions[to]) @ inverse
        assert np.abs(apart - apart.round()).max() < 1e-6


def test_a_cell_strained_by_2e4_keeps_its_group():
    places = [(0.4702, 0, 2 / 3), (0.4137, 0.2672, 0.7861)]
    quartz = crystal(["Si", "O"], places, spacegroup=154, cellpar=[4.917, 4.917, 5.41, 90, 90, 120])
    quartz.set_cell(quartz.cell.array @ np.diag([1 + 2e-4, 1 - 2e-4, 1]), scale_atoms=True)
    G = tensors.operations(quartz, tolerance=5e-3)
    assert tensors.independent_constants(tensors.ELASTIC, G) == 6
    assert groups.schoenflies(G) == "D3"
    assert len(tensors.operations(quartz, tolerance=1e-4)) < 6  # the strain is seen where it is asked for
    ieee = tensors.operations(quartz, tolerance=5e-3, axes="IEEE")
    np.testing.assert_array_equal(ieee, groups.crystallographic("32"))


def test_crystals_of_published_tables():
    """Olivine and a layered topological insulator, whose tables are rounded to four digits."""
    oxygen = [(0.0968, 0.25, 0.7428), (0.4571, 0.25, 0.2060), (0.1656, 0.0465, 0.2848)]
    places = [(0, 0, 0), (0.2822, 0.25, 0.9747), (0.0948, 0.25, 0.4182), *oxygen]
    lattice = [10.329, 6.0065, 4.6908, 90, 90, 90]
    olivine = crystal(["Li", "Fe", "P", "O", "O", "O"], places, spacegroup=62, cellpar=lattice)
    layers = {"basis": [(0, 0, 0), (0, 0, 0.5), (0, 0, 0.2385)], "spacegroup": 166}
    layers |= {"symbols": ["Tl", "Bi", "Se"], "cellpar": [4.240, 4.240, 22.33, 90, 90, 120]}
    for atoms, size, number, constants in (
        (olivine, 28, 62, [3, 0, 9, 0]),
        (crystal(**layers), 12, 166, [2, 0, 6, 0]),
        (crystal(**layers, primitive_cell=True), 4, 166, [2, 0, 6, 0]),
    ):
        assert len(atoms) == size and groups.space_group(atoms).number == number
        G = tensors.operations(atoms)
        assert [tensors.independent_constants(kind, G) for kind in KINDS] == constants
        assert "." not in "".join(tensors.pattern(tensors.ELASTIC, G).ravel())  # fractions and roots


def test_operations_of_a_distorted_lattice_are_mended_within_the_tolerance_and_else_refused():
    W = np.unique(groups.crystallographic("m-3m").round().astype(int), axis=0)
    for strain, wanted in ((1e-5, None), (2e-3, None), (0.015, "distorted or rounded")):
        A = np.eye(3) + strain * np.array([[1, 0.5, 0], [0.5, -1, 0.3], [0, 0.3, 0]])
        R = A @ W @ np.linalg.inv(A)
        if wanted is None:
            assert tensors.independent_constants(tensors.ELASTIC, R) == 3
            continue
        with pytest.raises(ValueError, match=wanted):
            tensors.independent_constants(tensors.ELASTIC, R)
        assert tensors.independent_constants(tensors.ELASTIC, R, tolerance=0.1) == 3


def test_words_of_a_pattern_are_fractions_and_roots_in_turned_axes():
    A = bulk("GaAs", "zincblende", a=5.65)
    A.set_cell(A.cell.standard_form()[0], scale_atoms=True)
    words = tensors.pattern(tensors.ELASTIC, tensors.operations(A))
    assert words[2, 2] == "C11+C12-C13"
    assert words[0, 3] == "√2C12-√2C13"
    assert words[5, 5] == "(C11-C12)/2"


# --- molecules ---------------------------------------------------------------------------------------------


def test_noisy_molecules_give_the_group_of_the_undistorted_one():
    rng = np.random.default_rng(0)
    for name in (
        "H2O",
        "NH3",
        "CH4",
        "C2H4",
        "C2H6",
        "C6H6",
        "BF3",
        "C3H4_D2d",
        "cyclobutane",
        "SiH4",
        "H2O2",
    ):
        atoms = molecule(name)
        clean = groups.schoenflies(symmetry.stabiliser(atoms, tolerance=0.01))
        for _ in range(3):
            noisy = atoms.copy()
            noisy.positions += 0.01 * rng.normal(size=noisy.positions.shape)
            G = symmetry.stabiliser(noisy, tolerance=0.1)
            assert groups.schoenflies(G) == clean
            assert groups.failed_axioms(groups.multiplication_table(G, tolerance=1e-9)) == ()


def test_own_masses_charges_and_moments_tell_atoms_apart():
    for change in ("set_masses", "set_initial_charges", "set_initial_magnetic_moments"):
        methane = molecule("CH4")
        values = [12.011, 2.014, 1.008, 1.008, 1.008] if change == "set_masses" else [0, 1, 0, 0, 0]
        getattr(methane, change)(values)
        assert groups.schoenflies(symmetry.stabiliser(methane)) == "C3v"
        getattr(methane, change)(None)
        assert groups.schoenflies(symmetry.stabiliser(methane)) == "Td"
    iron = bulk("Fe", cubic=True)
    iron.set_initial_magnetic_moments([2.0, -2.0])
    assert len(groups.space_group(iron).rotations) == 48  # body-centred is no symmetry any more
    iron.set_initial_magnetic_moments(None)
    assert len(groups.space_group(iron).rotations) == 96
    iron.info["occupancy"] = {"0": {"Fe": 0.5, "Ni": 0.5}}
    iron.set_array("spacegroup_kinds", np.zeros(2, dtype=int))
    with pytest.raises(ValueError, match="occup"):
        groups.operations(iron)


def test_a_tolerance_between_the_misses_of_operations_names_a_better_one():
    square = np.array([[1.0, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0.0]])
    kite = Atoms("C4", square + 0.02 * np.random.default_rng(3).normal(size=(4, 3)))
    for tolerance in np.geomspace(0.004, 0.2, 40):
        try:
            groups.schoenflies(symmetry.stabiliser(kite, tolerance=float(tolerance)))
        except ValueError as error:
            better = float(str(error).split("raise the tolerance to ")[1].split()[0])
            groups.schoenflies(symmetry.stabiliser(kite, tolerance=better))
    assert groups.schoenflies(symmetry.stabiliser(kite, tolerance=0.2)) == "D4h"


# --- one check ---------------------------------------------------------------------------------------------


def test_every_function_refuses_the_same_sets_for_the_same_reasons():
    cubic = groups.molecular("Oh")
    lattice = np.array([[1, -0.5, 0], [0, 0.75**0.5, 0], [0, 0, 1]])
    sets = {
        "only 48 are different": np.tile(cubic, (4, 1, 1)),
        "whole numbers belong to a lattice's basis.*become Cartesian": np.linalg.inv(lattice)
        @ groups.crystallographic("6/mmm")
        @ lattice,
        "no group, the product of": cubic[:-1],
        r"got shape \(48, 2, 2\)": cubic[:, :2, :2],
        "not finite": cubic * np.nan,
        r"got 'm-3m'": "m-3m",
    }
    functions = [groups.schoenflies, lambda G: groups.subduce(2, G)]
    functions += [lambda G: tensors.independent_constants(tensors.ELASTIC, G)]
    functions += [lambda G: tensors.symmetrise(tensors.ELASTIC, np.zeros((3, 3, 3, 3)), G)]
    functions += [lambda G: tensors.pattern(tensors.ELASTIC, G)]
    for message, operations in sets.items():
        for function in functions:
            with pytest.raises(ValueError, match=f"operations: .*{message}"):
                function(operations)


def test_names_that_spglib_uses_are_known():
    np.testing.assert_array_equal(groups.crystallographic("C3i"), groups.crystallographic("-3"))
    np.testing.assert_array_equal(groups.molecular("C3i"), groups.molecular("S6"))
    for name in (None, 3, ["Td"], "m3m2"):
        with pytest.raises(ValueError, match="name: "):
            groups.molecular(name)


def test_the_permutations_of_five_and_six_things_are_groups():
    for n, classes in ((5, 7), (6, 11)):  # ways to write 5 and 6 as a sum
        generators = np.eye(n)[[[1, 0, *range(2, n)], [*range(1, n), 0]]]
        table = groups.multiplication_table(groups.generate(generators))
        assert len(table) == math.factorial(n)
        assert groups.failed_axioms(table) == ()
        assert len(groups.conjugacy_classes(table)) == classes
        spoilt = table.copy()
        spoilt[-1, [-1, -2]] = spoilt[-1, [-2, -1]]
        assert "associativity" in groups.failed_axioms(spoilt)


def test_associativity_is_found_as_by_all_triples():
    rng = np.random.default_rng(0)
    group, seen = groups.multiplication_table(groups.molecular("C3v")), set()
    for n in range(400):
        size = int(rng.integers(1, 5))
        table = [rng.integers(0, size, (size, size)), group.copy(), np.outer(range(6), range(6)) % 6][n % 3]
        if n % 2:
            table[tuple(rng.integers(0, len(table), 2))] = rng.integers(0, len(table))
        triples = all((table[row] == row[table]).all() for row in table)
        seen.add(triples)
        assert ("associativity" not in groups.failed_axioms(table)) == triples
    assert seen == {True, False}


# --- matrices of irreps ------------------------------------------------------------------------------------


def test_matrices_of_irreps_agree_with_e3nn_and_have_gradients():
    irreps = "2x0o + 1o + 1e + 2e + 3x4o + 8e"
    R = torch.tensor(orientations(4)) * torch.tensor([1.0, -1, 1, -1], dtype=torch.float64)[:, None, None]
    torch.set_default_dtype(torch.float64)
    expected = o3.Irreps(irreps).D_from_matrix(R)
    assert (groups.D(irreps, R) - expected).abs().max() < 1e-12
    assert (groups.D("5o", R).numpy() - groups.wigner_D(5, R.numpy())).max() < 1e-12
    assert groups.D(irreps, R.float()).dtype == torch.float32
    assert (groups.D(irreps, R.float()) - expected).abs().max() < 1e-5

    def turned(angles):
        X = torch.tensor(groups.generators(1))
        return groups.D("2e", torch.matrix_exp(torch.einsum("a,aij->ij", angles, X)))

    slope = torch.autograd.functional.jacobian(turned, torch.zeros(3))  # at the identity
    assert (slope.permute(2, 0, 1) - torch.tensor(groups.generators(2))).abs().max() < 1e-12


# --- tensors -----------------------------------------------------------------------------------------------


def test_half_a_table_and_tables_in_place_of_tensors_are_refused():
    C = np.diag([3.0, 3, 3, 1, 1, 1])
    C[0, 1] = C[0, 2] = C[1, 2] = 1.5
    with pytest.raises(ValueError, match="completes the upper triangle"):
        tensors.from_voigt(tensors.ELASTIC, C)
    whole = np.triu(C) + np.triu(C, 1).T
    assert tensors.recognise(tensors.from_voigt(tensors.ELASTIC, whole), noise=1e-6).name == "cubic"
    G = groups.molecular("Oh")
    for act in (
        lambda: tensors.symmetrise(tensors.ELASTIC, whole, G),
        lambda: tensors.rotate_tensor(tensors.ELASTIC, whole, np.eye(3)),
        lambda: tensors.fit_classes(whole),
        lambda: tensors.compliance(whole),
        lambda: tensors.to_irreps(tensors.ELASTIC, torch.tensor(whole)),
    ):
        with pytest.raises(ValueError, match="from_voigt"):
            act()


# --- large and degenerate input ----------------------------------------------------------------------------


def test_a_supercell_of_256_atoms_has_the_group_of_its_cell():
    """12,288 operations: each is a turn followed by a translation, and permutes the atoms as it should."""
    cell = bulk("Cu", cubic=True).repeat(4)
    assert len(groups.operations(cell)) == 48
    found = groups.space_group(cell)
    assert found.permutations.shape == (48 * 256, 256)
    places, R = cell.get_scaled_positions(), found.rotations
    for g in np.random.default_rng(0).choice(len(R), 20):
        W = np.linalg.inv(cell.cell.array.T) @ R[g] @ cell.cell.array.T
        apart = places @ W.T + found.translations[g] - places[found.permutations[g]]
        assert np.abs(apart - apart.round()).max() < 1e-6


def test_atoms_without_a_place_and_vectors_without_a_direction_are_named():
    double = Atoms("CH2", [[0, 0, 0], [0, 1, 0], [0, 1, 0]])
    with pytest.raises(ValueError, match="atoms: H 1 and H 2 are closer than tolerance"):
        symmetry.stabiliser(double)
    with pytest.raises(ValueError, match="r: a vector is zero"):
        groups.spherical_harmonics(1, np.zeros((2, 3)))
    r = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(np.square(groups.spherical_harmonics(80, r)).sum(axis=1), 161)
    with pytest.raises(ValueError, match=r"l: .* leave double precision"):
        groups.spherical_harmonics(90, r)  # scipy's are not a number there
