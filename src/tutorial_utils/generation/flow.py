"""Flow matching: a field that carries samples of a simple density to samples of the wanted one.

Pairs x₀ (prior) and x₁ (data) are joined by straight lines x_t = (1 - t) x₀ + t x₁, and a network v(x, t)
learns their velocity x₁ - x₀ (arXiv:2210.02747, arXiv:2302.00482). Solving dx/dt = v(x, t) from t = 0 to 1
makes samples, and

    log p(x(1)) = log p₀(x(0)) - ∫ div v dt

is their density. An invariant prior and an equivariant field give an invariant density. Which x₀ belongs to
which x₁ is free: `assign` turns and renumbers x₁ so that the lines are short (arXiv:2306.15030).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.nn.functional import silu

from tutorial_utils.arguments import explain
from tutorial_utils.generation.clusters import centre, log_prior

Field = Callable[[Float[Tensor, "batch particles 3"], Float[Tensor, " batch"]], Tensor]


class EquivariantField(nn.Module):
    """Velocities as sums of arrows between particles: an E(n)-equivariant network (arXiv:2102.09844).

    With numbers h_i and v = 0 at the start, a layer is

        m_ij = φ(h_i, h_j, b(r_ij)),   v_i <- v_i + Σ_j γ(m_ij) (x_i - x_j),   h_i <- h_i + ψ(h_i, Σ_j m_ij)

    * v(x Rᵀ + s, t) = v(x, t) Rᵀ for rotations and reflections R and shifts s; it renumbers with x;
    * Σ_i v_i = 0: γ(m_ij) need not be symmetric, so the mean is taken off.
    """

    centres: Tensor

    def __init__(self, width: int = 24, *, layers: int = 2, radial: int = 12):
        """Build it with random weights."""
        super().__init__()
        self.time = nn.Linear(5, width)
        # the first layer of φ, applied to h_i, h_j and b one by one: 13 products instead of 169 for h
        self.i = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.j = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(layers))
        self.b = nn.ModuleList(nn.Linear(radial, width, bias=False) for _ in range(layers))
        self.φ = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.ψ = nn.ModuleList(_two_layers(2 * width, width) for _ in range(layers))
        self.γ = nn.ModuleList(nn.Linear(width, 1) for _ in range(layers))
        self.register_buffer("centres", torch.linspace(0, 4, radial))

    def forward(
        self, x: Float[Tensor, "batch particles 3"], t: Float[Tensor, " batch"]
    ) -> Float[Tensor, "batch particles 3"]:
        """Return the velocity of each particle."""
        n = x.shape[1]
        arrows = x[:, :, None] - x[:, None]  # (batch, particles i, particles j, 3)
        # the small number keeps the derivative of a length finite on the diagonal, where the arrow is zero
        r = (arrows.square().sum(dim=-1) + 1e-12).sqrt()
        basis = torch.exp(-((r[..., None] - self.centres) ** 2) / 0.3)
        h = self.time(of_time(t))[:, None].expand(-1, n, -1)
        others = 1 - torch.eye(n, dtype=x.dtype, device=x.device)[..., None]
        v = torch.zeros_like(x)
        for i, j, b, φ, ψ, γ in zip(self.i, self.j, self.b, self.φ, self.ψ, self.γ, strict=True):
            first = silu(i(h)[:, :, None] + j(h)[:, None] + b(basis))
            m = silu(φ(first)) * others
            v = v + (γ(m) * others * arrows).sum(dim=2) / n
            h = h + ψ(torch.cat([h, m.sum(dim=2) / n], dim=-1))
        return centre(v)


class PlainField(nn.Module):
    """Velocities from a transformer over particles, which sees coordinates as plain numbers.

    It renumbers with the particles and moves with them, but nothing ties it to rotations: those have to be
    learnt, from data turned at random.
    """

    def __init__(self, width: int = 64, *, layers: int = 3, heads: int = 4):
        """Build it with random weights."""
        super().__init__()
        self.enter = nn.Linear(3 + 5, width)
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.leave = nn.Linear(width, 3)

    def forward(
        self, x: Float[Tensor, "batch particles 3"], t: Float[Tensor, " batch"]
    ) -> Float[Tensor, "batch particles 3"]:
        """Return the velocity of each particle."""
        time = of_time(t)[:, None].expand(-1, x.shape[1], -1)
        return centre(self.leave(self.layers(self.enter(torch.cat([centre(x), time], dim=-1)))))


def of_time(t: Float[Tensor, " batch"]) -> Float[Tensor, "batch 5"]:
    """Return what a network is told of the time: t and four waves."""
    waves = [f(math.pi * k * t) for k in (1, 2) for f in (torch.sin, torch.cos)]
    return torch.stack([t, *waves], dim=-1)


def _two_layers(size: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(size, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())


def renumber(
    x0: Float[Tensor, "batch particles 3"], x1: Float[Tensor, "batch particles 3"]
) -> Float[Tensor, "batch particles 3"]:
    """Renumber the particles of each x₁ so that Σ |x₀ - x₁|² is smallest (Hungarian algorithm)."""
    cost = torch.cdist(x0, x1).square().numpy()
    order = np.stack([linear_sum_assignment(c)[1] for c in cost])
    return torch.take_along_dim(x1, torch.tensor(order)[..., None], dim=1)


def turn(
    x0: Float[Tensor, "batch particles 3"], x1: Float[Tensor, "batch particles 3"]
) -> Float[Tensor, "batch particles 3"]:
    """Turn each x₁, reflections allowed, so that Σ |x₀ - x₁|² is smallest (Kabsch algorithm)."""
    U, _, V = torch.linalg.svd(x1.mT @ x0)  # x₁ᵀ x₀ = U S V
    return x1 @ U @ V


def assign(
    x0: Float[Tensor, "batch particles 3"], x1: Float[Tensor, "batch particles 3"]
) -> Float[Tensor, "batch particles 3"]:
    """Return x₁ renumbered, then turned: the same configuration, physically, on a shorter line from x₀."""
    return turn(x0, renumber(x0, x1))


def loss(
    field: Field,
    x0: Float[Tensor, "batch particles 3"],
    x1: Float[Tensor, "batch particles 3"],
    t: Float[Tensor, " batch"],
) -> Tensor:
    """Return the mean squared difference between the field on the line and the line's velocity."""
    s = t[:, None, None]
    return (field((1 - s) * x0 + s * x1, t) - (x1 - x0)).square().mean()


class Path(NamedTuple):
    """What solving dx/dt = v leaves: samples, log p of them (None if not asked), and lengths of the ways.

    ``length`` is that of the way through the space of all coordinates, ``straight`` that of the line from its
    start to its end.
    """

    x: Float[Tensor, "batch particles 3"]
    log_p: Float[Tensor, " batch"] | None
    length: Float[Tensor, " batch"]
    straight: Float[Tensor, " batch"]


def integrate(
    field: Field,
    x0: Float[Tensor, "batch particles 3"],
    *,
    steps: int = 20,
    divergence: Callable[[Field, Tensor, Tensor], tuple[Tensor, Tensor]] | None = None,
) -> Path:
    """Carry samples of the prior from t = 0 to t = 1, by Runge and Kutta's method of order four.

    Args:
        field: v(x, t).
        x0: samples of `clusters.prior`.
        steps: of equal length.
        divergence: returns velocity and divergence, as `exact` does; None: no log p.
    """
    x, log_p = x0, log_prior(x0) if divergence else None
    length, h = torch.zeros(len(x0)).to(x0), 1 / steps

    def slope(x: Tensor, t: float) -> tuple[Tensor, Tensor]:
        times = torch.full((len(x),), t).to(x)
        if divergence:
            return divergence(field, x, times)
        with torch.no_grad():
            return field(x, times), torch.zeros_like(times)

    for k in range(steps):
        t = k * h
        a, da = slope(x, t)
        b, db = slope(x + h / 2 * a, t + h / 2)
        c, dc = slope(x + h / 2 * b, t + h / 2)
        d, dd = slope(x + h * c, t + h)
        move = h / 6 * (a + 2 * b + 2 * c + d)
        x, length = x + move, length + move.flatten(1).norm(dim=1)
        if log_p is not None:
            log_p = log_p - h / 6 * (da + 2 * db + 2 * dc + dd)
    return Path(x, log_p, length, (x - x0).flatten(1).norm(dim=1))


def exact(field: Field, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Return velocity and divergence, the trace of ∂v/∂x: one backward pass for each coordinate."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        v = field(x, t)
        flat = v.flatten(1)
        total = torch.zeros_like(t)
        for k in range(flat.shape[1]):
            (row,) = torch.autograd.grad(flat[:, k].sum(), x, retain_graph=True)
            total += row.flatten(1)[:, k]
    return v.detach(), total.detach()


def effective_size(log_weights: Float[Tensor, " samples"]) -> float:
    """Return Kish's effective sample size over the number of samples, (Σ w)² / (n Σ w²), from log w."""
    log_total, log_squares = torch.logsumexp(log_weights, 0), torch.logsumexp(2 * log_weights, 0)
    return math.exp(2 * log_total - log_squares) / len(log_weights)


explain(globals())
