"""Atomic environments as coefficients that turn with them, and the invariants made of these."""

from tutorial_utils.descriptors.environments import element_channels, environments
from tutorial_utils.descriptors.fourier import FourierTensor, basis, harmonics, project
from tutorial_utils.descriptors.invariants import (
    bispectrum,
    bispectrum_labels,
    norms,
    power_spectrum,
    power_spectrum_labels,
)
from tutorial_utils.descriptors.radial import (
    Radial,
    SphericalBessel,
    overlap,
    smooth_cutoff,
)
from tutorial_utils.descriptors.soap import (
    GaussianOrbitals,
    Smeared,
    smeared_environments,
    soap,
    soap_labels,
)
from tutorial_utils.descriptors.steinhardt import Steinhardt, steinhardt

__all__ = [
    "FourierTensor",
    "GaussianOrbitals",
    "Radial",
    "Smeared",
    "SphericalBessel",
    "Steinhardt",
    "basis",
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
