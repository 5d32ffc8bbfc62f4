"""Atomic environments as coefficients that turn with them, and the invariants made of these."""

from tutorial_utils.descriptors.fourier import project
from tutorial_utils.descriptors.radial import OrthonormalGaussians, Radial, SphericalBessel, overlap

__all__ = ["OrthonormalGaussians", "Radial", "SphericalBessel", "overlap", "project"]
