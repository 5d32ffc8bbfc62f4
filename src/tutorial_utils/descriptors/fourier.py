"""Functions on a ball as coefficients: radial functions times spherical harmonics."""

import torch
from e3nn import o3
from jaxtyping import Float
from torch import Tensor

from tutorial_utils.descriptors.radial import Radial


def lengths_and_directions(
    vectors: Float[Tensor, "... 3"],
) -> tuple[Float[Tensor, "..."], Float[Tensor, "... 3"]]:
    """Return r (Å) and r̂; the zero vector has the direction 0 and no gradient, instead of NaN."""
    square = vectors.pow(2).sum(-1)
    somewhere = square > 0
    r = torch.where(somewhere, square, 1.0).sqrt()
    directions = torch.where(somewhere.unsqueeze(-1), vectors / r.unsqueeze(-1), 0.0)
    return torch.where(somewhere, r, 0.0), directions


def harmonics(directions: Float[Tensor, "... 3"], lmax: int) -> Float[Tensor, "... (lmax+1)**2"]:
    """Return Y_lm, l = 0 … lmax, orthonormal on the sphere: ∫ Y_lm Y_l'm' dΩ = δδ (e3nn's order and axes)."""
    return o3.spherical_harmonics(list(range(lmax + 1)), directions, False, normalization="integral")


def project(
    vectors: Float[Tensor, "... neighbours 3"],
    radial: Radial,
    lmax: int,
    *,
    weights: Tensor | None = None,
) -> Float[Tensor, "... size (lmax+1)**2"]:
    """Return the coefficients of a sum of Dirac deltas at the ends of the vectors.

    * c_nlm = Σ_j w_j R_n(r_j) Y_lm(r̂_j), so that f(r) = Σ c_nlm R_n(r) Y_lm(r̂).
    * They turn with the vectors by D_l, and do not change with the order of the neighbours.
    * Differentiable; vectors beyond the cutoff and padding with weight 0 add nothing.
    * A neighbour at the centre has no direction: it adds to l = 0 alone, without gradient.

    Args:
        vectors: (..., neighbours, 3) Å, from the centre to each neighbour.
        radial: orthonormal radial functions.
        lmax: highest degree.
        weights: (..., neighbours), or (..., neighbours, channels) for one set each; None: ones.

    Returns:
        (..., size, (lmax+1)²), or (..., channels, size, (lmax+1)²) where the weights have channels.

    Raises:
        ValueError: for shapes other than these or a negative degree.
    """
    check_projection(vectors, lmax, weights)
    r, directions = lengths_and_directions(vectors)
    R, Y = radial(r), harmonics(directions, lmax)
    if weights is None:
        return torch.einsum("...jn,...jm->...nm", R, Y)
    if weights.ndim == r.ndim:
        return torch.einsum("...j,...jn,...jm->...nm", weights.to(R), R, Y)
    return torch.einsum("...jc,...jn,...jm->...cnm", weights.to(R), R, Y)


def check_projection(vectors: Tensor, lmax: int, weights: Tensor | None) -> None:
    """Raise the ValueError of `project`."""
    if vectors.ndim < 2 or vectors.shape[-1] != 3:
        raise ValueError(f"vectors: expected (..., neighbours, 3) in Å, got {tuple(vectors.shape)}")
    if lmax < 0:
        raise ValueError(f"lmax: expected a degree of 0 or more, got {lmax}")
    many = vectors.shape[:-1]
    if weights is not None and weights.shape != many and weights.shape[:-1] != many:
        raise ValueError(
            f"weights: expected {tuple(many)} or {(*many, 'channels')} for vectors {tuple(vectors.shape)}, "
            f"got {tuple(weights.shape)}"
        )
