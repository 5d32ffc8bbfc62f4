"""Vibrations of crystals: from force constants to spectra, and spectra straight from the structure.

`lattice` and `displacements` compute, `spectra` says what a density of states means, `alloys` holds virtual
crystals. `sums`, `species`, `network` and `prediction` learn; `baselines` is what they have to beat;
`evaluation` scores them. `from_dataset` reads what was computed before, `phonopy_files` what
phonopy has computed.
"""

from tutorial_utils.arguments import explain
from tutorial_utils.phonons.alloys import virtual_crystal
from tutorial_utils.phonons.displacements import force_constants, from_forces
from tutorial_utils.phonons.from_dataset import load_constants, load_field
from tutorial_utils.phonons.lattice import (
    Field,
    ForceConstants,
    chain,
    dynamical_matrix,
    frequencies,
    mean_square,
    mesh,
)
from tutorial_utils.phonons.network import SpectrumNetwork
from tutorial_utils.phonons.phonopy_files import read_phonopy
from tutorial_utils.phonons.prediction import Ensemble, predict, pretrained, train
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
    "Ensemble",
    "Field",
    "ForceConstants",
    "SpectrumNetwork",
    "broaden",
    "chain",
    "dynamical_matrix",
    "errors",
    "force_constants",
    "frequencies",
    "from_forces",
    "heat_capacity",
    "load_constants",
    "load_field",
    "mean_frequency",
    "mean_square",
    "mesh",
    "moment",
    "normalised",
    "paired",
    "peaked",
    "predict",
    "pretrained",
    "read_phonopy",
    "train",
    "virtual_crystal",
]

explain(globals())
