"""Transformations of structures, and reports that tell which symmetry law a function breaks.

>>> import numpy as np, torch
>>> from ase.build import molecule
>>> from tutorial_utils import symmetry
>>> water = molecule("H2O")
>>> turned = symmetry.rotate(water, symmetry.random_rotation(np.random.default_rng(0)))
>>> centre = lambda atoms: atoms.get_center_of_mass() - atoms.positions[0]
>>> symmetry.equivariance_report(centre, water, "1o").first_failure
('permutation', '1o')
"""

from tutorial_utils.arguments import explain
from tutorial_utils.symmetry.laws import LAWS, Law
from tutorial_utils.symmetry.orientations import random_rotations, split_error
from tutorial_utils.symmetry.outputs import of_calculator
from tutorial_utils.symmetry.report import Report, equivariance_report
from tutorial_utils.symmetry.stabilisers import stabiliser
from tutorial_utils.symmetry.transformations import (
    invert,
    permute,
    random_rotation,
    rotate,
    supercell,
    translate,
)

__all__ = [
    "LAWS",
    "Law",
    "Report",
    "equivariance_report",
    "invert",
    "of_calculator",
    "permute",
    "random_rotation",
    "random_rotations",
    "rotate",
    "split_error",
    "stabiliser",
    "supercell",
    "translate",
]

explain(globals())
