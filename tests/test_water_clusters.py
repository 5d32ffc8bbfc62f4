"""Densities of water clusters: electrons, dipoles and turns are right; the stored labels come out again."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from tutorial_utils import datasets, symmetry
from tutorial_utils.densities import load_density


@pytest.fixture(scope="module")
def clusters() -> datasets.Dataset:
    return datasets.load("water_clusters_pbe")


@pytest.fixture(scope="module")
def water():
    """The scripts that made the file."""
    pytest.importorskip("pyscf")
    import water

    return water


def first(clusters: datasets.Dataset, molecules: int) -> int:
    return int(np.flatnonzero(clusters["molecules"] == molecules)[0])


# --- what is there ---


def test_enough_clusters_of_every_size(clusters: datasets.Dataset) -> None:
    sizes = clusters["molecules"]
    test = clusters["split"] == "test"
    assert sizes[~test].max() == 12  # larger ones are for extrapolation alone
    assert (sizes[test] == 20).sum() >= 6
    for atoms, n in zip(clusters.structures, sizes, strict=True):
        assert list(atoms.symbols) == list("OHH" * n)


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


# --- physics ---


def test_molecules_attract_each_other(clusters: datasets.Dataset) -> None:
    binding = (clusters["energy"] - clusters["monomer_energies"].sum(axis=1)) / clusters["molecules"]
    mean = [binding[clusters["molecules"] == n].mean() for n in (1, 2, 3, 4, 6, 8)]
    assert mean[0] == pytest.approx(0, abs=1e-6)
    assert all(more < less for less, more in pairwise(mean))
    assert -0.5 < mean[-1] < -0.1  # eV a molecule


def test_the_fit_is_good_and_the_interaction_is_small(clusters: datasets.Dataset) -> None:
    several = clusters["molecules"] > 1
    assert 0.8 < clusters["fit_error"].min() <= clusters["fit_error"].max() < 1.4  # %
    assert np.abs(clusters["interaction"][~several]).max() < 1e-3
    assert 0.2 < np.median(clusters["interaction"][several]) < 3
    assert (clusters["interaction_fit_error"] < 0.5).all()


def test_every_electron_is_there(clusters: datasets.Dataset) -> None:
    for name in ("coefficients", "monomer_coefficients"):
        electrons = [load_density(clusters, n, name).electrons().item() for n in range(len(clusters))]
        assert electrons == pytest.approx(10.0 * clusters["molecules"], abs=2e-4)


def test_the_density_has_the_dipole_of_the_wave_function(clusters: datasets.Dataset) -> None:
    for n, dipole in enumerate(clusters["dipole"]):
        found = load_density(clusters, n).dipole().numpy()
        assert found == pytest.approx(dipole, abs=0.02 * int(clusters["molecules"][n]))


# --- the labels come out again ---


def test_a_molecule_is_found_again(clusters: datasets.Dataset, water) -> None:
    n = first(clusters, 1)
    found = water.compute(clusters.structures[n].positions)
    assert found["energy"] == pytest.approx(clusters["energy"][n], abs=1e-6)
    assert found["coefficients"] == pytest.approx(clusters["coefficients"][n, :1], abs=2e-5)


def test_a_turned_dimer_has_turned_coefficients(clusters: datasets.Dataset, rng) -> None:
    fitting = pytest.importorskip("tutorial_utils.densities.fitting")
    labels = load_density(clusters, first(clusters, 2))
    turned = labels.rotated(symmetry.random_rotation(rng))
    found = fitting.fit(turned.atoms, fitting.converged(turned.atoms)).coefficients
    assert torch.allclose(found, turned.coefficients, rtol=0, atol=3e-5)
    assert (turned.coefficients - labels.coefficients).abs().max() > 0.01  # the turn is no small one


def test_the_catalogue_is_that_of_the_file(clusters: datasets.Dataset, water) -> None:
    """Those that are not labelled, or whose field did not settle, are left out."""
    wanted = water.catalogue(water.read_frames(water.FOLDER, water.RAW))
    listed = iter([(c.split, c.frame, c.molecules) for c in wanted])
    stored = zip(clusters["split"], clusters["frame"], clusters["molecules"], strict=True)
    assert all((str(split), int(frame), int(n)) in listed for split, frame, n in stored)  # in this order
    assert len(wanted) - len(clusters) <= 8
