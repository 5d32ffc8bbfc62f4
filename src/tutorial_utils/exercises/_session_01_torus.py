"""What the features of exercise 1.4 are tried on: gauge changes, whole turns, fluxes through holes."""

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from tutorial_utils import gauge
from tutorial_utils.exercises.reading import ROUNDING, Wrong

Features = Callable[[Float[Tensor, "2 L L"]], Tensor]


def real(features: Features, theta: Float[Tensor, "2 L L"]) -> Float[Tensor, " features"]:
    """Return the answer's numbers as one real vector."""
    found = features(theta.clone())
    parts = found if isinstance(found, list | tuple) else [found]
    try:
        tensors = [part if isinstance(part, Tensor) else torch.as_tensor(np.asarray(part)) for part in parts]
        output = torch.cat([tensor.detach().flatten() for tensor in tensors])
    except (TypeError, RuntimeError) as reason:
        raise Wrong(f"Return a tensor of numbers; got {type(found).__name__}.") from reason
    output = torch.view_as_real(output) if output.is_complex() else output
    if not output.isfinite().all():
        raise Wrong("Some of the features are infinite or no number at all.")
    return output.to(theta.dtype).flatten()


def apart(features: Features, a: Float[Tensor, "2 L L"], b: Float[Tensor, "2 L L"]) -> float:
    """Return the largest difference between the features of two fields."""
    return float((real(features, a) - real(features, b)).abs().max())


def need_gauge_invariance(
    features: Features, theta: Float[Tensor, "2 L L"], angles: Float[Tensor, "L L"]
) -> None:
    """Raise if a gauge change, or a whole turn of one link, changes the features."""
    error = apart(features, theta, theta + torch.stack([angles.roll(-1, 0), angles.roll(-1, 1)]) - angles)
    if error > ROUNDING:
        raise Wrong(
            f"The features change under a gauge change by {error:.2g}: is every link in a closed loop? "
            "Around a plaquette two links count plus and two minus; the upper one is theta[0].roll(-1, 1), "
            "the right one theta[1].roll(-1, 0)."
        )
    turned = theta.clone()
    turned[:, 0, 0] += 2 * math.pi
    error = apart(features, theta, turned)
    if error > ROUNDING:
        raise Wrong(
            f"The features change by {error:.2g} when 2π is added to a link, which is the same link: "
            "take exp(i flux), or cos and sin."
        )


def need_wilson_loops(features: Features, size: int) -> None:
    """Raise if flux through a hole of a torus without any other field is not seen."""
    for axis, holes in {"x": (0.9, 0.0), "y": (0.0, 0.9)}.items():
        fields = (gauge.torus(size, size), gauge.torus(size, size, holes=holes))
        if apart(features, *(lattice.phases.view(2, size, size) for lattice in fields)) < ROUNDING:
            raise Wrong(
                "Two tori with different holonomy look the same: add the Wilson loops "
                f"(flux through the hole along {axis} is not seen)."
            )


def need_whole_angles(features: Features, theta: Float[Tensor, "2 L L"]) -> None:
    """Raise if a flux, or two, and the same plus a fraction of a turn look the same."""
    hole_x, hole_y = torch.zeros(2, *theta.shape, dtype=theta.dtype)
    hole_x[0, 0] = hole_y[1, :, 0] = 2 * math.pi
    links = 2 * math.pi * torch.eye(theta.numel(), dtype=theta.dtype).view(-1, *theta.shape)
    turns = [("a plaquette", link) for link in links]
    turns += [("a hole", hole_x), ("the other hole", hole_y), ("both holes", hole_x + hole_y)]
    for part in range(2, 6):
        for where, whole_turn in turns:
            if apart(features, theta, theta + whole_turn / part) < ROUNDING:
                raise Wrong(
                    f"A flux φ and φ + 2π/{part} through {where} look the same: enough independent numbers, "
                    "and still not complete. Suspect a multiple of the angle, as in exp(2iφ), a tangent, or "
                    "sums and differences in the place of loops: take exp(iφ) of each, or cos φ and sin φ."
                )


def independent(features: Features, theta: Float[Tensor, "2 L L"]) -> int:
    """Return the number of independent features: the rank of their derivatives by the links."""
    step = 1e-3
    shifts = step * torch.eye(theta.numel(), dtype=theta.dtype).view(-1, *theta.shape)
    slopes = [(real(features, theta + s) - real(features, theta - s)) / (2 * step) for s in shifts]
    return int(torch.linalg.matrix_rank(torch.stack(slopes), rtol=1e-3))
