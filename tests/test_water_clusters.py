"""Densities of water clusters: electrons, dipoles and turns are right; the stored labels come out again."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from ase import units
from e3nn import o3

from tutorial_utils import datasets, symmetry

OXYGEN, HYDROGEN = o3.Irreps("12x0e+5x1o+4x2e+2x3o+1x4e"), o3.Irreps("5x0e+2x1o+1x2e")
MOLECULE = OXYGEN + HYDROGEN + HYDROGEN

# as long as reference_data/water.py has not made the file
pytestmark = pytest.mark.skipif(
    "water_clusters_pbe" not in datasets.names(), reason="water_clusters_pbe is not made yet"
)


@pytest.fixture(scope="module")
def clusters() -> datasets.Dataset:
    return datasets.load("water_clusters_pbe")


@pytest.fixture(scope="module")
def water():
    """The script that made the file."""
    pytest.importorskip("pyscf")
    import water

    return water


@pytest.fixture(scope="module")
def functions(water):
    """The auxiliary functions of one molecule about the origin, by PySCF."""
    from pyscf import gto

    return gto.M(atom=[(x, (0, 0, 0)) for x in "OHH"], basis=water.FITTING_BASIS, verbose=0)


def first(clusters: datasets.Dataset, molecules: int) -> int:
    return int(np.flatnonzero(clusters["molecules"] == molecules)[0])


# --- what is there ---


def test_enough_clusters_of_every_size(clusters: datasets.Dataset) -> None:
    assert len(clusters) >= 400
    sizes = clusters["molecules"]
    assert {1, 2, 3, 4, 5, 6, 8, 12} <= set(sizes)
    test = clusters["split"] == "test"
    assert (sizes[test] == 12).sum() >= 10
    assert sizes[~test].max() <= 6  # larger ones are for extrapolation alone
    for atoms, n in zip(clusters.structures, sizes, strict=True):
        assert atoms.symbols.get_chemical_formula(mode="reduce") == "OHH" * n


def test_no_frame_is_in_two_splits(clusters: datasets.Dataset) -> None:
    frames = {
        split: set(clusters["frame"][clusters["split"] == split]) for split in ("train", "valid", "test")
    }
    assert max(frames["train"]) < min(frames["valid"])
    assert max(frames["valid"]) < min(frames["test"])


def test_no_cluster_is_there_twice(clusters: datasets.Dataset) -> None:
    shapes = {
        np.sort(atoms.get_all_distances(), axis=None).round(4).tobytes() for atoms in clusters.structures
    }
    assert len(shapes) == len(clusters)


def test_what_is_beyond_a_cluster_is_zero(clusters: datasets.Dataset) -> None:
    beyond = np.arange(clusters["coefficients"].shape[1]) >= clusters["molecules"][:, None]
    for name in ("coefficients", "monomer_coefficients", "monomer_energies"):
        assert not clusters[name][beyond].any()
        assert clusters[name][~beyond].reshape(-1, clusters[name][0, 0].size).any(axis=1).all()
    assert not clusters["forces"][np.repeat(beyond, 3, axis=1)].any()


# --- physics ---


def test_forces_add_up_to_zero(clusters: datasets.Dataset) -> None:
    assert np.abs(clusters["forces"].sum(axis=1)).max() < 1e-5
    assert 1 < np.abs(clusters["forces"]).max() < 20  # eV/Å: hot bonds, but no broken ones


def test_molecules_attract_each_other(clusters: datasets.Dataset) -> None:
    binding = (clusters["energy"] - clusters["monomer_energies"].sum(axis=1)) / clusters["molecules"]
    mean = [binding[clusters["molecules"] == n].mean() for n in (1, 2, 3, 4, 6, 8, 12)]
    assert mean[0] == pytest.approx(0, abs=1e-6)
    assert all(more < less for less, more in pairwise(mean))
    assert -0.7 < mean[-1] < -0.2  # eV a molecule; PBE in this basis binds too strongly


def test_the_fit_is_good_and_the_interaction_is_small(clusters: datasets.Dataset) -> None:
    several = clusters["molecules"] > 1
    assert 0.8 < clusters["fit_error"].min() <= clusters["fit_error"].max() < 1.4  # %
    assert np.abs(clusters["interaction"][~several]).max() < 1e-3
    assert 0.2 < np.median(clusters["interaction"][several]) < 3
    assert (clusters["interaction_fit_error"] < 0.5).all()


def test_every_electron_is_there(clusters: datasets.Dataset, water, functions) -> None:
    charges = water.charges(functions)
    for name in ("coefficients", "monomer_coefficients"):
        electrons = clusters[name].sum(axis=1) @ charges
        assert electrons == pytest.approx(10 * clusters["molecules"], abs=2e-4)


def test_the_density_has_the_dipole_of_the_wave_function(
    clusters: datasets.Dataset, water, functions
) -> None:
    """Nuclei minus electrons: charges at the nuclei, and the dipoles of the functions with l = 1."""
    charges = water.charges(functions)
    first_moments = np.zeros((len(charges), 3))  # of a function about its own nucleus, e·Å
    row = 0
    for shell in range(functions.nbas):
        l, (exponent,) = functions.bas_angular(shell), functions.bas_exp(shell)
        if l == 1:  # ∫ x² exp(-a r²) = π^{3/2} / (2 a^{5/2}); the harmonic brings sqrt(3 / 4π)
            scale = functions._libcint_ctr_coeff(shell)[0, 0] * np.sqrt(3) * np.pi / (4 * exponent**2.5)
            first_moments[row : row + 3] = scale * units.Bohr * np.eye(3)  # order x, y, z
        row += 2 * l + 1
    owner = np.repeat(np.arange(3), [OXYGEN.dim, HYDROGEN.dim, HYDROGEN.dim])
    for atoms, coefficients, dipole in zip(
        clusters.structures, clusters["coefficients"], clusters["dipole"], strict=True
    ):
        places = atoms.positions.reshape(-1, 3, 3)
        c = coefficients[: len(places)]
        electrons = np.einsum("nf,nfx->x", c * charges, places[:, owner]) + (c @ first_moments).sum(axis=0)
        assert atoms.numbers @ atoms.positions - electrons == pytest.approx(dipole, abs=0.02 * len(places))


# --- the labels come out again ---


def test_a_molecule_is_found_again(clusters: datasets.Dataset, water) -> None:
    n = first(clusters, 1)
    found = water.label(clusters.structures[n].positions)
    assert found["energy"] == pytest.approx(clusters["energy"][n], abs=1e-6)
    assert found["forces"] == pytest.approx(clusters["forces"][n, :3], abs=1e-4)
    assert found["coefficients"] == pytest.approx(clusters["coefficients"][n, :1], abs=2e-5)


def test_a_turned_dimer_has_turned_coefficients(clusters: datasets.Dataset, water, rng) -> None:
    n = first(clusters, 2)
    R = symmetry.random_rotation(rng)
    turned = clusters.structures[n].positions @ R.T
    field = water.converged(turned)
    D = MOLECULE.D_from_matrix(torch.tensor(R)).numpy()
    stored = clusters["coefficients"][n, :2]
    assert water.to_e3nn(field.with_df.auxmol, water.fit(field)) == pytest.approx(stored @ D.T, abs=3e-5)
    assert np.abs(stored @ D.T - stored).max() > 0.01  # the turn is not too small to be noticed


def test_the_catalogue_is_that_of_the_file(clusters: datasets.Dataset, water) -> None:
    found = [(c.split, c.frame, c.molecules) for c in water.catalogue()]
    stored = zip(clusters["split"], clusters["frame"], clusters["molecules"], strict=True)
    assert found == [(str(split), int(frame), int(n)) for split, frame, n in stored]
