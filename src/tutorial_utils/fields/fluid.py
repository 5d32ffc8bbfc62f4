"""An incompressible fluid in a periodic box of edge 2π, by a pseudo-spectral method.

    ∂u/∂t = u × ω - ∇p + ν ∇²u + f,      ∇·u = 0,      ω = ∇ × u

Derivatives are taken in Fourier space, products in real space. Waves above two thirds of the largest wave
number are removed, so that products of waves do not come back as wrong ones. The pressure only keeps the
flow free of divergence: projecting each Fourier coefficient on the plane across its wave vector does that.
Source: S. A. Orszag, G. S. Patterson, Phys. Rev. Lett. 28, 76 (1972).
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from tutorial_utils.arguments import explain

Velocity = Float[Tensor, "3 n n n"]
Waves = Complex[Tensor, "3 n n m"]  # the Fourier coefficients of a velocity, m = n // 2 + 1

AXES = (-3, -2, -1)
INJECTED, STIRRED = 0.5, 2.5  # power for each unit of mass, into the waves up to this wave number
SHEAR = 0.5  # amplitude of the Kolmogorov force
WIDTH = 2 * math.pi / 6  # of the smoothing in the course's data


def wave_vectors(n: int) -> Float[Tensor, "3 n n m"]:
    """Return the wave vectors of a real field on n³ points."""
    full, half = torch.fft.fftfreq(n, 1 / n), torch.fft.rfftfreq(n, 1 / n)
    return torch.stack(torch.meshgrid(full, full, half, indexing="ij"))


def to_waves(u: Float[Tensor, "... n n n"]) -> Complex[Tensor, "... n n m"]:
    """Return the Fourier coefficients; the mean of u stands at wave vector 0."""
    return torch.fft.rfftn(u, dim=AXES, norm="forward")


def to_points(waves: Complex[Tensor, "... n n m"]) -> Float[Tensor, "... n n n"]:
    """Return the field of Fourier coefficients, on the grid of points."""
    n = waves.shape[-2]
    return torch.fft.irfftn(waves, s=(n, n, n), dim=AXES, norm="forward")


def curl(waves: Waves, k: Float[Tensor, "3 n n m"]) -> Waves:
    """Return the coefficients of ∇ × u."""
    return 1j * torch.linalg.cross(k.to(waves), waves, dim=0)


def project(waves: Waves, k: Float[Tensor, "3 n n m"]) -> Waves:
    """Take away what has a divergence, and the waves that two thirds of the grid cannot hold."""
    square = k.square().sum(dim=0)
    along = (k * waves).sum(dim=0) / square.clamp(min=1)
    kept = (k.abs() < waves.shape[-2] / 3).all(dim=0)
    return torch.where(kept, waves - k * along, 0)


def isotropic(waves: Waves, k: Float[Tensor, "3 n n m"]) -> Waves:
    """Push each long wave along itself, so that the same power goes in at all times."""
    stirred = torch.where(k.square().sum(dim=0) <= STIRRED**2, waves, 0)
    return stirred * INJECTED / (2 * energy(stirred))


def kolmogorov(waves: Waves, k: Float[Tensor, "3 n n m"]) -> Waves:
    """Push along x with the strength sin y: a force that knows two directions."""
    force = torch.zeros_like(waves)
    force[0, 0, [1, -1], 0] = torch.tensor([-0.5j, 0.5j]).to(waves) * SHEAR
    return force


Force = Callable[[Waves, Float[Tensor, "3 n n m"]], Waves]
FORCES: dict[str, Force] = {"isotropic": isotropic, "Kolmogorov": kolmogorov}


def energy(waves: Waves) -> Float[Tensor, ""]:
    """Return the kinetic energy for each unit of mass, ⟨u²⟩ / 2."""
    twice = torch.full((waves.shape[-1],), 2.0, dtype=waves.real.dtype)
    twice[0] = 1.0  # the other half of the waves is not stored
    if waves.shape[-2] % 2 == 0:
        twice[-1] = 1.0
    return (waves.abs().square() * twice).sum() / 2


def advance(
    u: Velocity, time: float, *, viscosity: float, step: float, force: Force | None = None
) -> Velocity:
    """Follow the flow for a time, by fourth-order Runge-Kutta steps.

    Args:
        u: velocity on the grid of points.
        time: how long.
        viscosity: ν; 0 for an ideal fluid, whose energy stays.
        step: largest time step; stable below about 2 / (n / 3 · largest speed).
        force: one of `FORCES`; None lets the flow decay.

    Returns:
        velocity at the end, free of divergence.

    Raises:
        ValueError: for a velocity of another shape, or if the flow exploded: take a smaller step.
    """
    n = u.shape[-1]
    if u.shape != (3, n, n, n):
        raise ValueError(
            f"u: expected (3, n, n, n), three components on a cube of points, got {tuple(u.shape)}"
        )
    k = wave_vectors(n).to(u.dtype)
    friction = viscosity * k.square().sum(dim=0)

    def rate(waves: Waves) -> Waves:
        across = torch.linalg.cross(to_points(waves), to_points(curl(waves, k)), dim=0)
        pushed = to_waves(across) + (force(waves, k) if force else 0)
        return project(pushed, k) - friction * waves

    waves, steps = project(to_waves(u), k), math.ceil(time / step - 1e-9)
    h = time / max(steps, 1)
    for _ in range(steps):
        a = rate(waves)
        b = rate(waves + h / 2 * a)
        c = rate(waves + h / 2 * b)
        d = rate(waves + h * c)
        waves = waves + h / 6 * (a + 2 * b + 2 * c + d)
    if not waves.isfinite().all():
        raise ValueError(f"step: the flow exploded with steps of {h:.3g}; take smaller ones")
    return to_points(waves)


def taylor_green(n: int) -> Velocity:
    """Return the flow (sin x cos y cos z, -cos x sin y cos z, 0), which breaks up into small eddies."""
    x = torch.arange(n) * (2 * math.pi / n)
    x, y, z = torch.meshgrid(x, x, x, indexing="ij")
    return torch.stack([x.sin() * y.cos() * z.cos(), -x.cos() * y.sin() * z.cos(), 0 * x])


def random_flow(n: int, *, seed: int) -> Velocity:
    """Return long waves of random directions and phases, with ⟨u²⟩ / 2 = 1."""
    generator = torch.Generator().manual_seed(seed)
    waves, k = to_waves(torch.randn(3, n, n, n, generator=generator)), wave_vectors(n)
    long = (k.square().sum(dim=0) <= STIRRED**2) & (k != 0).any(dim=0)
    waves = project(torch.where(long, waves, 0), k)
    return to_points(waves / energy(waves).sqrt())


def resample(u: Float[Tensor, "... old old old"], n: int) -> Float[Tensor, "... n n n"]:
    """Return the same field on another number of points; waves that these cannot hold are cut off."""
    old, few = to_waves(u), min(n, u.shape[-1]) // 2
    new = old.new_zeros(*u.shape[:-3], n, n, n // 2 + 1)
    ends = (slice(0, few), slice(-few + 1, None))
    for a in ends:
        for b in ends:
            new[..., a, b, :few] = old[..., a, b, :few]
    return to_points(new)


def gradient(u: Velocity) -> Float[Tensor, "n n n 3 3"]:
    """Return A_ij = ∂u_i / ∂x_j at every point."""
    waves, k = to_waves(u), wave_vectors(u.shape[-1]).to(u.dtype)
    slopes = to_points(1j * k[None] * waves[:, None])
    return slopes.permute(2, 3, 4, 0, 1)


def smooth(field: Float[Tensor, "... n n n"], width: float) -> Float[Tensor, "... n n n"]:
    """Return averages over a Gaussian whose variance is width² / 12, that of a box of this width."""
    square = wave_vectors(field.shape[-1]).to(field.dtype).square().sum(dim=0)
    return to_points(to_waves(field) * torch.exp(-square * width**2 / 24))


def subgrid_stress(u: Velocity, width: float) -> Float[Tensor, "n n n 3 3"]:
    """Return what smoothing hides: the mean of u_i u_j less the product of the means, trace-free."""
    mean = smooth(u, width)
    τ = smooth(u[:, None] * u[None], width) - mean[:, None] * mean[None]
    return trace_free(τ.permute(2, 3, 4, 0, 1))


def series(mean: Velocity, width: float, orders: int) -> Float[Tensor, "n n n 3 3"]:
    """Return the stress from the smoothed flow alone: the expansion of a Gaussian smoothing, cut off.

        τ_ij = Σ_m (width² / 12)^m / m!  ∂^m u_i · ∂^m u_j,      all m-th derivatives, summed over

    The first term is Clark's closure. No number is fitted; each term looks a little further.

    Args:
        mean: smoothed velocity.
        width: of the smoothing.
        orders: number of terms, 1 or more.
    """
    k = wave_vectors(mean.shape[-1]).to(mean.dtype)
    slopes, factor = to_waves(mean)[None], 1.0
    τ = torch.zeros(*mean.shape[1:], 3, 3).to(mean)
    for order in range(1, orders + 1):
        slopes = (1j * k[:, None] * slopes[:, None]).flatten(0, 1)
        factor *= width**2 / 12 / order
        for d in map(to_points, slopes):
            τ += factor * torch.einsum("ixyz,jxyz->xyzij", d, d)
    return trace_free(τ)


def trace_free(t: Float[Tensor, "... 3 3"]) -> Float[Tensor, "... 3 3"]:
    """Return the part of l = 2: symmetric, and without a trace."""
    t = (t + t.mT) / 2
    return t - t.diagonal(dim1=-2, dim2=-1).sum(dim=-1)[..., None, None] / 3 * torch.eye(3).to(t)


explain(globals())
