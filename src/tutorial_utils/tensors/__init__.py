"""Property tensors of crystals: what symmetry leaves of them, and how to read symmetry off them."""

from tutorial_utils.arguments import explain
from tutorial_utils.groups.crystals import operations
from tutorial_utils.tensors.elasticity import (
    ELASTIC_CLASSES,
    ClassFit,
    compliance,
    fit_classes,
    recognise,
    young_modulus,
)
from tutorial_utils.tensors.properties import (
    DIELECTRIC,
    ELASTIC,
    GYRATION,
    PIEZOELECTRIC,
    PROPERTIES,
    Property,
    from_irreps,
    from_voigt,
    independent_constants,
    index_symmetries,
    invariant_projector,
    pattern,
    representation,
    rotate_tensor,
    symmetric_basis,
    symmetrise,
    to_irreps,
    to_voigt,
)

__all__ = [
    "DIELECTRIC",
    "ELASTIC",
    "ELASTIC_CLASSES",
    "GYRATION",
    "PIEZOELECTRIC",
    "PROPERTIES",
    "ClassFit",
    "Property",
    "compliance",
    "fit_classes",
    "from_irreps",
    "from_voigt",
    "independent_constants",
    "index_symmetries",
    "invariant_projector",
    "operations",
    "pattern",
    "recognise",
    "representation",
    "rotate_tensor",
    "symmetric_basis",
    "symmetrise",
    "to_irreps",
    "to_voigt",
    "young_modulus",
]

explain(globals())
