"""Finite and point groups, their representations and irreps, and the rotation group, all built by hand.

>>> from tutorial_utils import groups
>>> tetrahedral = groups.molecular("Td")
>>> print(groups.character_table(tetrahedral))
    E  8C3  3C2  6S4  6σd
A1  1    1    1    1    1
A2  1    1    1   -1   -1
E   2   -1    2    0    0
T1  3    0   -1    1   -1
T2  3    0   -1   -1    1
>>> groups.subduce(2, tetrahedral)
{'E': 1, 'T2': 1}
"""

from tutorial_utils.arguments import explain
from tutorial_utils.groups.character_tables import CharacterTable, character_table, subduce
from tutorial_utils.groups.checks import orthogonal
from tutorial_utils.groups.crystals import SpaceGroup, operations, space_group
from tutorial_utils.groups.finite import (
    conjugacy_classes,
    element_orders,
    failed_axioms,
    generate,
    identity,
    inverses,
    multiplication_table,
)
from tutorial_utils.groups.irreps import characters, find_irreps, image, overlap, projector
from tutorial_utils.groups.point_groups import CRYSTALLOGRAPHIC, crystallographic, molecular, schoenflies
from tutorial_utils.groups.representations import (
    average,
    is_representation,
    permutation,
    regular,
    tensor_product,
    unitarise,
)
from tutorial_utils.groups.rotations import D, clebsch_gordan, generators, spherical_harmonics, wigner_D

__all__ = [
    "CRYSTALLOGRAPHIC",
    "CharacterTable",
    "D",
    "SpaceGroup",
    "average",
    "character_table",
    "characters",
    "clebsch_gordan",
    "conjugacy_classes",
    "crystallographic",
    "element_orders",
    "failed_axioms",
    "find_irreps",
    "generate",
    "generators",
    "identity",
    "image",
    "inverses",
    "is_representation",
    "molecular",
    "multiplication_table",
    "operations",
    "orthogonal",
    "overlap",
    "permutation",
    "projector",
    "regular",
    "schoenflies",
    "space_group",
    "spherical_harmonics",
    "subduce",
    "tensor_product",
    "unitarise",
    "wigner_D",
]

explain(globals())
