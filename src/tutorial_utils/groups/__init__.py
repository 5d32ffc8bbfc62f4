"""Finite and point groups, their representations and irreps, and the rotation group, all built by hand."""

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
from tutorial_utils.groups.representations import (
    average,
    is_representation,
    permutation,
    regular,
    tensor_product,
    unitarise,
)
from tutorial_utils.groups.rotations import clebsch_gordan, generators, spherical_harmonics, wigner_D

__all__ = [
    "average",
    "characters",
    "clebsch_gordan",
    "conjugacy_classes",
    "element_orders",
    "failed_axioms",
    "find_irreps",
    "generate",
    "generators",
    "identity",
    "image",
    "inverses",
    "is_representation",
    "multiplication_table",
    "overlap",
    "permutation",
    "projector",
    "regular",
    "spherical_harmonics",
    "tensor_product",
    "unitarise",
    "wigner_D",
]
