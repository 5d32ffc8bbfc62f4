"""Exercises of session 10: flows, their closures, halos, and tensor fields of one's own."""

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from tutorial_utils import groups, symmetry
from tutorial_utils.exercises.engine import exercise
from tutorial_utils.exercises.reading import ROUNDING, Wrong, tensor
from tutorial_utils.fields import fluid

_BOX = 100.0


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _apart(a: Tensor, b: Tensor) -> float:
    return (a - b).abs().max().item()


@exercise(
    "10.1",
    title="Take the divergence away",
    hint=[
        "The divergence of a wave is i k · u. Which part of u has none? The one across k.",
        "along = (k * waves).sum(0) / (k * k).sum(0).clamp(min=1); then waves - k * along.",
    ],
)
def project(answer: Callable[[Tensor, Tensor], Tensor]) -> str:
    """No divergence; waves across k and the mean flow stay; twice is once; it turns with the flow."""
    k = torch.stack(torch.meshgrid(*[torch.arange(-3.0, 4.0, dtype=torch.float64)] * 3, indexing="ij"))
    u = torch.randn(2, 3, 7, 7, 7, generator=_generator(), dtype=torch.float64)
    waves = torch.complex(u[0], u[1])

    def project(waves: Tensor, k: Tensor) -> Tensor:
        return tensor(answer(waves, k), "The waves without divergence", waves.shape)

    found = project(waves, k)
    along = k * (k * waves).sum(0) / (k * k).sum(0).clamp(min=1)
    if _apart(found, along) < ROUNDING:
        raise Wrong("That is the part along k, which is all divergence: take it away from the waves.")
    if _apart(found, waves + along) < ROUNDING:
        raise Wrong("The part along k was doubled, not removed: suspect the sign (i times i is -1).")
    if _apart(found, waves - k * (k * waves).sum(0)) < ROUNDING:
        raise Wrong("k (k · u) is k² times the part along k: divide by k · k.")
    if not found.isfinite().all():
        raise Wrong("Not a number at k = 0, where k·k is zero: the mean flow has no divergence, so it stays.")
    if (error := (k * found).sum(0).abs().max().item()) > ROUNDING:
        raise Wrong(
            f"The divergence of the result is not zero: |k · u| up to {error:.2g}. "
            "Suspect a sum over the wrong axis, or a sign (i times i is -1)."
        )
    if _apart(found[:, 3, 3, 3], waves[:, 3, 3, 3]) > ROUNDING:
        raise Wrong("The mean flow, at k = 0, was changed: it has no divergence, so it stays.")
    across = torch.linalg.cross(k.to(waves), waves, dim=0)
    across[:, 3, 3, 3] = 0
    if (error := _apart(project(across, k), across)) > ROUNDING:
        raise Wrong(
            f"k × u has no divergence, but it was changed by up to {error:.2g}. Suspect that more than the "
            "part along k was taken away."
        )
    R = torch.tensor(symmetry.random_rotation(np.random.default_rng(0)))
    turned = project(torch.einsum("ij,jxyz->ixyz", R.to(waves), waves), torch.einsum("ij,jxyz->ixyz", R, k))
    if (error := _apart(turned, torch.einsum("ij,jxyz->ixyz", R.to(waves), found))) > ROUNDING:
        raise Wrong(
            f"rotation of 1o fails by {error:.2g}: turn waves and wave vectors, and the answer turns."
        )
    return "No divergence, the mean flow stays, and the answer turns with the flow: a projection of vectors."


@exercise(
    "10.2",
    title="What smoothing hides of a linear flow",
    hint=[
        "Only the products ⟨x_k x_l⟩ = δ_kl width²/12 survive the average over the Gaussian.",
        "τ = width² / 12 · A @ A.mT; then take a third of the trace off the diagonal.",
    ],
)
def linear_flow(answer: Callable[[Tensor, float], Tensor]) -> str:
    """Compare with the average over Gaussian points, which is exact for a linear flow."""
    A = torch.randn(6, 3, 3, generator=_generator(), dtype=torch.float64)

    def stress(A: Tensor, width: float) -> Tensor:
        return tensor(answer(A, width), "The stress for each gradient", A.shape)

    found = stress(A, 2.0)
    if _apart(found, -fluid.trace_free(A @ A.mT) / 3) < ROUNDING:
        raise Wrong("All right but the sign: the stress is the mean of u_i u_j, as it stands.")
    R = torch.tensor(symmetry.random_rotation(np.random.default_rng(0)))
    if (error := _apart(stress(R @ A @ R.T, 2.0), R @ found @ R.T)) > ROUNDING:
        raise Wrong(
            f"rotation of 2e fails by {error:.2g}: τ(R A Rᵀ) should be R τ(A) Rᵀ. Suspect a product of "
            "components (*) where a product of matrices (@) belongs."
        )
    if (error := found.diagonal(dim1=1, dim2=2).sum(1).abs().max().item()) > ROUNDING:
        raise Wrong(f"0e is left in the answer: its trace is up to {error:.2g}. Take a third of it off.")
    if (error := _apart(found, found.mT)) > ROUNDING:
        raise Wrong(f"1e is left in the answer: it is not symmetric, by {error:.2g}.")
    x = torch.tensor(_cubature()) / math.sqrt(3)  # width 2: the variance is 4/12
    u = torch.einsum("pij,nj->pni", A, x)
    exact = fluid.trace_free(torch.einsum("pni,pnj->pij", u, u) / len(x))
    if _apart(found, exact) > ROUNDING:
        raise Wrong(_suspect_product(A, found, exact))
    if _apart(stress(A, 4.0), 4 * found) > ROUNDING:
        raise Wrong("A filter twice as wide hides four times as much of a linear flow: width² is missing.")
    return "Exact for a linear flow, 2e, without a trace. This is Clark's closure."


def _cubature() -> Float[np.ndarray, "6 3"]:
    """Six points whose second moments are those of a normal density with variance 1."""
    return math.sqrt(3) * np.concatenate([np.eye(3), -np.eye(3)])


def _suspect_product(A: Tensor, found: Tensor, exact: Tensor) -> str:
    other, squared = fluid.trace_free(A.mT @ A), fluid.trace_free(A @ A + (A @ A).mT)
    ratio = (found * exact).sum() / exact.square().sum()
    if _apart(found * (other.norm() / found.norm()), other) < ROUNDING:
        why = (
            "This is AᵀA: it obeys every rotation and is wrong. Symmetry allows both; u_i = A_ij x_j decides."
        )
    elif _apart(found * (squared.norm() / found.norm()), squared) < ROUNDING:
        why = "This is A A, made symmetric: the second factor has to be transposed, u_i u_j = A_ik A_jk."
    elif _apart(found, ratio * exact) < ROUNDING:
        why = f"The form is right, the factor is {ratio:.3g} times what it should be: width²/12 is wanted."
    else:
        why = "Suspect the strain alone: the vorticity counts too."
    return f"It turns correctly, but differs from the exact average by {_apart(found, exact):.2g}. {why}"


@exercise(
    "10.3",
    title="Make any closure equivariant",
    hint=[
        "Turn the gradient, ask the closure, turn its answer back; then the mean over the rotations.",
        "sum(R.T @ closure(R @ A @ R.T) @ R for R in rotations) / len(rotations)",
    ],
)
def twirl(answer: Callable[[Callable[[Tensor], Tensor], Tensor, Tensor], Tensor]) -> str:
    """The mean commutes with the rotations, and leaves a closure alone that does so already."""
    rotations = torch.tensor(np.array(groups.molecular("O")))
    A = torch.randn(5, 3, 3, generator=_generator(), dtype=torch.float64)

    def plain(A: Tensor) -> Tensor:  # knows the axes
        x = A.flatten(1)
        found = torch.stack([x[:, :3].sin(), x[:, 3:6] * x[:, :3], x[:, 6:].cos() * x[:, :3]], dim=1)
        return found + found.mT

    def clark(A: Tensor) -> Tensor:
        return A @ A.mT

    def mean(closure: Callable[[Tensor], Tensor], A: Tensor, group: Tensor) -> Tensor:
        return tensor(answer(closure, A, group), "The mean answer for each gradient", A.shape)

    if (error := _apart(mean(clark, A, rotations), clark(A))) > ROUNDING:
        raise Wrong(
            f"A Aᵀ obeys the law already, but the mean differs from it by {error:.2g}. Suspect that the "
            "answer was not turned back, or was turned the wrong way, or that the sum was "
            "not divided by its number."
        )
    found = mean(plain, A, rotations)
    if _apart(found, plain(A)) < ROUNDING:
        raise Wrong("The closure was asked once, as it is: turn the gradient by every rotation of the group.")
    for R in rotations[1:]:
        if (error := _apart(mean(plain, R @ A @ R.T, rotations), R @ found @ R.T)) > ROUNDING:
            raise Wrong(
                f"rotation by an element of the group fails by {error:.2g}. Suspect that some rotations were "
                "left out: the mean has to run over the whole group."
            )
    direct = sum(R.T @ plain(R @ A @ R.T) @ R for R in rotations) / len(rotations)
    if (error := _apart(found, direct)) > ROUNDING:
        raise Wrong(
            f"The result obeys the law, but is not the mean: off by {error:.2g}. Suspect a factor, or a "
            "projection that throws answers away."
        )
    if _apart(mean(plain, A, rotations[:1]), plain(A)) > ROUNDING:
        raise Wrong("For the group of one element, the identity, the mean is the closure itself.")
    return "Equivariant under all 24 rotations of the cube, whatever the closure was."


@exercise(
    "10.4",
    title="A pull from all sides",
    hint=[
        "The box repeats: d - box * torch.round(d / box) is the way to the nearest image.",
        "Σ_j m_j d_ij / |d_ij| over the others within the cutoff; a halo does not pull itself.",
    ],
)
def pull(answer: Callable[[Tensor, Tensor, float, float], Tensor]) -> str:
    """Translation, periodicity, permutation, the cube's rotations, one pair, and masses that add up."""
    generator, cutoff = _generator(), 30.0
    x = _BOX * torch.rand(40, 3, generator=generator, dtype=torch.float64)
    m = 1 + torch.rand(40, generator=generator, dtype=torch.float64)

    def vectors(x: Tensor, m: Tensor) -> Tensor:
        found = tensor(answer(x, m, _BOX, cutoff), "The vectors, one for each halo,", (len(x), 3))
        if not found.isfinite().all():
            raise Wrong("Not a number: a halo is at distance zero from itself. Leave it out.")
        return found

    _one_pair(vectors)
    found = vectors(x, m)
    shift = torch.tensor([13.0, 57.0, 91.0], dtype=torch.float64)
    if (error := _apart(vectors((x + shift) % _BOX, m), found)) > ROUNDING:
        raise Wrong(
            f"translation fails by {error:.2g}: moved and wrapped into the box again, the same halos get "
            "other vectors. Suspect missing images."
        )
    if (error := _apart(vectors(x + _BOX * torch.round(3 * x / _BOX), m), found)) > ROUNDING:
        raise Wrong(f"periodicity fails by {error:.2g}: whole boxes further is the same place.")
    order = torch.randperm(40, generator=generator)
    if (error := _apart(vectors(x[order], m[order]), found[order])) > ROUNDING:
        raise Wrong(f"permutation fails by {error:.2g}.")
    for R in torch.tensor(np.array(groups.molecular("O")))[1:4]:
        if (error := _apart(vectors(x @ R.T, m), found @ R.T)) > ROUNDING:
            raise Wrong(f"rotation of 1o by an element of the cube's group fails by {error:.2g}.")
    _within_cutoff(vectors, cutoff)
    small = tensor(answer(x / 4, m, _BOX / 4, cutoff / 4), "The vectors", (len(x), 3))
    if _apart(small, found) > ROUNDING:
        raise Wrong(
            "Box, positions and cutoff a quarter as large: the directions, and so the answer, should stay. "
            "Suspect a box or a cutoff that is written as a number."
        )
    return "Vectors that move, wrap, renumber and turn with the halos: sums of l = 1."


def _one_pair(vectors: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Two halos along x: name the sign, the mass or the length that is not right."""
    pair = torch.tensor([[10.0, 0, 0], [30.0, 0, 0]], dtype=torch.float64)
    wanted = torch.tensor([[3.0, 0, 0], [-2.0, 0, 0]], dtype=torch.float64)
    found = vectors(pair, torch.tensor([2.0, 3.0], dtype=torch.float64))
    if _apart(found, wanted) < ROUNDING:
        return
    slips = {
        "Suspect the sign: the way to the other halo is x_j - x_i.": -wanted,
        "Suspect the mass: that of the halo that pulls counts.": -wanted.flip(0),
        "Suspect that the masses are missing.": wanted.sign(),
        "Suspect the length: divide each difference by it, only directions are asked for.": 20 * wanted,
        "Suspect a law of distance: the pull is as strong at any distance within the cutoff.": wanted / 400,
    }
    why = [slip for slip, value in slips.items() if _apart(found, value) < ROUNDING]
    raise Wrong(
        "Two halos along x, 20 apart, masses 2 and 3: the first is pulled by (3, 0, 0), the second by "
        f"(-2, 0, 0); got {found[0].tolist()} and {found[1].tolist()}. "
        + (why[0] if why else "Suspect that one of the two was left out, or images on one side.")
    )


def _within_cutoff(vectors: Callable[[Tensor, Tensor], Tensor], cutoff: float) -> None:
    """Pairs along a diagonal of the box: the cutoff is a distance in space."""
    two = torch.ones(2, dtype=torch.float64)
    for apart in (45.0, 19.0):  # the second pair is within the cutoff along each axis, but not in space
        lone = torch.tensor([[5.0, 5, 5]], dtype=torch.float64) + torch.tensor([[0.0], [apart]])
        if vectors(lone, two).abs().max() > ROUNDING:
            raise Wrong(
                f"Two halos {3**0.5 * apart:.1f} apart pull each other, the cutoff is {cutoff:g}. Suspect "
                "that it was left out, or compared with single components of the distance."
            )
    diagonal = torch.tensor([[0.0, 0, 0], [15.0, 15, 15]], dtype=torch.float64)  # 26 apart
    if _apart(vectors(diagonal, two)[0], diagonal[1] / diagonal[1].norm()) > ROUNDING:
        raise Wrong(
            "Two halos 26 apart along a diagonal should pull each other, the cutoff is 30. Suspect |d|."
        )


@exercise(
    "10.5",
    title="Turn a field of tensors",
    hint=[
        "The places turn, x → R x, and so do the tensors that they carry, D → R D Rᵀ.",
        "return x @ R.T, R @ D @ R.T",
    ],
)
def turn_field(answer: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]) -> str:
    """A field made from places alone turns with them; two turns are one; traces and eigenvalues stay."""
    generator = _generator()
    x = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    r = x.norm(dim=1)[:, None, None]

    def made(x: Tensor) -> Tensor:  # stretched along the place, different at each, and not symmetric
        spin = torch.linalg.cross(torch.eye(3).to(x).expand(7, 3, 3), x[:, None].expand(7, 3, 3))
        return x[:, :, None] * x[:, None, :] + r * torch.eye(3) + spin

    def turn(x: Tensor, D: Tensor, R: Tensor) -> tuple[Tensor, Tensor]:
        found = answer(x, D, R)
        if not isinstance(found, tuple | list) or len(found) != 2:
            raise Wrong(f"Expected the pair (places, tensors), got {type(found).__name__}.")
        return tensor(found[0], "The places", (7, 3)), tensor(found[1], "The tensors", (7, 3, 3))

    rng = np.random.default_rng(0)
    R, Q = (torch.tensor(symmetry.random_rotation(rng)) for _ in range(2))
    y, D = turn(x, made(x), R)
    if _apart(y, x @ R.T) > ROUNDING:
        inverse = _apart(y, x @ R) < ROUNDING
        raise Wrong(
            "The places do not turn by R: "
            + ("they turn by its inverse. Rows are places: x @ R.T." if inverse else "R x for each of them.")
        )
    if _apart(D, made(x)) < ROUNDING:
        raise Wrong("The tensors stayed as they were: their axes have to turn along (2e, not nine scalars).")
    values = [torch.linalg.eigvalsh((t + t.mT) / 2) for t in (made(x), D)]
    if (error := _apart(*values)) > ROUNDING:
        raise Wrong(
            f"The eigenvalues changed by up to {error:.2g}; a turn leaves them. Suspect one R in place of "
            "two: both indices turn."
        )
    turned = made(x @ R.T)
    if (error := _apart(D, turned)) > ROUNDING:
        even = _apart(D + D.mT, turned + turned.mT) < ROUNDING
        raise Wrong(
            f"rotation of {'1e' if even else '2e'} fails by {error:.2g}: tensors made from the turned places "
            "are others. "
            + (
                "Suspect a transposed or a symmetrised tensor."
                if even
                else "Suspect Rᵀ D R, the inverse turn."
            )
        )
    if _apart(turn(*turn(x, made(x), R), Q)[1], turn(x, made(x), Q @ R)[1]) > ROUNDING:
        raise Wrong("Turning by R and then by Q is turning by Q R; here it is not.")
    other = torch.randn(7, 3, 3, generator=generator, dtype=torch.float64)
    if _apart(turn(x, other, R)[1], R @ other @ R.T) > ROUNDING:
        raise Wrong("Tensors that have nothing to do with the places should turn by R, too: R D Rᵀ.")
    return "Places and tensors turn together, and two turns are one: a representation."
