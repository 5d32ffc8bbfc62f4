"""Networks: one that is equivariant by construction, and plain ones to hold it against."""

from tutorial_utils.nn.baselines import CoordinateMLP, InvariantMLP, ScalarsTimesVectors, standardise
from tutorial_utils.nn.network import EquivariantNetwork, forces

__all__ = [
    "CoordinateMLP",
    "EquivariantNetwork",
    "InvariantMLP",
    "ScalarsTimesVectors",
    "forces",
    "standardise",
]
