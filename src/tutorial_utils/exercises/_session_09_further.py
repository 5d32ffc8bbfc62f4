"""Exercises 9.4 and 9.5: an estimate of the divergence, and straight lines on a torus."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from tutorial_utils.exercises.engine import Wrong, exercise

_TRIALS = 4000


@exercise(
    "9.4",
    title="The divergence for the price of one gradient",
    hint=[
        "For random ε with mean zero and covariance 1, the mean of εᵀ A ε is the trace of A.",
        "v = field(x); torch.autograd.grad((v * ε).sum(), x)[0] is εᵀ ∂v/∂x; multiply by ε and add up.",
    ],
)
def hutchinson(answer: Callable[[Callable[[Tensor], Tensor], Tensor], Tensor]) -> str:
    """The mean over many draws is the trace, for fields with and without antisymmetric parts."""
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(6, 6, generator=generator, dtype=torch.float64)
    x = torch.randn(6, generator=generator, dtype=torch.float64)
    cases = [
        ("v = A x", lambda y: y @ A.T, A.trace().item()),
        ("v = sin x, component by component", torch.sin, x.cos().sum().item()),
        ("v = x |x|²", lambda y: y * (y * y).sum(-1, keepdim=True), 8 * x.square().sum().item()),
        ("a rotation, v = (A - Aᵀ) x", lambda y: y @ (A - A.T).T, 0.0),
    ]
    for name, field, exact in cases:
        # one draw for each row, all rows the same point
        draws = torch.as_tensor(answer(field, x.expand(_TRIALS, -1).clone())).detach()
        if draws.shape != (_TRIALS,):
            raise Wrong(
                f"Expected one estimate for each row of x, shape ({_TRIALS},), got {tuple(draws.shape)}."
            )
        mean, error = draws.mean().item(), draws.std().item() / _TRIALS**0.5
        if abs(mean - exact) > 5 * error + 1e-6:
            raise Wrong(
                f"{name}: the mean of {_TRIALS} estimates is {mean:.2f} ± {error:.2f}, the divergence is "
                f"{exact:.2f}. {_suspect(draws)}"
            )
    return "Unbiased on four fields: one backward pass, where the exact trace takes one for each coordinate."


def _suspect(draws: Tensor) -> str:
    if draws.std() < 1e-9:
        return "All estimates agree: suspect one ε for all rows, or none at all."
    return "Suspect numbers ε whose mean is not 0 or whose variance is not 1, or a missing factor ε."


@exercise(
    "9.5",
    title="Straight ahead on a torus",
    hint=[
        "Of all images f1 + n, n whole numbers, the nearest to f0 is the one meant.",
        "d = f1 - f0; d - d.round() lies between -1/2 and 1/2. Wrap the result with % 1.",
    ],
)
def torus(answer: Callable[[np.ndarray, np.ndarray, float], np.ndarray]) -> str:
    """Between the ends, on the shortest way, whatever cell the ends are written in."""
    rng = np.random.default_rng(0)
    f0, f1 = rng.random((2, 8, 3))
    shift, whole = rng.random(3), rng.integers(-2, 3, (8, 3))

    def at(f0: np.ndarray, f1: np.ndarray, t: float) -> np.ndarray:
        found = np.asarray(answer(f0.copy(), f1.copy(), t), dtype=float)
        if found.shape != f0.shape:
            raise Wrong(f"Expected one position for each atom, shape {f0.shape}, got {found.shape}.")
        if found.min() < 0 or found.max() >= 1 + 1e-12:
            raise Wrong("The result leaves the cell: fractional coordinates lie from 0 to 1; wrap with % 1.")
        return found

    for t, end in ((0.0, f0), (1.0, f1)):
        if (error := _apart(at(f0, f1, t), end)) > 1e-9:
            raise Wrong(
                f"At t = {t:g} the atoms should stand at f{int(t)}; they are {error:.2f} of a cell away."
            )
    direct = np.abs((f1 - f0 + 0.5) % 1 - 0.5)
    if (error := np.abs(_distance(at(f0, f1, 0.5), f0) - direct / 2).max()) > 1e-9:
        raise Wrong(
            f"Half-way, an atom has gone up to {error:.2f} of a cell too far. Suspect the long way round: "
            "a difference of 0.9 is a step of -0.1."
        )
    if (error := np.abs(_distance(at(f0, f1, 0.2), f0) - direct / 5).max()) > 1e-9:
        raise Wrong(
            f"At t = 0.2 an atom should have gone a fifth of its way; it is off by up to {error:.2f} of a "
            "cell. The velocity along the line is constant: t enters once, and not squared."
        )
    if (error := _apart(at(f0, f1 + whole, 0.3), at(f0, f1, 0.3))) > 1e-9:
        raise Wrong(
            f"periodicity fails by {error:.2f}: f1 plus whole numbers is the same crystal. Suspect a wrap "
            "that allows for one cell only."
        )
    if (error := _apart(at(f0 + shift, f1 + shift, 0.3), at(f0, f1, 0.3) + shift)) > 1e-9:
        raise Wrong(f"translation fails by {error:.2f}: moving both ends should move the line along.")
    return "The shortest way, whatever cells the ends are written in, and it moves with the origin."


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs((a - b + 0.5) % 1 - 0.5)


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(_distance(a, b).max())
