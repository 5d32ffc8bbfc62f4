"""Vibrations of crystals: from force constants to spectra, and spectra straight from the structure.

`lattice` and `displacements` compute, `spectra` says what a density of states means.
"""

from tutorial_utils.phonons.displacements import force_constants
from tutorial_utils.phonons.lattice import (
    ForceConstants,
    chain,
    dynamical_matrix,
    frequencies,
    mean_square,
    mesh,
)
from tutorial_utils.phonons.spectra import (
    broaden,
    errors,
    heat_capacity,
    mean_frequency,
    moment,
    normalised,
    paired,
    peaked,
)

__all__ = [
    "ForceConstants",
    "broaden",
    "chain",
    "dynamical_matrix",
    "errors",
    "force_constants",
    "frequencies",
    "heat_capacity",
    "mean_frequency",
    "mean_square",
    "mesh",
    "moment",
    "normalised",
    "paired",
    "peaked",
]
