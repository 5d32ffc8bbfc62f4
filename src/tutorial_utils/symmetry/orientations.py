"""Many random orientations: how to draw them, and how much of a model's error is broken symmetry.

The answers f(Rx) of a model to a structure x in random orientations R, turned back, have the mean
f̄(x) = <Rᵀ f(Rx)>. The mean and what is left are orthogonal, so the error splits into two parts:

    <|f(Rx) - R F|²> = |f̄(x) - F|² + <|Rᵀ f(Rx) - f̄(x)|²>

The second is broken equivariance: averaging the answers over rotations removes it and nothing else.
"""

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation
from torch import Tensor


def random_rotations(
    number: int, rng: np.random.Generator | np.random.RandomState
) -> Float[np.ndarray, "number 3 3"]:
    """Draw rotation matrices from the uniform distribution."""
    return Rotation.random(number, random_state=rng).as_matrix()


def split_error(
    back: Float[Tensor, "structures rotations *shape"], truth: Float[Tensor, "structures *shape"]
) -> tuple[float, float]:
    """Measure an error, and how much of it is broken equivariance.

    Args:
        back: answers to each structure in at least two random orientations, turned back: Rᵀ f(Rx).
        truth: what they should be.

    Returns:
        Mean square error divided by that of predicting zero; and the share of it that is broken equivariance,
        without bias from the finite number of rotations.

    Raises:
        ValueError: for fewer than two rotations.
    """
    if back.shape[1] < 2:
        raise ValueError(f"rotations: expected 2 or more, to compare answers with, got {back.shape[1]}")
    loss = (back - truth[:, None]).square().mean()
    broken = back.var(dim=1).mean()  # divides by rotations - 1
    return (loss / truth.square().mean()).item(), (broken / loss).item()
