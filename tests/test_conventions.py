"""Each convention is proved against a formula or a second program, not against itself."""

import numpy as np
import pytest
import torch
from ase.build import bulk
from ase.calculators.emt import EMT
from e3nn import o3
from scipy.special import sph_harm_y

from tutorial_utils import conventions as c


@pytest.fixture
def points() -> torch.Tensor:
    """Unit vectors (50, 3)."""
    return torch.nn.functional.normalize(
        torch.randn(50, 3, generator=torch.Generator().manual_seed(0)), dim=1
    )


def chemists_harmonics(l: int, r: torch.Tensor) -> torch.Tensor:
    """Real harmonics as quantum chemists write them, from scipy's complex ones; mean square 1 on the sphere.

    m < 0: sqrt2 (-1)^m Im Y_l|m|, m > 0: sqrt2 (-1)^m Re Y_lm (no Condon-Shortley sign left); l = 1: x, y, z.
    """
    x, y, z = r.numpy().T
    theta, phi = np.arccos(z), np.arctan2(y, x)
    columns = []
    for m in range(-l, l + 1):
        value = sph_harm_y(l, abs(m), theta, phi)
        part = value.imag if m < 0 else value.real
        columns.append(part * (np.sqrt(2) * (-1) ** m if m else 1) * np.sqrt(4 * np.pi))
    order = [2, 0, 1] if l == 1 else range(2 * l + 1)
    return torch.tensor(np.array([columns[i] for i in order])).T


def test_the_reference_harmonics_are_the_textbooks(points: torch.Tensor) -> None:
    x, y, z = points.T
    d = torch.stack([x * y, y * z, (2 * z**2 - x**2 - y**2) / 12**0.5, x * z, (x**2 - y**2) / 2], dim=1)
    assert torch.allclose(chemists_harmonics(1, points), 3**0.5 * points)
    assert torch.allclose(chemists_harmonics(2, points), 15**0.5 * d)


@pytest.mark.parametrize("l", range(6))
def test_chemists_harmonics_become_those_of_e3nn(l: int, points: torch.Tensor) -> None:
    expected = o3.spherical_harmonics(l, points, normalize=True, normalization="component")
    found = chemists_harmonics(l, points) @ c.quantum_chemistry_to_e3nn(l).T
    assert torch.allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("l", range(6))
def test_converted_components_turn_with_wigner_d(l: int, points: torch.Tensor) -> None:
    """Without the conversion they do not, from l = 2 on: that is the mistake it is there for."""
    R = o3.rand_matrix()
    D = o3.Irrep(l, 1).D_from_matrix(R)
    before, after = chemists_harmonics(l, points), chemists_harmonics(l, points @ R.T)
    Q = c.quantum_chemistry_to_e3nn(l)
    assert torch.allclose(after @ Q.T, before @ Q.T @ D.T, atol=1e-12)
    assert torch.allclose(after, before @ D.T, atol=1e-12) == (l < 2)


@pytest.mark.parametrize("l", range(6))
def test_the_conversion_keeps_densities(l: int, points: torch.Tensor) -> None:
    """c·S = c'·Y: the same function on the sphere, in other components."""
    coefficients = torch.linspace(-1, 2, 2 * l + 1)
    Y = o3.spherical_harmonics(l, points, normalize=True, normalization="component")
    converted = c.quantum_chemistry_to_e3nn(l) @ coefficients
    assert torch.allclose(chemists_harmonics(l, points) @ coefficients, Y @ converted, atol=1e-12)


def test_no_negative_degree() -> None:
    with pytest.raises(ValueError, match="l: expected a degree of 0 or more, got -1"):
        c.quantum_chemistry_to_e3nn(-1)


def test_l1_is_xyz_and_the_polar_axis_is_y(points: torch.Tensor) -> None:
    R = o3.rand_matrix()
    assert torch.allclose(o3.Irrep("1o").D_from_matrix(R), R, atol=1e-12)
    for l in range(1, 5):
        Y = o3.spherical_harmonics(l, torch.eye(3), normalize=True, normalization="component")
        assert Y[:, l].argmax() == 1  # y


def test_parity_is_what_inversion_does(points: torch.Tensor) -> None:
    for l in range(5):
        ir = o3.Irrep(l, (-1) ** l)
        Y = o3.spherical_harmonics(l, points, normalize=True)
        assert torch.allclose(
            o3.spherical_harmonics(l, -points, normalize=True), Y @ ir.D_from_matrix(-torch.eye(3))
        )
        assert ir.p == (-1) ** l


def test_component_normalisation(points: torch.Tensor) -> None:
    for l in range(5):
        Y = o3.spherical_harmonics(l, points, normalize=True, normalization="component")
        assert torch.allclose(Y.square().mean(dim=1), torch.ones(len(Y)))


def test_cell_vectors_are_rows() -> None:
    atoms = bulk("Cu", cubic=False)
    fractional = np.array([[1.0, 0, 0], [0.25, 0.5, 0.1]])
    assert np.allclose(c.cartesian(fractional, atoms.cell.array)[0], atoms.cell[0])
    assert np.allclose(c.cartesian(fractional, atoms.cell.array), atoms.cell.cartesian_positions(fractional))


@pytest.mark.parametrize("voigt", range(6))
def test_stress_is_the_strain_derivative_in_voigt_order(voigt: int) -> None:
    """Against the analytic stress of ASE's EMT, on a sheared and stretched crystal."""
    atoms = bulk("Cu", cubic=True)
    shear = np.array([[0.03, 0.01, 0.0], [0.0, -0.01, 0.02], [0.01, 0, 0.02]])
    atoms.set_cell(c.strained(atoms.cell.array, shear), scale_atoms=True)
    row, column = c.VOIGT[voigt]
    direction = np.zeros((3, 3))
    direction[row, column] += 0.5
    direction[column, row] += 0.5

    def energy(step: float) -> float:
        copy = atoms.copy()
        copy.set_cell(c.strained(atoms.cell.array, step * direction), scale_atoms=True)
        copy.calc = EMT()
        return copy.get_potential_energy()

    atoms.calc = EMT()
    slope = (energy(1e-4) - energy(-1e-4)) / 2e-4 / atoms.get_volume()
    assert slope == pytest.approx(atoms.get_stress()[voigt], abs=1e-6)


def test_a_stretched_crystal_has_positive_stress() -> None:
    atoms = bulk("Cu")
    atoms.set_cell(c.strained(atoms.cell.array, 0.02 * np.eye(3)), scale_atoms=True)
    atoms.calc = EMT()
    stress = atoms.get_stress(voigt=False)
    assert np.diag(stress).min() / c.GIGAPASCAL > 1


def test_units_against_codata() -> None:
    assert pytest.approx(0.2081943, abs=1e-6) == c.DEBYE
    assert pytest.approx(0.5291772, abs=1e-6) == c.BOHR
    assert pytest.approx(27.21139, abs=1e-4) == c.HARTREE
    assert pytest.approx(14.39964, abs=1e-4) == c.COULOMB
    assert pytest.approx(160.2177, abs=1e-3) == 1 / c.GIGAPASCAL
