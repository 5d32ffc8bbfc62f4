"""Rotations by hand against e3nn, and what they do in a crystal."""

import numpy as np
import pytest
import torch
from e3nn import o3
from scipy.linalg import expm

from tutorial_utils import groups, symmetry

DEGREES = range(7)
TRIPLES = [(1, 1, 0), (1, 1, 1), (1, 1, 2), (2, 1, 1), (2, 2, 3), (2, 2, 4), (3, 2, 1), (4, 3, 6), (0, 3, 3)]


@pytest.fixture
def matrices(rng):
    signs = np.array([1, -1] * 6)[:, None, None]
    return signs * np.array([symmetry.random_rotation(rng) for _ in range(12)])


@pytest.mark.parametrize("l", DEGREES)
def test_generators(l):
    X, Y, Z = groups.generators(l)
    np.testing.assert_allclose(X @ Y - Y @ X, Z, atol=1e-12)
    np.testing.assert_allclose(Y @ Z - Z @ Y, X, atol=1e-12)
    np.testing.assert_allclose(X @ X + Y @ Y + Z @ Z, -l * (l + 1) * np.eye(2 * l + 1), atol=1e-12)


def test_wigner_D_equals_that_of_e3nn(matrices):
    for l in DEGREES:
        for parity in [1, -1]:
            theirs = o3.Irrep(l, parity).D_from_matrix(torch.tensor(matrices)).numpy()
            np.testing.assert_allclose(
                groups.wigner_D(l, matrices, parity=parity), theirs, atol=1e-10, err_msg=str((l, parity))
            )


def test_degree_one_is_the_rotation_itself(matrices):
    np.testing.assert_allclose(groups.wigner_D(1, matrices), matrices, atol=1e-12)


def test_wigner_D_multiplies_as_rotations_do(matrices):
    for l in DEGREES:
        D = groups.wigner_D(l, matrices)
        np.testing.assert_allclose(
            D[:-1] @ D[1:], groups.wigner_D(l, matrices[:-1] @ matrices[1:]), atol=1e-10, err_msg=str(l)
        )
        np.testing.assert_allclose(
            D @ D.swapaxes(1, 2), np.tile(np.eye(2 * l + 1), (12, 1, 1)), atol=1e-10, err_msg=str(l)
        )


def test_half_turns_and_batches():
    half = np.diag([-1.0, 1, -1])  # about the polar axis y: (-1)^m
    np.testing.assert_allclose(groups.wigner_D(2, half), np.diag([1.0, -1, 1, -1, 1]), atol=1e-12)
    assert groups.wigner_D(3, np.tile(half, (2, 4, 1, 1))).shape == (2, 4, 7, 7)


@pytest.mark.parametrize("R", [np.diag([1.0, 1, 2]), np.eye(2), np.ones((3, 3))])
def test_what_is_no_rotation_is_refused(R):
    with pytest.raises(ValueError, match="orthogonal"):
        groups.wigner_D(2, R)


@pytest.mark.parametrize("l", DEGREES)
def test_spherical_harmonics_equal_those_of_e3nn(l):
    r = np.concatenate([np.random.default_rng(1).normal(size=(20, 3)), np.eye(3), -np.eye(3)])
    theirs = o3.spherical_harmonics(l, torch.tensor(r), True, normalization="component").numpy()
    np.testing.assert_allclose(groups.spherical_harmonics(l, r), theirs, atol=1e-10)


@pytest.mark.parametrize("l", DEGREES)
def test_spherical_harmonics_turn_by_wigner_D(l, matrices):
    r = np.random.default_rng(2).normal(size=3)
    turned = groups.spherical_harmonics(l, matrices @ r)
    np.testing.assert_allclose(
        turned, groups.wigner_D(l, matrices) @ groups.spherical_harmonics(l, r), atol=1e-10
    )


def test_clebsch_gordan_equals_that_of_e3nn_up_to_a_sign():
    for l1, l2, l3 in TRIPLES:
        ours, theirs = groups.clebsch_gordan(l1, l2, l3), o3.wigner_3j(l1, l2, l3).numpy()
        np.testing.assert_allclose(
            ours * np.sign(np.vdot(ours, theirs)), theirs, atol=1e-10, err_msg=str((l1, l2, l3))
        )
        assert ours.ravel()[np.abs(ours.ravel()) > 1e-6][0] > 0, (l1, l2, l3)


def test_clebsch_gordan_is_the_same_for_all_observers(matrices):
    for l1, l2, l3 in TRIPLES:
        C = groups.clebsch_gordan(l1, l2, l3)
        D1, D2, D3 = (groups.wigner_D(l, matrices[0]) for l in (l1, l2, l3))
        np.testing.assert_allclose(
            np.einsum("abc,ia,jb,kc->ijk", C, D1, D2, D3), C, atol=1e-10, err_msg=str((l1, l2, l3))
        )


def test_all_couplings_of_two_degrees_are_one_orthogonal_matrix():
    rows = [np.sqrt(2 * l + 1) * groups.clebsch_gordan(3, 2, l).reshape(35, -1) for l in range(1, 6)]
    Q = np.concatenate(rows, axis=1)
    np.testing.assert_allclose(Q.T @ Q, np.eye(35), atol=1e-10)


def test_an_impossible_coupling_is_refused():
    with pytest.raises(ValueError, match="from 1 to 3"):
        groups.clebsch_gordan(1, 2, 4)


# --- rotations become point groups -------------------------------------------------------------------------

# Degrees in a cubic field, as textbooks have them (and Katzer's table of Oh in its last columns).
CUBIC = {
    0: {"A1g": 1},
    1: {"T1u": 1},
    2: {"Eg": 1, "T2g": 1},
    3: {"A2u": 1, "T1u": 1, "T2u": 1},
    4: {"A1g": 1, "Eg": 1, "T1g": 1, "T2g": 1},
    5: {"Eu": 1, "T1u": 2, "T2u": 1},
    6: {"A1g": 1, "A2g": 1, "Eg": 1, "T1g": 1, "T2g": 2},
}


@pytest.mark.parametrize("l", CUBIC)
def test_degrees_in_a_cubic_field(l):
    assert groups.subduce(l, groups.crystallographic("m-3m")) == CUBIC[l]


def test_parity_matters():
    tetrahedral = groups.molecular("Td")
    assert groups.subduce(1, tetrahedral) == {"T2": 1}
    assert groups.subduce(1, tetrahedral, parity=1) == {"T1": 1}  # axial vectors, as rotations
    assert groups.subduce(0, tetrahedral, parity=-1) == {"A2": 1}
    assert groups.subduce(1, groups.molecular("C3")) == {"A": 1, "E": 1}  # over the real numbers


def test_spin_one_half_has_the_commutators_but_a_full_turn_is_minus_one():
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    for T, full_turn in [
        (-0.5j * pauli, -np.eye(2)),
        *((groups.generators(l), np.eye(2 * l + 1)) for l in range(4)),
    ]:
        for a in range(3):
            np.testing.assert_allclose(T[a - 2] @ T[a - 1] - T[a - 1] @ T[a - 2], T[a], atol=1e-12)
            np.testing.assert_allclose(expm(2 * np.pi * T[a]), full_turn, atol=1e-10)
