"""Atomic environments as coefficients that turn with them, and the invariants made of these."""

from tutorial_utils.descriptors.environments import element_channels, environments
from tutorial_utils.descriptors.fourier import FourierTensor, basis, harmonics, project
from tutorial_utils.descriptors.radial import (
    OrthonormalGaussians,
    Radial,
    SphericalBessel,
    overlap,
    smooth_cutoff,
)

__all__ = [
    "FourierTensor",
    "OrthonormalGaussians",
    "Radial",
    "SphericalBessel",
    "basis",
    "element_channels",
    "environments",
    "harmonics",
    "overlap",
    "project",
    "smooth_cutoff",
]
