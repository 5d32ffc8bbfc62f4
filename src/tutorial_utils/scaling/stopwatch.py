"""Three products, ready to be timed, and how their cost grows with the largest degree.

* `CG`: e3nn's product of features with the harmonics of an edge, every path, as a convolution takes it.
* `SO2`: the same map in the edge's own frame, Wigner matrices included.
* `GAUNT`: the pointwise product on the sphere: the even paths only, and one output for each degree, in which
  they are added up.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from e3nn import o3

from tutorial_utils.scaling import edge, sphere

CG, SO2, GAUNT = "Clebsch-Gordan", "SO(2)", "Gaunt"
NAMES = (CG, SO2, GAUNT)


def products(lmax: int, *, edges: int, channels: int) -> dict[str, Callable[[], torch.Tensor]]:
    """Return a call for each product, on the same random features and directions, in the default dtype."""
    torch.manual_seed(0)
    degrees = range(lmax + 1)
    weights = [torch.randn(channels, 2 * min(l1, l3) + 1) for l1 in degrees for l3 in degrees]
    h, r = torch.randn(edges, channels, (lmax + 1) ** 2), torch.randn(edges, 3)
    cg, so2 = edge.CGConvolution(lmax, weights), edge.SO2Convolution(lmax, weights)

    def gaunt() -> torch.Tensor:
        Y = o3.spherical_harmonics(degrees, r, True, normalization="component")
        return sphere.pointwise(h, Y[:, None], lmax=lmax)

    def still(call: Callable[[], torch.Tensor]) -> Callable[[], torch.Tensor]:
        return torch.no_grad()(call)

    return {CG: still(lambda: cg(h, r)), SO2: still(lambda: so2(h, r)), GAUNT: still(gaunt)}


def outputs(name: str, lmax: int) -> int:
    """Count the outputs that a product keeps apart, so that each can have a weight of its own."""
    degrees = range(lmax + 1)
    if name == GAUNT:
        return lmax + 1
    return sum(2 * min(l1, l3) + 1 for l1 in degrees for l3 in degrees)


def exponent(degrees: Sequence[int], times: Sequence[float]) -> tuple[float, float]:
    """Fit times ~ L^p by a straight line in logarithms.

    Returns:
        p, and its standard error from the scatter about the line.

    Raises:
        ValueError: for fewer than three points.
    """
    x, y = np.log(np.asarray(degrees, dtype=float)), np.log(np.asarray(times, dtype=float))
    if len(x) < 3:
        raise ValueError(f"degrees: expected three or more, to see the scatter about a line, got {len(x)}")
    (slope, _), covariance = np.polyfit(x, y, 1, cov=True)
    return float(slope), float(covariance[0, 0] ** 0.5)
