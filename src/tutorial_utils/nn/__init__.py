"""Networks: one that is equivariant by construction, and plain ones to hold it against."""

from tutorial_utils.arguments import explain
from tutorial_utils.nn.baselines import CoordinateMLP, InvariantMLP, ScalarsTimesVectors, standardise
from tutorial_utils.nn.network import EquivariantNetwork, forces
from tutorial_utils.nn.potential import Calculator, Potential, energy_and_forces, load, stress

__all__ = [
    "Calculator",
    "CoordinateMLP",
    "EquivariantNetwork",
    "InvariantMLP",
    "Potential",
    "ScalarsTimesVectors",
    "energy_and_forces",
    "forces",
    "load",
    "standardise",
    "stress",
]

explain(globals())
