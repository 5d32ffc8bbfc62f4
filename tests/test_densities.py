"""Densities as coefficients: values, integrals and potentials are those of PySCF, and turn with the atoms."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.io.cube import read_cube_data
from e3nn import o3

from tutorial_utils import symmetry
from tutorial_utils.conventions import BOHR, HARTREE
from tutorial_utils.densities import WATER, Basis, Density, baselines, cube, error, molecules
from tutorial_utils.densities.basis import JFIT
from tutorial_utils.densities.density import boys

pytest.importorskip("pyscf")
from pyscf import df, gto

from tutorial_utils.densities import fitting


@pytest.fixture
def dimer(rng) -> Atoms:
    """Two molecules with a hydrogen bond, no symmetry left."""
    positions = [
        [0, 0, 0],
        [0.96, 0, 0],
        [-0.24, 0.93, 0],
        [2.85, 0, 0.1],
        [3.2, 0.5, -0.75],
        [3.2, 0.4, 0.85],
    ]
    return Atoms("OHHOHH", positions + rng.normal(0, 0.02, (6, 3)))


@pytest.fixture
def density(dimer, rng) -> Density:
    """No physical density: every degree is as large as any other."""
    return Density(dimer, torch.tensor(rng.normal(size=210)))


@pytest.fixture
def points(rng) -> torch.Tensor:
    return torch.tensor(rng.normal(size=(40, 3)) * 2 + [1, 0, 0])


@pytest.fixture
def pyscf_order(density):
    """PySCF's functions, and the coefficients in its order."""
    functions = fitting.pyscf_functions(density.atoms)
    return functions, fitting.from_e3nn(functions, density.coefficients.numpy())


# --- the basis ---


def test_the_basis_is_that_of_pyscf() -> None:
    molecule = gto.M(atom="O 0 0 0; H 0 0 1; H 0 1 0", basis="def2-svp", verbose=0)
    functions = df.addons.make_auxmol(molecule, fitting.FITTING_BASIS)
    assert fitting.read_basis(functions) == WATER


def test_the_irreps_are_those_of_the_published_models() -> None:
    assert JFIT.irreps("O") == o3.Irreps("12x0e+5x1o+4x2e+2x3o+1x4e")
    assert WATER.irreps("O") == o3.Irreps("12x0e+6x1o+4x2e+2x3o+1x4e")  # one p more
    assert WATER.irreps("H") == JFIT.irreps("H") == o3.Irreps("5x0e+2x1o+1x2e")
    assert WATER.slices([1, 8, 1]) == [slice(0, 16), slice(16, 89), slice(89, 105)]


def test_contracted_functions_are_refused() -> None:
    contracted = gto.M(atom="O 0 0 0", basis="def2-svp", verbose=0)
    with pytest.raises(ValueError, match="single Gaussians"):
        fitting.read_basis(contracted)


def test_functions_are_normalised(dimer) -> None:
    assert fitting.metrics(dimer).overlap.diag().numpy() == pytest.approx(np.ones(210), abs=1e-12)


# --- values ---


def test_values_are_those_of_pyscf(density, points, pyscf_order) -> None:
    functions, c = pyscf_order
    wanted = functions.eval_gto("GTOval_sph", points.numpy() / BOHR) @ c / BOHR**3
    assert density.evaluate(points).numpy() == pytest.approx(wanted, abs=1e-10)
    assert np.abs(wanted).max() > 0.1


def test_pyscf_order_taken_for_ours_would_be_noticed(density, points, pyscf_order) -> None:
    functions, _ = pyscf_order
    wrong = functions.eval_gto("GTOval_sph", points.numpy() / BOHR) @ density.coefficients.numpy() / BOHR**3
    assert np.abs(density.evaluate(points).numpy() - wrong).max() > 0.01


def test_many_densities_and_many_blocks_of_points(density, points, rng, monkeypatch) -> None:
    several = density.with_coefficients(torch.tensor(rng.normal(size=(3, 2, 210))))
    whole = several.evaluate(points)
    assert whole.shape == (3, 2, 40)
    assert torch.allclose(whole[1, 1], density.with_coefficients(several.coefficients[1, 1]).evaluate(points))
    monkeypatch.setattr("tutorial_utils.densities.density._PAIRS", 7 * 6)
    assert torch.allclose(several.evaluate(points), whole)


def test_values_can_be_differentiated(points, rng) -> None:
    oxygen = Density(Atoms("O"), torch.tensor(rng.normal(size=73)))

    def values(c, x):
        return oxygen.with_coefficients(c).evaluate(x)

    def potentials(c, x):
        return oxygen.with_coefficients(c).potential(x)

    inputs = (oxygen.coefficients.requires_grad_(), points[:2].requires_grad_())
    assert torch.autograd.gradcheck(values, inputs)
    assert torch.autograd.gradcheck(potentials, inputs)


# --- integrals ---


def test_a_grid_finds_the_electrons_and_the_dipole(density) -> None:
    grid = fitting.becke_grid(density.atoms, 5)
    rho = density.evaluate(grid.points) * grid.weights
    assert rho.sum().item() == pytest.approx(density.electrons().item(), abs=1e-4)
    nuclei = torch.tensor(density.atoms.numbers @ density.atoms.positions)
    assert torch.allclose(nuclei - rho @ grid.points, density.dipole(), atol=1e-4)


def test_the_potential_is_that_of_pyscf(density, points, pyscf_order) -> None:
    functions, c = pyscf_order
    probes = gto.fakemol_for_charges(points.numpy() / BOHR)
    electrons = c @ gto.intor_cross("int2c2e", functions, probes)
    distances = np.linalg.norm(points.numpy()[:, None] - density.atoms.positions, axis=-1) / BOHR
    wanted = HARTREE * ((density.atoms.numbers / distances).sum(axis=1) - electrons)
    assert density.potential(points).numpy() == pytest.approx(wanted, abs=1e-8)


def test_far_away_the_potential_is_that_of_charge_and_dipole(density) -> None:
    fixed = fitting.metrics(density.atoms).with_electrons(density.coefficients, 20)
    neutral = density.with_coefficients(fixed)
    far = torch.tensor([[1000.0, 2000.0, -500.0]])
    r = far.norm()
    wanted = HARTREE * BOHR * (far[0] @ neutral.dipole()) / r**3
    assert neutral.potential(far).item() == pytest.approx(wanted.item(), rel=0.02)


@pytest.mark.parametrize("l", range(5))
def test_boys_function_has_no_seam(l: int) -> None:
    x = torch.tensor([0.0, 0.9999e-4, 1.0001e-4, 1.0, 40.0])
    t, w = (torch.tensor(a) for a in np.polynomial.legendre.leggauss(60))
    t, w = (t + 1) / 2, w / 2
    wanted = (w * t ** (2 * l) * torch.exp(-x[:, None] * t**2)).sum(1)
    assert torch.allclose(boys(l, x), wanted, rtol=1e-10, atol=0)


def test_the_metrics_are_integrals(density) -> None:
    found = fitting.metrics(density.atoms)
    grid = fitting.becke_grid(density.atoms, 4)
    rho = density.evaluate(grid.points)
    c = density.coefficients
    assert (c @ found.overlap @ c).item() == pytest.approx((rho**2 @ grid.weights).item() * BOHR**3, rel=1e-3)
    assert torch.linalg.eigvalsh(found.coulomb).min() > 0


def test_electrons_are_put_right_by_the_least_change(density, rng) -> None:
    found = fitting.metrics(density.atoms)
    right = density.with_coefficients(found.with_electrons(density.coefficients, 20))
    assert right.electrons().item() == pytest.approx(20, abs=1e-10)
    assert (density.dipole() - density.dipole((1, 2, 3))).norm() > 1
    assert torch.allclose(right.dipole(), right.dipole((1, 2, 3)), atol=1e-8)
    least = right.coefficients - density.coefficients
    other = torch.tensor(rng.normal(size=210))
    other = other - least * (other @ found.charges) / (least @ found.charges)  # adds no electrons
    assert abs(least @ found.coulomb @ other) < 1e-8  # J-orthogonal to all such changes


def test_the_error_is_a_share_of_the_electrons(density) -> None:
    """Moving all charge far away costs the integrals of both: 200 % where each holds 20 electrons."""
    c = torch.zeros(210)
    c[11] = 1
    one = density.with_coefficients(c / density.with_coefficients(c).electrons())
    grid = fitting.becke_grid(density.atoms, 4)
    assert error(one, density.with_coefficients(torch.zeros(210)), grid).item() == pytest.approx(5, rel=1e-3)
    with pytest.raises(ValueError, match="different structures"):
        error(one, one.rotated(torch.diag(torch.tensor([1.0, -1, -1]))), grid)


# --- symmetry ---


@pytest.mark.parametrize("sign", [1, -1])
def test_a_turned_density_has_the_turned_values(density, points, rng, sign: int) -> None:
    R = sign * torch.tensor(symmetry.random_rotation(rng))
    turned = density.rotated(R)
    assert torch.allclose(turned.evaluate(points @ R.T), density.evaluate(points), atol=1e-10)
    assert torch.allclose(turned.potential(points @ R.T), density.potential(points), atol=1e-8)
    assert torch.allclose(turned.dipole(), density.dipole() @ R.T, atol=1e-10)
    assert (turned.evaluate(points) - density.evaluate(points)).abs().max() > 0.01


def test_putting_electrons_right_commutes_with_turns(density, rng) -> None:
    R = torch.tensor(symmetry.random_rotation(rng))
    turned = density.rotated(R)
    before = fitting.metrics(density.atoms).with_electrons(density.coefficients, 20)
    after = fitting.metrics(turned.atoms).with_electrons(turned.coefficients, 20)
    assert torch.allclose(density.with_coefficients(before).rotated(R).coefficients, after, atol=1e-8)


def test_truncation_keeps_the_low_degrees(density) -> None:
    assert torch.equal(density.truncated(4).coefficients, density.coefficients)
    low = density.truncated(1).coefficients
    kept = torch.cat([torch.full((mul * ir.dim,), ir.l <= 1) for mul, ir in density.irreps])
    assert torch.equal(low != 0, kept)
    assert density.truncated(0).electrons() == density.electrons()


# --- molecules and baselines ---


def test_molecules_are_found_in_any_order(dimer, rng) -> None:
    order = rng.permutation(6)
    found = molecules(dimer[order])
    assert {frozenset(order[part]) for part in found} == {frozenset({0, 1, 2}), frozenset({3, 4, 5})}
    assert len(molecules(dimer[[0]])) == 1


def test_constant_atoms_are_the_mean(density, dimer) -> None:
    mean = baselines.ConstantAtoms.fit([density]).predict(dimer)
    assert torch.allclose(mean.electrons(), density.electrons())
    assert torch.equal(mean.truncated(0).coefficients, mean.coefficients)
    with pytest.raises(ValueError, match="no training data held C"):
        baselines.ConstantAtoms.fit([density]).predict(Atoms("C"))


def test_the_kernel_model_knows_what_it_has_seen_and_turns_it(density, points, rng) -> None:
    model = baselines.FrameKernel.fit([density], scale=1.0, ridge=1e-8)
    again = model.predict(density.atoms)
    assert torch.allclose(again.coefficients, density.coefficients, atol=1e-5)
    R = -torch.tensor(symmetry.random_rotation(rng))
    order = rng.permutation(6)
    turned = model.predict(density.rotated(R).atoms[order])
    assert torch.allclose(turned.evaluate(points @ R.T), again.evaluate(points), atol=1e-7)
    with pytest.raises(ValueError, match="molecules of water"):
        model.predict(Atoms("HH", [[0, 0, 0], [0, 0, 0.74]]))


# --- files ---


def test_a_cube_file_is_read_back(density, tmp_path) -> None:
    cube.write_cube(tmp_path / "a.cube", density, spacing=0.5, margin=2.0)
    values, atoms = read_cube_data(str(tmp_path / "a.cube"))
    grid = cube.box(density.atoms, spacing=0.5, margin=2.0)
    wanted = density.evaluate(grid.points).reshape(grid.shape).numpy() * BOHR**3
    assert values == pytest.approx(wanted, rel=1e-4, abs=1e-8)
    assert atoms.positions == pytest.approx(density.atoms.positions, abs=1e-5)
    assert (grid.points.min(0).values <= torch.tensor(density.atoms.positions.min(0) - 2)).all()
    assert (grid.points.max(0).values >= torch.tensor(density.atoms.positions.max(0) + 2)).all()


# --- bad input ---


def test_bad_input_is_named(dimer, points) -> None:
    with pytest.raises(ValueError, match="no basis functions for C, only for H, O"):
        Density(Atoms("C"), torch.zeros(10))
    with pytest.raises(ValueError, match="O 0 and H 2 are at one place"):
        Density(Atoms("OHH", [[0, 0, 0], [0, 0, 1], [0, 0, 0]]), torch.zeros(105))
    with pytest.raises(ValueError, match="periodic"):
        Density(Atoms("H", cell=[5, 5, 5], pbc=True), torch.zeros(16))
    with pytest.raises(ValueError, match="no atoms"):
        Density(Atoms(), torch.zeros(0))
    with pytest.raises(ValueError, match=r"expected \(\.\.\., 210\)"):
        Density(dimer, torch.zeros(105))
    with pytest.raises(ValueError, match="points"):
        Density(dimer, torch.zeros(210)).evaluate(points[0])
    with pytest.raises(ValueError, match="R: expected orthogonal"):
        Density(dimer, torch.zeros(210)).rotated(2 * torch.eye(3))
    with pytest.raises(ValueError, match="spacing"):
        cube.box(dimer, spacing=0)


def test_another_basis_serves_another_element(points) -> None:
    carbon = Density(Atoms("C"), torch.tensor([1.0, 0.5, 0, 0]), Basis({"C": {0: (0.4,), 1: (0.9,)}}))
    assert carbon.evaluate(points).isfinite().all()
    assert carbon.irreps == o3.Irreps("1x0e+1x1o")


def test_whole_numbers_as_points_give_what_decimals_give(density) -> None:
    whole = torch.tensor([[1, 0, 0], [0, -2, 3]])
    torch.testing.assert_close(density.evaluate(whole), density.evaluate(whole.double()))
    torch.testing.assert_close(density.potential(whole), density.potential(whole.double()))
    for coefficients in (density.coefficients.numpy(), density.coefficients.long()):
        with pytest.raises(ValueError, match=r"coefficients: expected a torch.Tensor of a floating dtype"):
            Density(density.atoms, coefficients)


def test_a_cube_file_holds_one_density(density, tmp_path) -> None:
    both = density.with_coefficients(torch.stack([density.coefficients] * 2))
    with pytest.raises(ValueError, match="density: expected one"):
        cube.write_cube(tmp_path / "a.cube", both, spacing=1.0)
    with pytest.raises(ValueError, match="spacing, margin: expected"):
        cube.box(density.atoms, spacing=float("nan"))
