"""Isolated atoms: molecules are bound as chemistry says, and the frames of ethanol have the same zero."""

import numpy as np
import pytest

from tutorial_utils import datasets

MAKEUP = {"CH3CH2OH": "CCHHHHHHO", "CH3OH": "CHHHHO", "CH4": "CHHHH", "H2O": "HHO"}


@pytest.fixture(scope="module")
def energy():
    table = datasets.load("ethanol_atoms")
    return dict(zip(table["species"], table["energy"], strict=True))


def test_molecules_are_bound_by_four_to_five_electronvolts_a_bond(energy):
    bonds = {"CH3CH2OH": 8, "CH3OH": 5, "CH4": 4, "H2O": 2}
    for name, atoms in MAKEUP.items():
        bound = sum(energy[atom] for atom in atoms) - energy[name]
        assert 4 < bound / bonds[name] < 5.2, name


def test_the_frames_of_ethanol_lie_above_its_minimum_by_their_heat(energy):
    frames = datasets.load("ethanol_pbe0")["energy"]
    above = np.mean(frames) - energy["CH3CH2OH"]
    assert 0.1 < above < 1.0  # half of 3 k T for each of 9 atoms is 0.6 eV at 500 K
