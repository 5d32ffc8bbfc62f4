"""Fitted densities of wave functions: they turn with the molecule, and give its energy back in one step."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule

from tutorial_utils import symmetry
from tutorial_utils.conventions import DEBYE, HARTREE
from tutorial_utils.densities import error

pytest.importorskip("pyscf")

from pyscf import dft, gto

from tutorial_utils.densities import energy, fitting, monomers

KCAL = 23.0605  # in an eV


@pytest.fixture(scope="module")
def dimer() -> Atoms:
    positions = [
        [0, 0, 0],
        [0.98, 0.02, 0],
        [-0.24, 0.93, 0],
        [2.85, 0, 0.1],
        [3.2, 0.5, -0.75],
        [3.2, 0.4, 0.85],
    ]
    return Atoms("OHHOHH", positions)


@pytest.fixture(scope="module")
def field(dimer):
    return fitting.converged(dimer)


@pytest.fixture(scope="module")
def fitted(dimer, field):
    return fitting.fit(dimer, field)


@pytest.fixture(scope="module")
def apart(dimer):
    return monomers.isolated(dimer)


def test_every_electron_is_kept(fitted) -> None:
    assert fitted.electrons().item() == pytest.approx(20, abs=1e-9)
    assert torch.allclose(fitted.dipole(), fitted.dipole((5, -3, 2)), atol=1e-8)


def test_the_fit_is_the_nearest_in_the_coulomb_metric(dimer, field, fitted, rng) -> None:
    """Along any change that adds no electrons, cᵀJc - 2 bᵀc has a minimum at the fit."""
    found = fitting.metrics(dimer)
    functions = field.with_df.auxmol
    matrix = np.linalg.cholesky(functions.intor("int2c2e"))
    packed = np.concatenate([block for block in field.with_df.loop()])
    density = field.make_rdm1()
    lower = np.tril_indices(len(density))
    b = matrix @ (packed @ (2 * density - np.diag(np.diag(density)))[lower])
    slope = found.coulomb @ fitted.coefficients - torch.tensor(fitting.to_e3nn(functions, b))
    change = torch.tensor(rng.normal(size=210))
    change -= found.charges * (change @ found.charges) / (found.charges @ found.charges)
    assert abs(slope @ change) < 1e-5
    assert slope.norm() > 1e-4  # without the electrons to keep it would be zero


def test_the_dipole_is_that_of_the_wave_function(field, fitted) -> None:
    wanted = field.dip_moment(unit="Debye", verbose=0)
    assert fitted.dipole().numpy() / DEBYE == pytest.approx(wanted, abs=0.1)


def test_a_turned_molecule_has_turned_coefficients(rng) -> None:
    water = Atoms("OHH", [[0, 0, 0], [0.98, 0.02, 0], [-0.24, 0.93, 0]])
    R = torch.tensor(symmetry.random_rotation(rng))
    before = fitting.fit(water, fine(water)).rotated(R)
    after = fitting.fit(before.atoms, fine(before.atoms))
    assert torch.allclose(before.coefficients, after.coefficients, atol=1e-6)
    functions = fitting.pyscf_functions(water)
    wrong = fitting.from_e3nn(functions, after.coefficients.numpy())
    assert np.abs(wrong - before.coefficients.numpy()).max() > 0.01


def fine(atoms: Atoms):
    """A tight calculation: what the grid adds under rotation is 1e-7 and less."""
    field = fitting.mean_field(atoms)
    field.grids.level, field.conv_tol = 4, 1e-11
    field.kernel()
    return field


def test_the_order_of_atoms_does_not_matter(dimer, apart, rng) -> None:
    order = rng.permutation(6)
    shuffled = monomers.isolated(dimer[order])
    points = torch.tensor(rng.normal(size=(50, 3)) * 2)
    assert torch.allclose(shuffled.evaluate(points), apart.evaluate(points), atol=1e-6)


def test_other_elements_have_their_own_basis_and_grid() -> None:
    methanol = molecule("CH3OH")
    fitted = fitting.fit(methanol, fitting.converged(methanol))
    grid = fitting.becke_grid(methanol)
    assert (fitted.evaluate(grid.points) @ grid.weights).item() == pytest.approx(18, abs=2e-3)
    assert fitted.electrons().item() == pytest.approx(18, abs=1e-8)


def test_monomers_lack_the_polarisation(dimer, fitted, apart) -> None:
    grid = fitting.becke_grid(dimer)
    alone, in_whole_basis = (
        error(part, fitted, grid).item() for part in (apart, monomers.isolated(dimer, whole_basis=True))
    )
    assert 0.3 < in_whole_basis < alone < 3  # %; a part of the difference is only the larger basis
    assert apart.electrons().item() == pytest.approx(20, abs=1e-8)


def test_molecules_can_be_isolated_in_another_basis(dimer) -> None:
    """Without diffuse functions the sum of the dipoles is another one."""
    found = monomers.isolated(dimer, basis="def2-svp")
    waves = [fitting.converged(dimer[part], basis="def2-svp") for part in ([0, 1, 2], [3, 4, 5])]
    wanted = sum(wave.dip_moment(unit="Debye", verbose=0) for wave in waves)
    assert found.dipole().numpy() / DEBYE == pytest.approx(wanted, abs=0.2)
    assert (found.dipole() - monomers.isolated(dimer).dipole()).norm() / DEBYE > 0.1


def test_one_diagonalisation_gives_the_energy(dimer, field, fitted, apart) -> None:
    target = field.e_tot * HARTREE
    exact, sum_of_parts = ((energy.one_step(d).energy - target) * KCAL / 2 for d in (fitted, apart))
    assert 0 < exact < 0.01  # kcal/mol a molecule: above, as the variational principle asks
    assert 0.05 < sum_of_parts < 3


def test_the_density_starts_the_field_near_its_end(dimer, field, fitted) -> None:
    start = energy.one_step(fitted).density_matrix
    assert energy.cycles(dimer, start) <= field.cycles - 3


def test_the_energy_grows_with_the_square_of_the_error(field, fitted, apart) -> None:
    difference = (apart - fitted).coefficients
    rise = [
        energy.one_step(fitted.with_coefficients(fitted.coefficients + t * difference)).energy
        for t in (0.0, 0.5, 1.0)
    ]
    assert (rise[2] - rise[0]) / (rise[1] - rise[0]) == pytest.approx(4, rel=0.2)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="9 electrons do not fill closed shells"):
        fitting.mean_field(Atoms("OH", [[0, 0, 0], [0, 0, 1]]))
    with pytest.raises(ValueError, match="at one place"):
        fitting.mean_field(Atoms("HH", [[0, 0, 0], [0, 0, 0]]))
    with pytest.raises(ValueError, match="no basis functions for C"):
        fitting.metrics(Atoms("C"))


def test_other_elements_come_with_their_own_functions() -> None:
    nitrogen = Atoms("NN", [[0, 0, 0], [0, 0, 1.1]])
    fitted = fitting.fit(nitrogen, fitting.converged(nitrogen))
    assert fitted.electrons().item() == pytest.approx(14, abs=1e-9)
    assert fitted.irreps.lmax == 4
    assert fitted.dipole().norm().item() == pytest.approx(0, abs=1e-6)


def test_ions_and_heavy_atoms_are_computed_as_what_they_are():
    ion = Atoms("Mg")
    ion.set_initial_charges([2.0])
    reference = gto.M(atom="Mg 0 0 0", basis="aug-pc-1", charge=2, verbose=0)
    field = fitting.converged(ion)
    energy = dft.RKS(reference, xc="pbe").density_fit(auxbasis="unc-def2-universal-jfit").run().e_tot
    assert field.mol.nelectron == 10
    assert field.e_tot == pytest.approx(energy, abs=1e-4)
    heavy = Atoms("HI", [[0, 0, 0], [0, 0, 1.6]])
    field = fitting.mean_field(heavy)
    assert field.mol.nelectron == 26  # 28 inner electrons of iodine are in its core potential
    with pytest.raises(ValueError, match="core potential"):
        fitting.fit(heavy, field)
    with pytest.raises(ValueError, match="magnetic moments"):
        fitting.mean_field(molecule("O2"))
    with pytest.raises(ValueError, match="no functions for U2"):
        fitting.mean_field(Atoms("U2", [[0, 0, 0], [0, 0, 3]]))
