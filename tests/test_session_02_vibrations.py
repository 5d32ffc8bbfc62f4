"""What session 2 claims of vibrations and rotations: characters predict what Hessians and integrals show."""

import numpy as np
import pytest
from ase import units
from ase.build import molecule as build

from tutorial_utils import datasets, groups, symmetry

NAMES = ["H2O", "NH3", "CH4", "C6H6"]

# As textbooks of spectroscopy have them, with C2' of benzene through atoms and water in the plane yz
MODES = {
    "H2O": {"A1": 2, "B2": 1},
    "NH3": {"A1": 2, "E": 2},
    "CH4": {"A1": 1, "E": 1, "T2": 2},
    "C6H6": {
        **{"A1g": 2, "A2g": 1, "B2g": 2, "E1g": 1, "E2g": 4},
        **{"A2u": 1, "B1u": 2, "B2u": 2, "E1u": 3, "E2u": 2},
    },
}
# Of the Hessian, worked out by hand, translations and rotations included: water 3A1 + A2 + 2B1 + 3B2,
# ammonia 3A1 + A2 + 4E, methane A1 + E + T1 + 3T2, benzene eight irreps twice, E2g and E1u four times.
FREE_NUMBERS = {"H2O": 16, "NH3": 17, "CH4": 9, "C6H6": 44}


class Molecule:
    """A molecule of the dataset, with its group and its derivatives cut to size."""

    def __init__(self, name: str) -> None:
        data = datasets.load("vibrations_xtb")
        i = data["name"].tolist().index(name)
        self.atoms, self.group = data.structures[i], str(data["group"][i])
        n = 3 * len(self.atoms)
        self.padding = [data["hessian"][i, n:], data["hessian"][i, :, n:], data["dipole_derivative"][i, n:]]
        self.hessian = data["hessian"][i, :n, :n]
        self.dipole = data["dipole_derivative"][i, :n]
        self.polarizability = data["polarizability_derivative"][i, :n]
        self.R = groups.molecular(self.group)
        self.D = groups.tensor_product(groups.permutation(self.atoms, self.R), self.R)
        self.table = groups.character_table(self.R)

    def modes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return wavenumbers (cm⁻¹, negative if imaginary), mass-weighted modes, and displacements."""
        m = np.repeat(self.atoms.get_masses(), 3)
        λ, U = np.linalg.eigh(self.hessian / np.sqrt(m[:, None] * m))
        ν = np.sign(λ) * np.sqrt(np.abs(λ)) * units.second / (2 * np.pi * 100 * units._c)
        return ν, U, U / np.sqrt(m)[:, None]

    def predicted(self) -> dict[str, int]:
        χ, stay = groups.characters(self.R), groups.characters(groups.permutation(self.atoms, self.R))
        return self.table.decompose(stay * χ - χ - np.linalg.det(self.R) * χ)

    def active(self) -> tuple[set[str], set[str]]:
        χ = groups.characters(self.R)
        tensor = (χ**2 + groups.characters(self.R @ self.R)) / 2
        return set(self.table.decompose(χ)), set(self.table.decompose(tensor))


@pytest.fixture(scope="module", params=NAMES)
def molecule(request: pytest.FixtureRequest) -> Molecule:
    return Molecule(request.param)


def intensities(molecule: Molecule) -> tuple[np.ndarray, np.ndarray]:
    q = molecule.modes()[2][:, 6:]
    dipole = q.T @ molecule.dipole
    alpha = np.einsum("aq,aij->qij", q, molecule.polarizability)
    mean = np.trace(alpha, axis1=1, axis2=2) / 3
    rest = alpha - mean[:, None, None] * np.eye(3)
    infrared, raman = (dipole**2).sum(1), 45 * mean**2 + 10.5 * (rest**2).sum((1, 2))
    return infrared / infrared.max(), raman / raman.max()


def irreps(molecule: Molecule) -> list[str]:
    found = []
    for mode in molecule.modes()[1][:, 6:].T:
        weight = {
            name: ((groups.projector(molecule.D, molecule.table[name]) @ mode) ** 2).sum()
            for name in molecule.table
        }
        found.append(max(weight, key=lambda name: weight[name]))
        assert weight[found[-1]] > 1 - 1e-6
    return found


# --- the dataset ---


def test_geometries_have_their_group_to_1e_6(molecule: Molecule) -> None:
    found = symmetry.stabiliser(molecule.atoms, tolerance=1e-6)
    assert groups.schoenflies(found) == molecule.group
    assert len(found) == len(molecule.R)


def test_beyond_3n_there_is_nothing(molecule: Molecule) -> None:
    assert not any(part.any() for part in molecule.padding)


def test_hessian_obeys_translations_and_rotations(molecule: Molecule) -> None:
    """At a minimum no shift and no turn costs energy: six zeros, then real frequencies of molecules."""
    ν = molecule.modes()[0]
    assert np.abs(ν[:6]).max() < 2  # cm⁻¹
    assert 300 < ν[6] < ν[-1] < 4000
    assert np.abs(molecule.hessian - molecule.hessian.T).max() == 0


def test_dipole_derivatives_sum_to_the_charge(molecule: Molecule) -> None:
    """A neutral molecule that is shifted keeps its dipole, and its polarizability."""
    n = len(molecule.atoms)
    assert np.abs(molecule.dipole.reshape(n, 3, 3).sum(axis=0)).max() < 1e-5
    assert np.abs(molecule.polarizability.reshape(n, 3, 3, 3).sum(axis=0)).max() < 1e-4


def test_derivatives_turn_as_the_group_says(molecule: Molecule) -> None:
    R, D = molecule.R, molecule.D
    turned = [
        (np.einsum("gab,bc,gdc->gad", D, molecule.hessian, D), molecule.hessian),
        (np.einsum("gab,bi,gji->gaj", D, molecule.dipole, R), molecule.dipole),
        (np.einsum("gab,bik,gji,glk->gajl", D, molecule.polarizability, R, R), molecule.polarizability),
    ]
    for after, before in turned:
        assert np.abs(after - before).max() < 1e-4 * np.abs(before).max()
        assert np.abs(before).max() > 0.01


# --- the claims ---


@pytest.mark.parametrize("name", NAMES)
def test_characters_foretell_the_modes_of_textbooks(name: str) -> None:
    assert Molecule(name).predicted() == MODES[name]


def test_modes_are_those_foretold(molecule: Molecule) -> None:
    labels = irreps(molecule)
    expected = {name: n * molecule.table.dimensions[name] for name, n in molecule.predicted().items()}
    assert {name: labels.count(name) for name in labels} == expected


def test_partners_of_an_irrep_share_their_frequency(molecule: Molecule) -> None:
    labels, ν = np.array(irreps(molecule)), molecule.modes()[0][6:]
    for name in set(labels):
        partners = np.sort(ν[labels == name]).reshape(-1, molecule.table.dimensions[name])
        assert np.ptp(partners, axis=1).max() < 0.01  # cm⁻¹
        assert np.diff(partners[:, 0]).min(initial=np.inf) > 1  # different multiples differ


@pytest.mark.parametrize("kind", [0, 1], ids=["infrared", "Raman"])
def test_forbidden_modes_are_dark_and_allowed_ones_are_not(molecule: Molecule, kind: int) -> None:
    allowed = np.isin(irreps(molecule), sorted(molecule.active()[kind]))
    strength = intensities(molecule)[kind]
    assert strength[~allowed].max(initial=0) < 1e-8
    assert strength[allowed].min() > 1e-6


def test_nothing_is_seen_in_both_spectra_where_there_is_an_inversion() -> None:
    infrared, raman = Molecule("C6H6").active()
    assert infrared and raman and not infrared & raman
    assert Molecule("CH4").active()[0] & Molecule("CH4").active()[1]


@pytest.mark.parametrize("name", NAMES)
def test_hessian_has_as_many_free_numbers_as_schur_says(name: str) -> None:
    """Counted by multiplicities, and without them: the trace of the average on symmetric matrices."""
    molecule = Molecule(name)
    multiplicities = molecule.table.decompose(molecule.D).values()
    assert sum(m * (m + 1) // 2 for m in multiplicities) == FREE_NUMBERS[name]
    χ, squares = groups.characters(molecule.D), groups.characters(molecule.D @ molecule.D)
    assert np.mean((χ**2 + squares) / 2) == pytest.approx(FREE_NUMBERS[name])


def test_hessian_connects_no_two_irreps() -> None:
    benzene = Molecule("C6H6")
    bases = benzene.table.bases(benzene.D)
    assert sum(V.shape[1] for V in bases.values()) == 36
    for one, V in bases.items():
        for other, W in bases.items():
            size = np.abs(V.T @ benzene.hessian @ W).max() / np.abs(benzene.hessian).max()
            assert size < 1e-6 if one != other else size > 1e-3


def test_integrals_of_three_harmonics_are_multiples_of_clebsch_gordan() -> None:
    """Wigner and Eckart: triangle and parity decide whether, C decides the pattern."""
    y, weights = np.polynomial.legendre.leggauss(12)
    φ, y = (part.ravel() for part in np.meshgrid(2 * np.pi * np.arange(24) / 24, y))
    s = np.sqrt(1 - y**2)
    directions = np.stack([s * np.sin(φ), y, s * np.cos(φ)], axis=1)
    Y = [groups.spherical_harmonics(l, directions) for l in range(4)]
    for a, L, b in np.ndindex(4, 4, 4):
        integrals = np.einsum("n,na,nM,nb->aMb", np.repeat(weights, 24) / 48, Y[a], Y[L], Y[b])
        if abs(a - b) <= L <= a + b and (a + b + L) % 2 == 0:
            C = groups.clebsch_gordan(a, L, b)
            assert np.abs(integrals).max() > 0.1
            assert integrals == pytest.approx((integrals * C).sum() * C, abs=1e-10)
        else:
            assert np.abs(integrals).max() < 1e-10


def test_a_physical_hessian_has_fewer_free_numbers_than_its_symmetry_allows():
    benzene = build("C6H6")
    R = symmetry.stabiliser(benzene)
    table, D = groups.character_table(R), groups.tensor_product(groups.permutation(benzene, R), R)
    χ, vector, axial = (groups.characters(M) for M in (D, R, R * np.linalg.det(R)[:, None, None]))
    allowed, physical = (
        sum(m * (m + 1) // 2 for m in table.decompose(character).values())
        for character in (χ, χ - vector - axial)
    )
    assert (allowed, physical) == (44, 34)


def test_onsager_takes_away_the_number_that_rotations_alone_would_leave():
    swap = np.eye(9).reshape(3, 3, 9).swapaxes(0, 1).reshape(9, 9)
    for name, (any_matrix, symmetric) in {"3": (3, 2), "3m": (2, 2), "m-3m": (1, 1)}.items():
        G = groups.crystallographic(name)
        P = groups.tensor_product(G, G).mean(axis=0)
        assert round(np.trace(P)) == any_matrix
        assert round(np.trace(P @ (np.eye(9) + swap) / 2)) == symmetric
