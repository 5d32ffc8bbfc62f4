"""Ethanol at PBE0: forces are the gradient of the energy, and both are near those of the cheaper method."""

import numpy as np
import pytest

from tutorial_utils import datasets


@pytest.fixture(scope="module")
def ethanol() -> datasets.Dataset:
    return datasets.load("ethanol_pbe0")


def test_frames_are_those_of_the_trajectory(ethanol: datasets.Dataset) -> None:
    trajectory = datasets.load("ethanol_xtb")
    assert len(ethanol) >= 500
    frames = np.searchsorted(trajectory["time"], ethanol["time"])
    assert trajectory["time"][frames].tolist() == ethanol["time"].tolist()
    for frame, atoms in zip(frames, ethanol.structures, strict=True):
        assert (atoms.positions == trajectory.structures[frame].positions).all()
    assert (ethanol["energy_xtb"] == trajectory["energy"][frames]).all()
    assert (ethanol["forces_xtb"] == trajectory["forces"][frames]).all()


def test_nothing_pushes_the_molecule_as_a_whole(ethanol: datasets.Dataset) -> None:
    places = np.array([atoms.positions for atoms in ethanol.structures])
    assert np.abs(ethanol["forces"].sum(axis=1)).max() < 1e-5
    torque = np.cross(places, ethanol["forces"]).sum(axis=1)
    assert np.abs(torque).max() < 0.02  # eV; the grid knows directions, a little


def test_both_methods_see_the_same_surface_roughly(ethanol: datasets.Dataset) -> None:
    """Energies follow each other; forces differ by as much as the methods do, and not by nothing."""
    assert np.corrcoef(ethanol["energy"], ethanol["energy_xtb"])[0, 1] > 0.9
    size = np.sqrt((ethanol["forces"] ** 2).mean())
    difference = np.sqrt(((ethanol["forces"] - ethanol["forces_xtb"]) ** 2).mean())
    assert 0.1 < difference < size / 2
    assert 0.5 < size < 2.5  # eV/Å
    assert np.ptp(ethanol["energy"]) < 2  # eV: no frame fell apart


def test_forces_are_the_slope_of_the_energy(ethanol: datasets.Dataset) -> None:
    """Computed anew to either side: the stored energy lies between, the stored force is the slope."""
    pytest.importorskip("pyscf")
    import ethanol_dft

    n, step = 7, 2e-3  # Å
    atoms, forces = ethanol.structures[n], ethanol["forces"][n]
    along = forces / np.linalg.norm(forces)
    energies = [
        ethanol_dft.label(atoms.numbers, atoms.positions + sign * step * along)[0] for sign in (1, -1)
    ]
    assert (energies[0] - energies[1]) / (2 * step) == pytest.approx(-np.linalg.norm(forces), rel=1e-3)
    assert np.mean(energies) == pytest.approx(ethanol["energy"][n], abs=1e-3)
