"""Property tensors: Neumann's principle against printed tables, irreps, Voigt's tables, recognition."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from ase.stress import full_3x3_to_voigt_6_strain, full_3x3_to_voigt_6_stress
from e3nn import o3
from neumann_tables import FORMS, NYE

from tutorial_utils import datasets, symmetry, tensors
from tutorial_utils.groups.point_groups import CRYSTALLOGRAPHIC, crystallographic
from tutorial_utils.tensors import DIELECTRIC, ELASTIC, GYRATION, PIEZOELECTRIC, PROPERTIES

HALF = "(C11-C12)/2"
ALL_OF_THEM = [(kind, group) for kind in PROPERTIES for group in CRYSTALLOGRAPHIC]


@pytest.fixture(scope="module")
def crystals():
    return datasets.load("elastic_crystals")


def sample(kind, rng, operations=None):
    """Return a random tensor of a kind, which obeys the operations."""
    tensor = np.tensordot(rng.normal(size=kind.dim), tensors.symmetric_basis(kind), axes=1)
    return tensor if operations is None else tensors.symmetrise(kind, tensor, operations)


# --- Neumann's principle ---


def test_numbers_of_constants_are_the_printed_ones():
    for group in CRYSTALLOGRAPHIC:
        operations = crystallographic(group)
        assert np.abs(np.swapaxes(operations, 1, 2) @ operations - np.eye(3)).max() < 1e-12, group
        kinds = (DIELECTRIC, PIEZOELECTRIC, ELASTIC, GYRATION)
        assert tuple(tensors.independent_constants(kind, operations) for kind in kinds) == NYE[group], group


def test_patterns_are_the_printed_ones():
    for kind, group, form in FORMS:
        found = np.atleast_2d(tensors.pattern(kind, crystallographic(group)))
        assert "|".join(" ".join(row) for row in found) == form, (kind, group, form)


def test_projected_tensors_are_unchanged_by_every_operation(rng):
    for kind, group in ALL_OF_THEM:
        operations = crystallographic(group)
        P = tensors.invariant_projector(kind, operations)
        assert np.abs(P - P.T).max() < 1e-12, (kind, group)
        assert np.abs(P @ P - P).max() < 1e-12, (kind, group)
        T = sample(kind, rng)
        kept = tensors.symmetrise(kind, T, operations)
        for R in operations:
            assert np.abs(tensors.rotate_tensor(kind, kept, R) - kept).max() < 1e-12, (kind, group)
        # what is removed is orthogonal to what is kept
        assert abs(((T - kept) * kept).sum()) < 1e-12, (kind, group)


def test_patterns_hold_for_projected_tensors(rng):
    """Zeros are zero, equal words stand for equal numbers, and other words are not zero by accident."""
    for kind, group in ALL_OF_THEM:
        table = tensors.to_voigt(kind, sample(kind, rng, crystallographic(group)))
        words = tensors.pattern(kind, crystallographic(group))
        known = dict(zip(words.flat, table.flat, strict=True))
        for word, number in zip(words.flat, table.flat, strict=True):
            expected = 0 if word == "·" else known[word]
            expected = -known[word[1:]] if word.startswith("-") else expected
            expected = (known["C11"] - known["C12"]) / 2 if word == HALF else expected
            assert abs(number - expected) < 1e-12, (kind, group)
            assert (abs(number) > 1e-6) == (word != "·"), (kind, group)


def test_lattice_matrices_give_the_right_counts_and_are_refused():
    """The trap: traces do not depend on the basis, tensors do."""
    lattice = np.array([[1, -0.5, 0], [0, 0.75**0.5, 0], [0, 0, 1]])
    W = np.linalg.inv(lattice) @ crystallographic("32") @ lattice
    t1, t2, t4 = (np.array([np.trace(np.linalg.matrix_power(w, n)) for w in W]) for n in (1, 2, 4))
    pair = (t1**2 + t2) / 2  # trace on symmetric pairs of indices, then on symmetric pairs of pairs
    of_square = (t2**2 + t4) / 2
    assert ((pair**2 + of_square) / 2).mean() == pytest.approx(6)
    with pytest.raises(ValueError, match=r"orthogonal.*become Cartesian"):
        tensors.independent_constants(ELASTIC, W)


def test_an_inversion_kills_odd_and_axial_even_properties(rng):
    inversion = -np.eye(3)
    for kind, sign in ((DIELECTRIC, 1), (GYRATION, -1), (PIEZOELECTRIC, -1), (ELASTIC, 1)):
        T = sample(kind, rng)
        assert np.array_equal(tensors.rotate_tensor(kind, T, inversion), sign * T)


def test_turns_compose(rng):
    R, S = symmetry.random_rotation(rng), -symmetry.random_rotation(rng)
    for kind in PROPERTIES:
        T = sample(kind, rng)
        twice = tensors.rotate_tensor(kind, tensors.rotate_tensor(kind, T, S), R)
        assert np.abs(twice - tensors.rotate_tensor(kind, T, R @ S)).max() < 1e-12
        stack = tensors.rotate_tensor(kind, T, np.array([R, S]))
        assert np.abs(stack[1] - tensors.rotate_tensor(kind, T, S)).max() < 1e-12


def test_a_stack_is_projected_like_each_of_it(rng):
    operations = crystallographic("4mm")
    for kind in PROPERTIES:
        stack = np.array([sample(kind, rng) for _ in range(3)])
        each = [tensors.symmetrise(kind, T, operations) for T in stack]
        assert np.abs(tensors.symmetrise(kind, stack, operations) - each).max() < 1e-12


# --- irreps ---


@pytest.mark.parametrize(
    ("kind", "irreps"),
    [(DIELECTRIC, "0e+2e"), (GYRATION, "0o+2o"), (PIEZOELECTRIC, "2x1o+2o+3o"), (ELASTIC, "2x0e+2x2e+4e")],
)
def test_irreps_of_the_properties(kind, irreps):
    assert kind.irreps == o3.Irreps(irreps)
    assert kind.irreps.dim == kind.dim


@pytest.mark.parametrize("kind", PROPERTIES, ids=lambda kind: kind.name)
def test_both_bases_span_the_same_space(kind):
    """e3nn's reduction and our average over exchanges of indices project on the same tensors."""
    ours = tensors.symmetric_basis(kind).reshape(kind.dim, -1)
    theirs = tensors.from_irreps(kind, torch.eye(kind.dim).double()).flatten(1).numpy()
    assert np.abs(ours @ ours.T - np.eye(kind.dim)).max() < 1e-12
    assert np.abs(ours.T @ ours - theirs.T @ theirs).max() < 1e-10


@pytest.mark.parametrize("kind", PROPERTIES, ids=lambda kind: kind.name)
@pytest.mark.parametrize("proper", [True, False])
def test_coefficients_turn_with_wigner_matrices(kind, proper, rng):
    R = symmetry.random_rotation(rng) * (1 if proper else -1)
    T = sample(kind, rng)
    D = kind.irreps.D_from_matrix(torch.tensor(R))
    turned = tensors.to_irreps(kind, torch.tensor(tensors.rotate_tensor(kind, T, R)))
    assert (turned - D @ tensors.to_irreps(kind, torch.tensor(T))).abs().max() < 1e-10


@pytest.mark.parametrize("kind", PROPERTIES, ids=lambda kind: kind.name)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_there_and_back_through_irreps(kind, dtype, tolerance, rng):
    T = torch.tensor(np.array([sample(kind, rng) for _ in range(4)]), dtype=dtype)
    c = tensors.to_irreps(kind, T)
    assert c.shape == (4, kind.dim)
    assert c.dtype == dtype
    assert (tensors.from_irreps(kind, c) - T).abs().max() < tolerance
    assert torch.allclose(c.norm(dim=1), T.flatten(1).norm(dim=1))


def test_the_default_dtype_changes_nothing_and_is_not_changed(rng):
    C = sample(ELASTIC, rng)
    cached = (tensors.properties._reduced, tensors.elasticity._grid, tensors.elasticity._class_projector)
    results = []
    for dtype in (torch.float32, torch.float64):
        for function in (*cached, tensors.elasticity._generators):
            function.cache_clear()
        torch.set_default_dtype(dtype)
        coefficients = tensors.to_irreps(ELASTIC, torch.tensor(C))
        results.append([coefficients.numpy(), [fit.misfit for fit in tensors.fit_classes(C)]])
        assert torch.get_default_dtype() == dtype
    assert np.array_equal(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]


def test_characters_of_irreps_count_the_same_constants():
    for group in CRYSTALLOGRAPHIC:
        operations = torch.tensor(crystallographic(group))
        for kind in PROPERTIES:
            mean = kind.irreps.D_from_matrix(operations).diagonal(dim1=1, dim2=2).sum(1).mean().item()
            assert mean == pytest.approx(tensors.independent_constants(kind, operations.numpy()), abs=1e-6)


# --- Voigt's tables ---


@pytest.mark.parametrize("kind", PROPERTIES, ids=lambda kind: kind.name)
@pytest.mark.parametrize("convention", ["stress", "strain", "kelvin"])
def test_there_and_back_through_voigt(kind, convention, rng):
    T = np.array([sample(kind, rng) for _ in range(3)])
    table = tensors.to_voigt(kind, T, convention=convention)
    assert table.shape[1:] == {2: (6,), 3: (3, 6), 4: (6, 6)}[kind.rank]
    assert np.abs(tensors.from_voigt(kind, table, convention=convention) - T).max() < 1e-12


def test_voigt_agrees_with_ase(rng):
    T = sample(DIELECTRIC, rng)
    assert np.allclose(tensors.to_voigt(DIELECTRIC, T), full_3x3_to_voigt_6_stress(T))
    of_ase = full_3x3_to_voigt_6_strain(np.eye(3) + T)  # it takes the deformation 1 + ε
    assert np.allclose(tensors.to_voigt(DIELECTRIC, T, convention="strain"), of_ase)


def test_tables_obey_the_laws_that_the_tensors_obey(rng):
    C, e, ε = sample(ELASTIC, rng), sample(PIEZOELECTRIC, rng), sample(DIELECTRIC, rng)
    strain = tensors.to_voigt(DIELECTRIC, ε, convention="strain")
    σ = np.einsum("ijkl,kl->ij", C, ε)
    assert np.allclose(tensors.to_voigt(ELASTIC, C) @ strain, tensors.to_voigt(DIELECTRIC, σ))
    assert np.allclose(tensors.to_voigt(PIEZOELECTRIC, e) @ strain, np.einsum("ijk,jk->i", e, ε))
    assert np.isclose(tensors.to_voigt(DIELECTRIC, σ) @ strain, (σ * ε).sum())
    S = tensors.compliance(C)
    assert np.allclose(
        tensors.to_voigt(ELASTIC, C) @ tensors.to_voigt(ELASTIC, S, convention="strain"), np.eye(6)
    )
    assert np.allclose(np.einsum("ijkl,kl->ij", S, σ), ε)


def test_kelvin_keeps_lengths_and_the_others_do_not(rng):
    C = sample(ELASTIC, rng)
    assert np.isclose(np.linalg.norm(tensors.to_voigt(ELASTIC, C, convention="kelvin")), np.linalg.norm(C))
    assert not np.isclose(np.linalg.norm(tensors.to_voigt(ELASTIC, C)), np.linalg.norm(C))


def test_unknown_convention_is_refused(rng):
    with pytest.raises(ValueError, match=r"convention: .*stress, strain, kelvin.*'mandel'"):
        tensors.to_voigt(ELASTIC, sample(ELASTIC, rng), convention="mandel")


# --- elastic tensors ---


def cubic(C11, C12, C44):
    table = np.diag([C11 - C12] * 3 + [C44] * 3) + np.pad(np.full((3, 3), C12), (0, 3))
    return tensors.from_voigt(ELASTIC, table)


def test_young_modulus_of_a_cubic_crystal_along_its_axes():
    C11, C12, C44 = 151.4, 76.4, 56.4
    n = np.array([[1, 0, 0], [1, 1, 1] / np.sqrt(3)])
    along = (C11 - C12) * (C11 + 2 * C12) / (C11 + C12)
    diagonal = 3 / (1 / (C11 + 2 * C12) + 1 / C44)
    assert np.allclose(tensors.young_modulus(cubic(C11, C12, C44), n), [along, diagonal])


def test_young_modulus_of_an_isotropic_body_is_the_same_everywhere(rng):
    λ, μ = 60.0, 40.0
    n = rng.normal(size=(20, 3))
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    E = tensors.young_modulus(cubic(λ + 2 * μ, λ, μ), n)
    assert np.allclose(E, μ * (3 * λ + 2 * μ) / (λ + μ))


def of_class(name, rng):
    """Return a random elastic tensor of one of the eight symmetries, in its own axes."""
    group = tensors.ELASTIC_CLASSES[name]
    return cubic(140.0, 60.0, 40.0) if group is None else sample(ELASTIC, rng, crystallographic(group))


@pytest.mark.parametrize("name", tensors.ELASTIC_CLASSES)
def test_each_symmetry_is_recognised_in_any_orientation(name, rng):
    C = of_class(name, rng)
    C /= np.linalg.norm(C)
    turned = tensors.rotate_tensor(ELASTIC, C, symmetry.random_rotation(rng))
    fit = tensors.recognise(turned, noise=1e-8)
    assert fit.name == name
    back = tensors.rotate_tensor(ELASTIC, turned, fit.R.T)  # in the crystal's axes it obeys the operations
    group = tensors.ELASTIC_CLASSES[name] or "m-3m"
    assert np.abs(tensors.symmetrise(ELASTIC, back, crystallographic(group)) - back).max() < 1e-8
    noisy = turned + sample(ELASTIC, np.random.default_rng(1)) * 1e-3
    assert tensors.recognise(noisy, noise=1e-3).name == name


def test_a_symmetric_tensor_obeys_all_lower_symmetries(crystals):
    lower = {
        "silicon": {"cubic", "tetragonal", "trigonal", "orthorhombic", "monoclinic", "triclinic"},
        "gallium nitride": {"hexagonal", "tetragonal", "trigonal", "orthorhombic", "monoclinic", "triclinic"},
        "Al2Cu": {"tetragonal", "orthorhombic", "monoclinic", "triclinic"},
        "quartz": {"trigonal", "monoclinic", "triclinic"},
    }
    for name, table in zip(crystals["name"], crystals["stiffness"], strict=True):
        C = tensors.from_voigt(ELASTIC, (table + table.T) / 2)
        obeyed = {fit.name for fit in tensors.fit_classes(C) if fit.misfit < 1e-4 * np.linalg.norm(C)}
        assert obeyed == lower[name]


@pytest.mark.parametrize(
    ("group", "name"), [("-3", "trigonal"), ("4/m", "tetragonal"), ("m-3", "cubic"), ("23", "cubic")]
)
def test_elasticity_cannot_tell_some_groups_apart(group, name, rng):
    """7 constants in the crystal's axes become 6 in better ones."""
    C = sample(ELASTIC, rng, crystallographic(group))
    assert tensors.recognise(C, noise=1e-7).name == name


def test_misfits_do_not_depend_on_the_orientation_and_fall_with_the_constants(rng):
    C = sample(ELASTIC, rng)
    fits = tensors.fit_classes(C)
    turned = tensors.fit_classes(tensors.rotate_tensor(ELASTIC, C, symmetry.random_rotation(rng)))
    # of two minima nearly as deep, the search may find the other one: seen once, 1e-3 apart
    assert np.allclose([fit.misfit for fit in fits], [fit.misfit for fit in turned], rtol=5e-3, atol=1e-9)
    misfit = {fit.name: fit.misfit for fit in fits}
    chain = ("isotropic", "cubic", "tetragonal", "orthorhombic", "monoclinic", "triclinic")
    assert all(misfit[a] >= misfit[b] for a, b in pairwise(chain))
    assert misfit["isotropic"] >= misfit["hexagonal"] >= misfit["orthorhombic"]
    assert misfit["cubic"] >= misfit["trigonal"] >= misfit["monoclinic"]


def test_recognise_wants_a_noise():
    with pytest.raises(ValueError, match="noise: expected a standard deviation above 0"):
        tensors.recognise(cubic(3.0, 1.0, 1.5), noise=0.0)


# --- computed crystals ---


def test_computed_tensors_obey_the_point_group_in_their_own_axes(crystals):
    for group, table, R in zip(
        *(crystals[key] for key in ("point_group", "stiffness", "rotation")), strict=True
    ):
        C = tensors.rotate_tensor(ELASTIC, tensors.from_voigt(ELASTIC, table), R.T)
        removed = C - tensors.symmetrise(ELASTIC, C, crystallographic(group))
        assert np.linalg.norm(removed) < 1e-3 * np.linalg.norm(C)
        assert np.linalg.eigvalsh(tensors.to_voigt(ELASTIC, C, convention="kelvin")).min() > 0  # stable


def test_computed_crystals_are_recognised(crystals):
    expected = {
        "silicon": "cubic",
        "gallium nitride": "hexagonal",
        "Al2Cu": "tetragonal",
        "quartz": "trigonal",
    }
    for name, table in zip(crystals["name"], crystals["stiffness"], strict=True):
        C = tensors.from_voigt(ELASTIC, (table + table.T) / 2)
        assert tensors.recognise(C, noise=3e-4 * np.linalg.norm(C)).name == expected[name]


def test_projection_removes_the_noise_of_silicon_at_300_kelvin(crystals):
    """Of noise alike in all directions the projector on 3 of 21 dimensions leaves the part sqrt(3/21)."""
    R = crystals["rotation"][list(crystals["name"]).index("silicon")]
    tables = datasets.load("elastic_silicon_300K")["stiffness"]
    C = tensors.from_voigt(ELASTIC, (tables + tables.swapaxes(1, 2)) / 2)
    noise = C - C.mean(axis=0)
    kept = tensors.symmetrise(ELASTIC, noise, R @ crystallographic("m-3m") @ R.T)
    ratio = np.linalg.norm(kept) / np.linalg.norm(noise)
    assert 0.2 < ratio < 0.55  # sqrt(3/21) = 0.378; thermal noise is not quite alike in all directions
    mean, at_rest = (
        tensors.to_voigt(ELASTIC, tensors.rotate_tensor(ELASTIC, stiffness, R.T), convention="kelvin")
        for stiffness in (C.mean(axis=0), tensors.from_voigt(ELASTIC, crystals["stiffness"][0]))
    )
    assert np.linalg.norm(mean - at_rest) < 0.05 * np.linalg.norm(at_rest)  # 300 K changes little


def test_a_tensor_whose_indices_exchange_otherwise_is_refused(rng):
    """Half of it would be lost without a word; the small asymmetry of a measured one is no harm."""
    strain_first = np.swapaxes(sample(PIEZOELECTRIC, rng), -1, -3)  # e_jki for e_ijk
    for kind, T in ((PIEZOELECTRIC, strain_first), (DIELECTRIC, np.triu(np.ones((3, 3))))):
        with pytest.raises(ValueError, match=f"tensor: {kind.name} ones obey"):
            tensors.to_voigt(kind, T)
        with pytest.raises(ValueError, match=f"tensor: {kind.name} ones obey"):
            tensors.to_irreps(kind, torch.tensor(T))
    measured = sample(DIELECTRIC, rng) + 1e-3 * rng.normal(size=(3, 3))
    assert np.isfinite(tensors.to_voigt(DIELECTRIC, measured)).all()
    with pytest.raises(ValueError, match="table: expected finite numbers"):
        tensors.from_voigt(ELASTIC, np.full((6, 6), np.nan))


def test_whole_numbers_are_not_cut_to_whole_irreps():
    ε = np.diag([3, 4, 5])
    torch.testing.assert_close(
        tensors.to_irreps(DIELECTRIC, torch.tensor(ε)), tensors.to_irreps(DIELECTRIC, torch.tensor(ε * 1.0))
    )
