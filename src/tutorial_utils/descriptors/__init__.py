"""Atomic environments as coefficients that turn with them, and the invariants made of these."""

from tutorial_utils.arguments import explain
from tutorial_utils.descriptors.bond_order import Steinhardt, steinhardt
from tutorial_utils.descriptors.fourier import FourierTensor, basis_functions, harmonics, project
from tutorial_utils.descriptors.invariants import (
    bispectrum,
    bispectrum_labels,
    norms,
    power_spectrum,
    power_spectrum_labels,
)
from tutorial_utils.descriptors.neighbourhoods import element_channels, environments
from tutorial_utils.descriptors.radial import (
    Radial,
    SphericalBessel,
    overlap,
    smooth_cutoff,
)
from tutorial_utils.descriptors.smeared import (
    GaussianOrbitals,
    Smeared,
    smeared_environments,
    soap,
    soap_labels,
)

__all__ = [
    "FourierTensor",
    "GaussianOrbitals",
    "Radial",
    "Smeared",
    "SphericalBessel",
    "Steinhardt",
    "basis_functions",
    "bispectrum",
    "bispectrum_labels",
    "element_channels",
    "environments",
    "harmonics",
    "norms",
    "overlap",
    "power_spectrum",
    "power_spectrum_labels",
    "project",
    "smeared_environments",
    "smooth_cutoff",
    "soap",
    "soap_labels",
    "steinhardt",
]

explain(globals())
