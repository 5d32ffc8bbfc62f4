"""Thirteen Lennard-Jones particles: an energy that is known exactly, and samples of its Boltzmann density.

    E(x) = Σ_{i<j} (r_ij⁻¹² - 2 r_ij⁻⁶) + ½ Σ_i |x_i - mean of x|²,    p(x) ∝ exp(-E(x))

in units of kT and of the distance at the bottom of the well, which is 1 kT deep. It is the system LJ13 of
equivariant flows as its formula is printed (arXiv:2006.02425, arXiv:2306.15030), with each pair counted once.
The samples that papers share belong to wells twice as deep (``depth=2``). Configurations have their mean at
the origin, so they live in a space of 3 · 13 - 3 = 36 dimensions.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from tutorial_utils.arguments import explain

PARTICLES = 13


def centre(x: Float[Tensor, "*batch particles 3"]) -> Float[Tensor, "*batch particles 3"]:
    """Move the mean of the particles to the origin."""
    return x - x.mean(dim=-2, keepdim=True)


def energy(x: Float[Tensor, "*batch particles 3"], *, depth: float = 1.0) -> Float[Tensor, "*batch"]:
    """Return E(x), in units of kT, for wells of a depth in the same unit."""
    i, j = torch.triu_indices(x.shape[-2], x.shape[-2], 1)
    inverse = (x[..., i, :] - x[..., j, :]).square().sum(dim=-1).reciprocal().pow(3)  # r⁻⁶
    wells = depth * (inverse.square() - 2 * inverse).sum(dim=-1)
    return wells + centre(x).square().sum(dim=(-1, -2)) / 2


def prior(
    number: int, *, generator: torch.Generator, particles: int = PARTICLES
) -> Float[Tensor, "number particles 3"]:
    """Draw from the normal distribution of configurations with their mean at the origin."""
    return centre(torch.randn(number, particles, 3, generator=generator))


def log_prior(x: Float[Tensor, "*batch particles 3"]) -> Float[Tensor, "*batch"]:
    """Return the logarithm of that density, per volume of the space of 36 dimensions."""
    dimension = 3 * (x.shape[-2] - 1)
    return -x.square().sum(dim=(-1, -2)) / 2 - dimension * math.log(2 * math.pi) / 2


def sample(
    chains: int, sweeps: int, *, every: int, seed: int, depth: float = 1.0
) -> tuple[Float[Tensor, "times chains particles 3"], float]:
    """Draw samples by Metropolis's algorithm, many chains at once.

    A sweep offers each particle a move, between a twentieth and twice the distance at the bottom of the well.

    Args:
        chains: independent chains, each from its own start; the first half of each is thrown away.
        sweeps: of each chain.
        every: sweeps between two samples that are kept.
        seed: of starts and moves.
        depth: of the wells, kT.

    Returns:
        samples, and the fraction of moves that were accepted.
    """
    generator = torch.Generator().manual_seed(seed)
    x, kept, accepted = _start(chains, generator), [], 0.0
    for sweep in range(1, sweeps + 1):
        for i in range(PARTICLES):
            reach = 0.05 * 40 ** torch.rand(chains, 1, generator=generator)  # as likely there as back
            moved = x.clone()
            moved[:, i] += reach * torch.randn(chains, 3, generator=generator)
            moved = centre(moved)
            log_ratio = _share(x, i, depth) - _share(moved, i, depth)
            yes = torch.rand(chains, generator=generator).log() < log_ratio
            x = torch.where(yes[:, None, None], moved, x)
            accepted += yes.float().mean().item() / (sweeps * PARTICLES)
        if 2 * sweep > sweeps and sweep % every == 0:
            kept.append(x)
    return torch.stack(kept), accepted


def _share(x: Float[Tensor, "chains particles 3"], i: int, depth: float) -> Float[Tensor, " chains"]:
    """Return what changes in the energy if particle i moves: its pairs, and the trap."""
    others = torch.cat([x[:, :i], x[:, i + 1 :]], dim=1)
    inverse = (others - x[:, i, None]).square().sum(dim=-1).reciprocal().pow(3)
    return depth * (inverse.square() - 2 * inverse).sum(dim=-1) + x.square().sum(dim=(1, 2)) / 2


def _start(chains: int, generator: torch.Generator) -> Float[Tensor, "chains particles 3"]:
    """Return an icosahedron around an atom, shaken: near the lowest minimum, but in no order."""
    golden = (1 + 5**0.5) / 2
    corners = [(0.0, a, b * golden) for a in (1, -1) for b in (1, -1)]
    points = [corner[i:] + corner[:i] for corner in corners for i in range(3)]
    ideal = torch.tensor([(0.0, 0.0, 0.0), *points]) * (0.97 / (1 + golden**2) ** 0.5)
    return centre(ideal + 0.03 * torch.randn(chains, PARTICLES, 3, generator=generator))


explain(globals())
