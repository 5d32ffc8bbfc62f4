"""One comparison f(g x) = g f(x), and how far it misses: shared by laws, reports and suspects."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from e3nn import o3
from jaxtyping import Float, Inexact, Real
from torch import Tensor

from tutorial_utils.groups.rotations import D


@dataclass(frozen=True, eq=False)
class Trial:
    """One comparison f(g x) = g f(x).

    Attributes:
        g: the transformation, as the law sampled it.
        before: f(x), shape (..., dim).
        after: f(g x), shape (..., dim).
        expected: g f(x), what `after` should be.
        act_out: the law's action on an output.
    """

    g: Any
    before: Tensor
    after: Tensor
    expected: Tensor
    act_out: Callable[[Any, Tensor], Tensor]


@dataclass(frozen=True)
class Scale:
    """What the errors of one irrep are measured by.

    Attributes:
        unit: scalars: how much the output differs between the inputs tried, so that a constant such as a
            reference energy hides nothing; other irreps: the largest component. Zero where the output is
            constant.
        floor: what round-off alone may do.
    """

    unit: float
    floor: float

    def error(self, away: float) -> float:
        """Give the error of an output that is ``away`` from where it should be; 1 beside a constant."""
        return 0.0 if away == 0 or away <= self.floor else (away - self.floor) / (self.unit or away)


def matrix_of(irreps: o3.Irreps, R: Real[np.ndarray, "3 3"]) -> Float[Tensor, "dim dim"]:
    """Give D(R) in float64, whatever the default dtype."""
    return _matrix(str(irreps), np.asarray(R, dtype=float).tobytes())


@lru_cache(maxsize=256)
def _matrix(irreps: str, R: bytes) -> Tensor:
    return D(irreps, torch.tensor(np.frombuffer(R).reshape(3, 3)))


def blocks(
    y: Inexact[Tensor, "*rows dim"], irreps: o3.Irreps, ir: o3.Irrep
) -> Inexact[Tensor, "*rows mul d"]:
    """Cut out all copies of one irrep.

    Args:
        y: output, laid out as ``irreps``.
        irreps: irreps of the output.
        ir: the irrep to cut out.

    Returns:
        Its copies one after the other, each with its 2l+1 components.
    """
    parts = [y[..., s] for (_, other), s in zip(irreps, irreps.slices(), strict=True) if other == ir]
    return torch.cat(parts, dim=-1).unflatten(-1, (-1, ir.dim))


def miss(
    trials: Sequence[Trial],
    ir: o3.Irrep,
    irreps: o3.Irreps,
    *,
    guess: Callable[[Trial], Tensor] | None = None,
    scale: Scale,
) -> float:
    """Give the largest error of a guess at the outputs ``after``, infinite where it makes no sense.

    A scalar may hold an unknown constant, such as a reference energy: c + y explains as much as the guess y.
    Without a guess the outputs are held against the law itself, which leaves no such freedom.
    """
    if guess is None:
        return scale.error(max(float(blocks(t.after - t.expected, irreps, ir).abs().max()) for t in trials))
    try:
        away = [blocks(t.after - guess(t), irreps, ir) for t in trials]
        if ir.l == 0 and not away[0].is_complex():
            away = _without_constant(away, [_response(t, irreps, ir, guess) for t in trials])
    except Exception:
        return np.inf  # this alternative makes no sense for this law
    return scale.error(float(torch.stack([each.abs().max() for each in away]).max()))


def _response(t: Trial, irreps: o3.Irreps, ir: o3.Irrep, guess: Callable[[Trial], Tensor]) -> Tensor:
    """By how much the outputs and a guess move apart when every output grows by one."""
    before = t.before + 1
    raised = replace(t, before=before, expected=t.act_out(t.g, before))
    return 1 - blocks(guess(raised) - guess(t), irreps, ir)


def _without_constant(away: list[Tensor], responses: list[Tensor]) -> list[Tensor]:
    """Take away the constant that explains most, one for each component."""
    if len({each.shape for each in (*away, *responses)}) > 1:
        return away
    a, k = torch.stack(away), torch.stack(responses)
    if k.abs().max() < 0.5:  # the guess keeps constants as they are
        return away
    return list(a - k * (a * k).sum(dim=0) / k.square().sum(dim=0).clamp(min=0.1))
