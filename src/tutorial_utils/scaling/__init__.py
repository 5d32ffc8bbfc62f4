"""Fast products of irreps, what they cost, and what a network learns without them: session 8.

>>> import torch
>>> from tutorial_utils import scaling
>>> x, y = torch.eye(4, dtype=torch.float64)[1:3]  # two vectors, as functions on the sphere
>>> scaling.pointwise(x, y, lmax=1).abs().max() < 1e-12  # the fast product makes no vector of them
tensor(True)
>>> scaling.bracket(x, y, lmax=1)[3] > 1  # the other half does: x cross y is z
tensor(True)
"""

from tutorial_utils.arguments import explain
from tutorial_utils.scaling.edge import CGConvolution, SO2Convolution, along, axis_maps, path_maps
from tutorial_utils.scaling.learnt import Transformer, in_time, split_loss
from tutorial_utils.scaling.sphere import bracket, grid, pointwise, transforms
from tutorial_utils.scaling.stopwatch import exponent

__all__ = [
    "CGConvolution",
    "SO2Convolution",
    "Transformer",
    "along",
    "axis_maps",
    "bracket",
    "exponent",
    "grid",
    "in_time",
    "path_maps",
    "pointwise",
    "split_loss",
    "transforms",
]

explain(globals())
