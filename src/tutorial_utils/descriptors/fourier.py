"""Functions on a ball as coefficients: radial functions times spherical harmonics."""

from dataclasses import dataclass, replace

import torch
from e3nn import o3
from jaxtyping import Float, Int, Real
from torch import Tensor

from tutorial_utils.conventions import floating
from tutorial_utils.descriptors.radial import Radial, overlap


def lengths_and_directions(
    vectors: Real[Tensor, "... 3"],
) -> tuple[Float[Tensor, "..."], Float[Tensor, "... 3"]]:
    """Return r (Å) and r̂; the zero vector has the direction 0 and no gradient, instead of NaN."""
    vectors = floating(vectors)
    square = vectors.pow(2).sum(-1)
    somewhere = square > 0
    r = torch.where(somewhere, square, 1.0).sqrt()
    directions = torch.where(somewhere.unsqueeze(-1), vectors / r.unsqueeze(-1), 0.0)
    return torch.where(somewhere, r, 0.0), directions


def harmonics(directions: Float[Tensor, "... 3"], lmax: int) -> Float[Tensor, "... {(lmax+1)**2}"]:
    """Return Y_lm, l = 0 … lmax, orthonormal on the sphere: ∫ Y_lm Y_l'm' dΩ = δδ (e3nn's order and axes)."""
    return o3.spherical_harmonics(list(range(lmax + 1)), directions, False, normalization="integral")


def project(
    vectors: Real[Tensor, "... neighbours 3"],
    radial: Radial,
    lmax: int,
    *,
    weights: Tensor | None = None,
) -> Float[Tensor, "... size {(lmax+1)**2}"]:
    """Return the coefficients of a sum of Dirac deltas at the ends of the vectors.

    * c_nlm = Σ_j w_j R_nl(r_j) Y_lm(r̂_j), so that f(r) = Σ c_nlm R_nl(r) Y_lm(r̂).
    * They turn with the vectors by D_l, and do not change with the order of the neighbours.
    * Differentiable; vectors beyond the cutoff and padding with weight 0 add nothing.
    * A neighbour at the centre adds to l = 0 alone, as R_nl ~ r^l says: nothing jumps when one passes by.

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
    B = basis_functions(vectors, radial, lmax)
    if weights is None:
        return B.sum(dim=-3)
    if weights.ndim == B.ndim - 2:
        return torch.einsum("...j,...jnm->...nm", weights.to(B), B)
    return torch.einsum("...jc,...jnm->...cnm", weights.to(B), B)


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


def basis_functions(
    points: Real[Tensor, "... 3"], radial: Radial, lmax: int
) -> Float[Tensor, "... size {(lmax+1)**2}"]:
    """Return the functions R_nl(r) Y_lm(r̂) (Å^-3/2) at points (Å) around the centre."""
    r, directions = lengths_and_directions(points)
    R = radial(r, lmax)[..., degree_of_component(lmax), :].mT  # (..., size, (lmax+1)²)
    return R * harmonics(directions, lmax).unsqueeze(-2)


def degree_of_component(lmax: int) -> Int[Tensor, "components"]:
    """Return 0, 1, 1, 1, 2, …: the degree l of each component (l, m)."""
    l = torch.arange(lmax + 1)
    return l.repeat_interleave(2 * l + 1)


@dataclass(frozen=True, eq=False)
class FourierTensor:
    """A function on a ball: f(r) = Σ c_nlm R_nl(r) Y_lm(r̂), zero outside.

    The name is that of a class which e3nn had until 2021.

    Attributes:
        coefficients: (..., size, (lmax+1)²) | in units of f times Å^3/2; leading axes are channels.
        radial: the orthonormal radial functions.
        lmax: highest degree.
    """

    coefficients: Tensor
    radial: Radial
    lmax: int

    def __post_init__(self) -> None:
        if not isinstance(self.coefficients, Tensor) or not self.coefficients.is_floating_point():
            raise ValueError("coefficients: expected a torch.Tensor of a floating dtype")
        wanted = (self.radial.size, (self.lmax + 1) ** 2)
        if tuple(self.coefficients.shape[-2:]) != wanted:
            shape = tuple(self.coefficients.shape)
            raise ValueError(f"coefficients: expected (..., {wanted[0]}, {wanted[1]}), got {shape}")

    @classmethod
    def from_geometry(
        cls, vectors: Tensor, radial: Radial, lmax: int, *, weights: Tensor | None = None
    ) -> "FourierTensor":
        """Return a sum of Dirac deltas at the ends of the vectors (..., neighbours, 3), Å; see `project`."""
        return cls(project(vectors, radial, lmax, weights=weights), radial, lmax)

    @classmethod
    def from_samples(
        cls,
        points: Float[Tensor, "samples 3"],
        values: Float[Tensor, "... samples"],
        radial: Radial,
        lmax: int,
    ) -> "FourierTensor":
        """Return the function that comes closest to samples, by least squares.

        Args:
            points: (samples, 3) Å from the centre; those beyond the cutoff are left out.
            values: (..., samples) f there.
            radial: orthonormal radial functions.
            lmax: highest degree.

        Raises:
            ValueError: for shapes that do not fit, or fewer points in the ball than coefficients.
        """
        if points.ndim != 2 or points.shape[1] != 3 or values.shape[-1:] != points.shape[:1]:
            shapes = f"{tuple(points.shape)} and {tuple(values.shape)}"
            raise ValueError(f"points, values: expected (samples, 3) and (..., samples), got {shapes}")
        inside = points.norm(dim=-1) <= radial.cutoff
        B = basis_functions(points[inside], radial, lmax).flatten(1)  # (inside, unknowns)
        if len(B) < B.shape[1]:
            raise ValueError(
                f"points: only {len(B)} lie within {radial.cutoff:g} Å, for {B.shape[1]} coefficients"
            )
        wanted = values[..., inside].reshape(-1, len(B)).T
        solution = torch.linalg.lstsq(B, wanted.to(B)).solution.T
        shape = (*values.shape[:-1], radial.size, (lmax + 1) ** 2)
        return cls(solution.reshape(shape), radial, lmax)

    def evaluate(self, points: Float[Tensor, "*points 3"]) -> Float[Tensor, "..."]:
        """Return f at points (Å); the channels come first."""
        B = basis_functions(points.to(self.coefficients), self.radial, self.lmax).flatten(-2)
        return torch.tensordot(self.coefficients.flatten(-2), B, dims=([-1], [-1]))

    def grid(self, resolution: int) -> tuple[Float[Tensor, "n n n 3"], Float[Tensor, "... n n n"]]:
        """Return points (Å) on a cube around the ball, `resolution` along each edge, and f there."""
        line = torch.linspace(-1, 1, resolution).to(self.coefficients) * self.radial.cutoff
        points = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), dim=-1)
        return points, self.evaluate(points)

    def __add__(self, other: "FourierTensor") -> "FourierTensor":
        """Return the sum of two functions in the same radial basis; the lower lmax is filled with zeros."""
        if not same_basis(self.radial, other.radial):
            raise ValueError(f"+: {self.radial} and {other.radial} differ; bring one over by with_radial")
        lmax = max(self.lmax, other.lmax)
        total = self.with_lmax(lmax).coefficients + other.with_lmax(lmax).coefficients
        return FourierTensor(total, self.radial, lmax)

    def with_lmax(self, lmax: int) -> "FourierTensor":
        """Return the function with degrees cut off above lmax, or filled with zeros up to it."""
        dim = (lmax + 1) ** 2
        kept = self.coefficients[..., :dim]
        return replace(self, coefficients=torch.nn.functional.pad(kept, (0, dim - kept.shape[-1])), lmax=lmax)

    def with_radial(self, radial: Radial) -> "FourierTensor":
        """Return the closest function in another radial basis (another size, cutoff or kind)."""
        S = overlap(self.radial, radial, self.lmax)[degree_of_component(self.lmax)]
        moved = torch.einsum("...nm,mnk->...km", self.coefficients, S.to(self.coefficients))
        return replace(self, coefficients=moved, radial=radial)

    def rotate(self, R: Float[Tensor, "3 3"]) -> "FourierTensor":
        """Return f(R⁻¹ r), the function turned by an orthogonal R; determinant -1 is a reflection."""
        R = torch.as_tensor(R).to(self.coefficients)
        if R.shape != (3, 3) or not torch.allclose(R @ R.T, torch.eye(3).to(R), atol=1e-5):
            raise ValueError(f"R: expected an orthogonal matrix (3, 3), got {R.tolist()}")
        D = o3.Irreps.spherical_harmonics(self.lmax).D_from_matrix(R)
        return replace(self, coefficients=self.coefficients @ D.T.to(R))

    def inner(self, other: "FourierTensor") -> Float[Tensor, "..."]:
        """Return ∫ f g d³r, channel by channel: with orthonormal functions the sum of c times c'."""
        if not same_basis(self.radial, other.radial):
            raise ValueError(f"inner: {self.radial} and {other.radial} differ; bring one over by with_radial")
        dim = (min(self.lmax, other.lmax) + 1) ** 2
        return (self.coefficients[..., :dim] * other.coefficients[..., :dim]).sum((-2, -1))


def same_basis(first: Radial, second: Radial) -> bool:
    """Tell whether two sets of radial functions are the same functions."""
    if first is second:
        return True
    if (first.size, first.cutoff) != (second.size, second.cutoff):
        return False
    r = torch.linspace(0.01, 1, 50, dtype=torch.float64) * first.cutoff
    one, other = first(r, 2), second(r, 2)
    return one.shape == other.shape and torch.allclose(one, other, atol=1e-9)
