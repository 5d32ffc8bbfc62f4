"""Finite groups and their irreps: axioms, great orthogonality, and characters as books print them."""

import numpy as np
import pytest
from ase.build import molecule

from tutorial_utils import groups, symmetry
from tutorial_utils.groups.labels import analyse

THIRTY_TWO = list(groups.CRYSTALLOGRAPHIC)
MOLECULAR = ["C5v", "D5h", "D5d", "D4d", "S8", "D8h", "C5h", "I", "Ih"]

# Copied by hand. Oh, D4h, D3d, Td, D6h: G. Katzer, "Character tables",
# http://www.gernot-katzers-spice-pages.com/character_tables/ (Oh.html and so on). C6v: A. Gelessus, W. Thiel,
# W. Weber, J. Chem. Educ. 72, 505 (1995), http://symmetry.constructor.university. C3v:
# https://slideplayer.com/slide/4214074. Columns are matched by name, so they stand in the sources' order.
PRINTED = {
    "Oh": """
        E 8C3 3C2 6C4 6C2' i 8S6 3σh 6S4 6σd
        A1g 1  1  1  1  1  1  1  1  1  1
        A2g 1  1  1 -1 -1  1  1  1 -1 -1
        Eg  2 -1  2  0  0  2 -1  2  0  0
        T1g 3  0 -1  1 -1  3  0 -1  1 -1
        T2g 3  0 -1 -1  1  3  0 -1 -1  1
        A1u 1  1  1  1  1 -1 -1 -1 -1 -1
        A2u 1  1  1 -1 -1 -1 -1 -1  1  1
        Eu  2 -1  2  0  0 -2  1 -2  0  0
        T1u 3  0 -1  1 -1 -3  0  1 -1  1
        T2u 3  0 -1 -1  1 -3  0  1  1 -1""",
    "D4h": """
        E 2C4 C2 2C2' 2C2'' i 2S4 σh 2σv 2σd
        A1g 1  1  1  1  1  1  1  1  1  1
        A2g 1  1  1 -1 -1  1  1  1 -1 -1
        B1g 1 -1  1  1 -1  1 -1  1  1 -1
        B2g 1 -1  1 -1  1  1 -1  1 -1  1
        Eg  2  0 -2  0  0  2  0 -2  0  0
        A1u 1  1  1  1  1 -1 -1 -1 -1 -1
        A2u 1  1  1 -1 -1 -1 -1 -1  1  1
        B1u 1 -1  1  1 -1 -1  1 -1 -1  1
        B2u 1 -1  1 -1  1 -1  1 -1  1 -1
        Eu  2  0 -2  0  0 -2  0  2  0  0""",
    "D3d": """
        E 2C3 3C2' i 2S6 3σd
        A1g 1  1  1  1  1  1
        A2g 1  1 -1  1  1 -1
        Eg  2 -1  0  2 -1  0
        A1u 1  1  1 -1 -1 -1
        A2u 1  1 -1 -1 -1  1
        Eu  2 -1  0 -2  1  0""",
    "Td": """
        E 8C3 3C2 6S4 6σd
        A1 1  1  1  1  1
        A2 1  1  1 -1 -1
        E  2 -1  2  0  0
        T1 3  0 -1  1 -1
        T2 3  0 -1 -1  1""",
    "D6h": """
        E 2C6 2C3 C2 3C2' 3C2'' i 2S6 2S3 σh 3σv 3σd
        A1g 1  1  1  1  1  1  1  1  1  1  1  1
        A2g 1  1  1  1 -1 -1  1  1  1  1 -1 -1
        B1g 1 -1  1 -1  1 -1  1  1 -1 -1 -1  1
        B2g 1 -1  1 -1 -1  1  1  1 -1 -1  1 -1
        E1g 2  1 -1 -2  0  0  2 -1  1 -2  0  0
        E2g 2 -1 -1  2  0  0  2 -1 -1  2  0  0
        A1u 1  1  1  1  1  1 -1 -1 -1 -1 -1 -1
        A2u 1  1  1  1 -1 -1 -1 -1 -1 -1  1  1
        B1u 1 -1  1 -1  1 -1 -1 -1  1  1  1 -1
        B2u 1 -1  1 -1 -1  1 -1 -1  1  1 -1  1
        E1u 2  1 -1 -2  0  0 -2  1 -1  2  0  0
        E2u 2 -1 -1  2  0  0 -2  1  1 -2  0  0""",
    "C6v": """
        E 2C6 2C3 C2 3σv 3σd
        A1 1  1  1  1  1  1
        A2 1  1  1  1 -1 -1
        B1 1 -1  1 -1  1 -1
        B2 1 -1  1 -1 -1  1
        E1 2  1 -1 -2  0  0
        E2 2 -1 -1  2  0  0""",
    "C3v": """
        E 2C3 3σv
        A1 1  1  1
        A2 1  1 -1
        E  2 -1  0""",
}

# The functions that the same tables print beside the rows: they fix which axes the names refer to.
FUNCTIONS = {
    "D4h": {"A1g": "zz", "B1g": "xx-yy", "B2g": "xy", "A2u": "z"},
    "D2h": {"B1u": "z", "B2u": "y", "B3u": "x", "B1g": "xy", "B2g": "xz", "B3g": "yz"},
    "C2v": {"A1": "z", "B1": "x", "B2": "y", "A2": "xy"},
    "D2d": {"B1": "xx-yy", "B2": "xy"},
    "C4v": {"B1": "xx-yy", "B2": "xy"},
    "D6h": {"A2u": "z", "B1u": "xxx-xyy-xyy-xyy", "B2u": "yyy-xxy-xxy-xxy"},
    "C6v": {"A1": "z", "B1": "xxx-xyy-xyy-xyy", "B2": "yyy-xxy-xxy-xxy"},
    "D3h": {"A2''": "z", "A1'": "zz"},
}


def quaternions():
    return groups.generate(np.array([[[1j, 0], [0, -1j]], [[0, 1], [-1, 0]]]))


# --- axioms and classes ------------------------------------------------------------------------------------


def test_every_point_group_is_a_group():
    for name in THIRTY_TWO + MOLECULAR:
        make = groups.crystallographic if name in THIRTY_TWO else groups.molecular
        table = groups.multiplication_table(make(name))
        assert groups.failed_axioms(table) == (), name
        np.testing.assert_array_equal(table[np.arange(len(table)), groups.inverses(table)], 0, err_msg=name)


@pytest.mark.parametrize(
    ("table", "failed"),
    [
        ([[0, 1], [1, 2]], ("closure",)),
        (
            [[0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 4, 0, 1, 3], [3, 2, 4, 0, 1], [4, 3, 1, 2, 0]],
            ("associativity",),
        ),
        ([[0, 0], [1, 1]], ("identity",)),
        (np.arange(4)[:, None] * np.arange(4) % 4, ("inverses",)),
        ((np.arange(5)[:, None] - np.arange(5)) % 5, ("associativity", "identity")),
    ],
    ids=["not closed", "loop", "first of two", "products modulo 4", "differences modulo 5"],
)
def test_planted_non_groups_fail_by_name(table, failed):
    assert groups.failed_axioms(np.array(table)) == failed


def test_an_incomplete_set_of_operations_is_refused():
    with pytest.raises(ValueError, match="product of elements"):
        groups.multiplication_table(groups.molecular("Td")[:-1])


def test_generators_of_no_finite_group_are_refused():
    c, s = np.cos(1), np.sin(1)  # one radian is no fraction of a turn
    with pytest.raises(ValueError, match="more than 50"):
        groups.generate([np.array([[c, -s], [s, c]])], limit=50)
    with pytest.raises(ValueError, match="square matrices"):
        groups.generate(np.eye(3))


def test_classes_of_the_tetrahedron():
    table = groups.multiplication_table(groups.molecular("Td"))
    classes, orders = groups.conjugacy_classes(table), groups.element_orders(table)
    assert sorted((len(c), orders[c[0]]) for c in classes) == [(1, 1), (3, 2), (6, 2), (6, 4), (8, 3)]
    assert all(len(set(orders[list(c)])) == 1 for c in classes)


def test_nothing_depends_on_the_numbering():
    table = groups.multiplication_table(groups.molecular("Oh"))
    new = np.random.default_rng(0).permutation(48)  # element g is called new[g]
    shuffled = np.empty_like(table)
    shuffled[new[:, None], new] = new[table]
    assert groups.failed_axioms(shuffled) == ()
    assert groups.identity(shuffled) == new[0]
    sizes = [sorted(map(len, groups.conjugacy_classes(t))) for t in (table, shuffled)]
    assert sizes[0] == sizes[1]
    assert [D.shape[1] for D in groups.find_irreps(shuffled)] == [1, 1, 1, 1, 2, 2, 3, 3, 3, 3]


# --- point groups ------------------------------------------------------------------------------------------


def test_operations_are_orthogonal_and_recognised_in_any_orientation():
    for name in THIRTY_TWO:
        operations = groups.crystallographic(name)
        np.testing.assert_allclose(
            operations @ operations.swapaxes(1, 2), np.tile(np.eye(3), (len(operations), 1, 1)), atol=1e-12
        )
        Q = symmetry.random_rotation(np.random.default_rng(1))
        assert groups.schoenflies(Q @ operations @ Q.T) == groups.CRYSTALLOGRAPHIC[name], name


def test_crystals_and_molecules_have_the_same_axes():
    for name in [n for n in THIRTY_TWO if n not in ("2", "m", "2/m")]:
        crystal, free = groups.crystallographic(name), groups.molecular(groups.CRYSTALLOGRAPHIC[name])
        distance = np.abs(crystal[:, None] - free).max(axis=(2, 3))
        assert distance.shape[0] == distance.shape[1], name
        assert distance.min(axis=1).max() < 1e-12, name


def test_monoclinic_crystals_have_the_axis_y():
    for name, operation in {"2": np.diag([-1, 1, -1]), "m": np.diag([1, -1, 1])}.items():
        np.testing.assert_allclose(groups.crystallographic(name)[1], operation)


def test_molecular_groups_are_recognised():
    for name in MOLECULAR:
        assert groups.schoenflies(groups.molecular(name)) == name, name


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("H2O", "C2v"),
        ("NH3", "C3v"),
        ("CH4", "Td"),
        ("C6H6", "D6h"),
        ("BF3", "D3h"),
        ("H2O2", "C2"),
        ("C2H4", "D2h"),
    ],
)
def test_real_molecules_are_recognised(name, group):
    assert groups.schoenflies(symmetry.stabiliser(molecule(name), tolerance=0.02)) == group


@pytest.mark.parametrize("name", ["C3d", "S5", "D0", "Tx", "2/m"])
def test_unknown_symbols_are_refused(name):
    with pytest.raises(ValueError, match="no Schoenflies symbol"):
        groups.molecular(name)


def test_an_unknown_crystal_class_is_refused():
    with pytest.raises(ValueError, match="none of the 32"):
        groups.crystallographic("5m")


def test_rotoreflections_are_named_by_their_odd_powers():
    S3 = groups.molecular("C3h")
    symbols = sorted(analyse(R).symbol for R in S3)
    assert symbols == sorted(["E", "C3", "C3^2", "σ", "S3", "S3^5"])


# --- irreps ------------------------------------------------------------------------------------------------


def test_great_orthogonality():
    for name in [*THIRTY_TWO, "D5d", "Ih"]:
        make = groups.crystallographic if name in THIRTY_TWO else groups.molecular
        table = groups.multiplication_table(make(name))
        irreps = groups.find_irreps(table)
        assert all(groups.is_representation(D, table) for D in irreps), name
        assert sum(D.shape[1] ** 2 for D in irreps) == len(table), name
        # all matrix elements as vectors over the group: orthonormal, once divided by sqrt(order / d)
        elements = np.concatenate(
            [D.reshape(len(table), -1).T * np.sqrt(D.shape[1] / len(table)) for D in irreps]
        )
        np.testing.assert_allclose(elements @ elements.conj().T, np.eye(len(table)), atol=1e-10, err_msg=name)


def test_rows_and_columns_are_orthogonal():
    for name in THIRTY_TWO + MOLECULAR:
        make = groups.crystallographic if name in THIRTY_TWO else groups.molecular
        table = groups.character_table(make(name))
        assert len(set(table.irreps)) == len(set(table.class_names)) == len(table.values), name
        U = table.values * np.sqrt(table.sizes / table.order)
        np.testing.assert_allclose(U @ U.conj().T, np.eye(len(U)), atol=1e-10, err_msg=name)
        np.testing.assert_allclose(U.conj().T @ U, np.eye(len(U)), atol=1e-10, err_msg=name)
        assert sum(d**2 for d in table.dimensions.values()) == table.order, name


@pytest.mark.parametrize("name", PRINTED)
def test_characters_as_printed(name):
    head, *rows = PRINTED[name].strip().splitlines()
    table = groups.character_table(groups.molecular(name))
    assert set(table.class_names) == set(head.split())
    assert len(table.irreps) == len(rows)
    for row in rows:
        irrep, *characters = row.split()
        for class_name, character in zip(head.split(), characters, strict=True):
            assert abs(table.value(irrep, class_name) - float(character)) < 1e-10, (irrep, class_name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_names_refer_to_the_stated_axes(name):
    operations = groups.molecular(name)
    table = groups.character_table(operations)
    r = np.random.default_rng(2).normal(size=3)

    def value(formula, point):
        xyz = dict(zip("xyz", point, strict=True))
        signs = [1, *(-1 for _ in formula.split("-")[1:])]
        return sum(
            s * np.prod([xyz[c] for c in term]) for s, term in zip(signs, formula.split("-"), strict=True)
        )

    for irrep, formula in FUNCTIONS[name].items():
        turned = [value(formula, R.T @ r) / value(formula, r) for R in operations]
        np.testing.assert_allclose(turned, table[irrep], atol=1e-10)


def test_threefold_rotations_over_complex_and_real_numbers():
    table = groups.multiplication_table(groups.molecular("C3"))
    whole, real = groups.find_irreps(table), groups.find_irreps(table, real=True)
    assert [D.shape[1] for D in whole] == [1, 1, 1]
    assert [D.shape[1] for D in real] == [1, 2]  # 1 + 4 is more than 3
    assert all(np.isrealobj(D) for D in real)
    merged = groups.character_table(groups.molecular("C3")).merged()
    np.testing.assert_allclose(merged["E"], groups.characters(real[1]), atol=1e-10)


@pytest.mark.parametrize("name", ["S4", "C4h", "C6", "T", "Th", "D4h"])
def test_merged_rows_are_the_irreps_over_the_real_numbers(name):
    operations = groups.molecular(name)
    found = groups.find_irreps(groups.multiplication_table(operations), real=True)
    merged = groups.character_table(operations).merged()
    ours = {tuple(np.round(merged[irrep], 6) + 0.0) for irrep in merged}
    assert ours == {tuple(np.round(groups.characters(D), 6) + 0.0) for D in found}


def test_a_quaternionic_irrep_doubles_over_the_real_numbers():
    table = groups.multiplication_table(quaternions())
    assert [D.shape[1] for D in groups.find_irreps(table)] == [1, 1, 1, 1, 2]
    assert [D.shape[1] for D in groups.find_irreps(table, real=True)] == [1, 1, 1, 1, 4]
    assert groups.character_table(quaternions()).irreps[-1] == "Γ5"


# --- representations and decomposition ---------------------------------------------------------------------


def test_schur():
    table = groups.multiplication_table(groups.molecular("Oh"))
    irreps, rng = groups.find_irreps(table), np.random.default_rng(3)
    T, other, E = irreps[-1], irreps[-2], irreps[4]
    M = rng.normal(size=(3, 3))
    np.testing.assert_allclose(groups.average(T, M, T, table), np.trace(M) / 3 * np.eye(3), atol=1e-12)
    np.testing.assert_allclose(groups.average(T, M, other, table), 0, atol=1e-12)
    np.testing.assert_allclose(groups.average(T, M[:, :2], E, table), 0, atol=1e-12)


def test_any_representation_becomes_unitary():
    operations = groups.crystallographic("-3m")
    skew = np.array([[1, -0.5, 0.3], [0, 0.9, 0.1], [0, 0, 1.2]])
    D = np.linalg.inv(skew) @ operations @ skew
    assert np.abs(D @ D.swapaxes(1, 2) - np.eye(3)).max() > 0.1
    U = groups.unitarise(D)
    np.testing.assert_allclose(U @ U.swapaxes(1, 2), np.tile(np.eye(3), (12, 1, 1)), atol=1e-12)
    assert groups.is_representation(U, groups.multiplication_table(operations))
    np.testing.assert_allclose(groups.characters(U), groups.characters(operations), atol=1e-12)


def test_methane_splits_into_irreps():
    methane, operations = molecule("CH4"), groups.molecular("Td")
    table = groups.character_table(operations)
    P = groups.permutation(methane, operations)
    assert table.decompose(P) == {"A1": 2, "T2": 1}
    motions = groups.tensor_product(P, operations)
    assert groups.is_representation(motions, groups.multiplication_table(operations))
    assert table.decompose(motions) == {"A1": 1, "E": 1, "T1": 1, "T2": 3}
    bases = table.bases(motions)
    V = np.concatenate(list(bases.values()), axis=1)
    np.testing.assert_allclose(V.T @ V, np.eye(15), atol=1e-10)
    for irrep, B in bases.items():
        inside = B.T @ motions @ B
        assert table.decompose(inside) == {irrep: B.shape[1] // table.dimensions[irrep]}
        assert np.abs(motions @ B - B @ inside).max() < 1e-10  # no operation leaves the subspace


def test_projectors_over_the_real_numbers_are_real():
    operations = groups.molecular("C4")
    table = groups.character_table(operations).merged()
    square = groups.regular(groups.multiplication_table(operations))
    assert table.decompose(square) == {"A": 1, "B": 1, "E": 1}
    P = groups.projector(square, table["E"])
    assert np.isrealobj(P)
    np.testing.assert_allclose(P @ P, P, atol=1e-12)
    assert round(np.trace(P)) == 2


def test_the_regular_representation_holds_each_irrep_as_often_as_its_dimension():
    operations = groups.molecular("D3h")
    table = groups.character_table(operations)
    assert table.decompose(groups.regular(groups.multiplication_table(operations))) == table.dimensions


def test_what_is_no_representation_is_refused():
    operations = groups.molecular("C3v")
    table = groups.character_table(operations)
    shuffled = operations[[1, 0, *range(2, 6)]]
    with pytest.raises(ValueError, match="Another order of operations"):
        table.decompose(shuffled)
    with pytest.raises(ValueError, match="group has 6"):
        table.decompose(operations[:3])
    with pytest.raises(ValueError, match="irrep: 'T2'"):
        table["T2"]
    with pytest.raises(ValueError, match="like atom"):
        groups.permutation(molecule("H2O"), operations)


def test_a_table_prints_as_in_books():
    assert str(groups.character_table(groups.molecular("C3v"))).splitlines() == [
        "    E  2C3  3σv",
        "A1  1    1    1",
        "A2  1    1   -1",
        "E   2   -1    0",
    ]
