"""Exercises 1.6 and 1.7: order parameters, and a target without a sign."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from ase import Atoms
from e3nn import o3
from jaxtyping import Float
from torch import Tensor

from tutorial_utils import symmetry
from tutorial_utils.exercises.engine import Wrong, exercise


@exercise(
    "1.6",
    title="Which irreps can carry it?",
    hint=[
        "P, the average of D(h) over H, projects onto what H leaves unchanged. What else in G leaves it so?",
        'o3.Irrep("3e").D_from_matrix(torch.tensor(R)) knows about parity. Count the g in G with D(g) P = P: '
        "there must be as many as H has.",
    ],
)
def carriers(answer: Callable[[list, list], Iterable[str]]) -> str:
    """For five distortions: the irreps in which what H leaves unchanged has exactly the symmetry H."""
    for name, high, low in _DISTORTIONS:
        G, H = symmetry.stabiliser(high), symmetry.stabiliser(low)
        named = read_irreps(answer(list(G), list(H)))
        for irrep in (o3.Irrep(l, p) for l in range(5) for p in (1, -1)):
            before, after, kept = _untouched(G, irrep), _untouched(H, irrep), _keepers(G, H, irrep)
            what = f"{name}: H leaves {after} component(s) of {irrep} unchanged, G {before}."
            if kept == len(H) and str(irrep) not in named:
                raise Wrong(f"{what} So {irrep} can carry the order parameter. {_both_parities(irrep)}")
            if kept > len(H) and str(irrep) in named:
                raise Wrong(f"{what} {_why_not(irrep, before, after, kept, len(H))}")
    return "All five distortions: several carriers in O(3) each, and you found them all."


def read_irreps(found: object) -> set[str]:
    """Read names of irreps, o3.Irrep objects, or a sum such as "2e+1x4e"."""
    one = isinstance(found, str | o3.Irreps | o3.Irrep)
    parts = list(found) if isinstance(found, Iterable) and not one else [found]
    try:
        return {
            str(ir)
            for part in parts
            for _, ir in o3.Irreps([(1, part)] if isinstance(part, o3.Irrep) else part)
        }
    except (ValueError, AssertionError, TypeError) as reason:
        raise Wrong(
            f'Expected names of irreps, degree, then parity e or o, such as {{"2e", "3e"}}; got {found!r}.'
        ) from reason


def _why_not(irrep: o3.Irrep, before: int, after: int, kept: int, order: int) -> str:
    no = f"So {irrep} cannot carry the order parameter."
    if after == before:
        return f"{no} " + (
            "It cannot tell the two structures apart."
            if after
            else "Suspect that reflections or the groups themselves were not looked at."
        )
    return (
        f"But {kept} operations of G leave all of these unchanged, and H has only {order}: a field of "
        f"{irrep} stops at a symmetry between G and H. {no}"
    )


def _both_parities(irrep: o3.Irrep) -> str:
    if irrep.p == (-1) ** irrep.l:
        return "Suspect a count over too few irreps."
    return "Suspect that only the parity of Y_l was tried."


def _keepers(G: np.ndarray, H: np.ndarray, irrep: o3.Irrep) -> int:
    """Count the operations of G that leave unchanged whatever H leaves unchanged."""
    D, D_H = (irrep.D_from_matrix(torch.tensor(np.array(group))) for group in (G, H))
    P = D_H.mean(dim=0)
    return int(((D @ P - P).abs().amax(dim=(1, 2)) < 1e-6).sum())


def _untouched(group: Float[np.ndarray, "operations 3 3"], irrep: o3.Irrep) -> int:
    D = irrep.D_from_matrix(torch.tensor(np.array(group)))  # (operations, 2l+1, 2l+1)
    return round(torch.einsum("gii->g", D).mean().item())


_SQUARE = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]], dtype=float)
_OCTAHEDRON = np.concatenate([np.eye(3), -np.eye(3)])
_TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=float)
_CENTRED = np.concatenate([np.zeros((1, 3)), _SQUARE])
_RAISED = np.concatenate([[[0, 0, 0.3]], _SQUARE])
_PULLED = _OCTAHEDRON + np.outer(np.arange(6) == 2, [0, 0, 0.4])
_LONGER = _TETRAHEDRON @ (np.eye(3) + 0.1)  # by a strain of yz + zx + xy
_DISTORTIONS = [
    ("square → rectangle", Atoms("C4", _SQUARE), Atoms("C4", _SQUARE * [1.4, 1, 1])),
    ("octahedron, stretched along z", Atoms("O6", _OCTAHEDRON), Atoms("O6", _OCTAHEDRON * [1, 1, 1.2])),
    ("square whose centre leaves the plane", Atoms("TiO4", _CENTRED), Atoms("TiO4", _RAISED)),
    ("tetrahedron, stretched along [111]", Atoms("C4", _TETRAHEDRON), Atoms("C4", _LONGER)),
    ("octahedron, one atom pulled away", Atoms("O6", _OCTAHEDRON), Atoms("O6", _PULLED)),
]


def _turned(target: Tensor, R: Float[Tensor, "3 3"]) -> Tensor:
    """Turn a vector (3,), a matrix (3, 3) or the five numbers of a 2e."""
    if target.ndim == 2:
        return R @ target @ R.T
    return (R if len(target) == 3 else o3.Irrep("2e").D_from_matrix(R)) @ target


@exercise(
    "1.7",
    title="A target with two heads",
    hint=[
        "Which product of a with itself does not notice the sign of a?",
        'torch.outer(a, a), or its traceless part o3.spherical_harmonics("2e", a, True).',
    ],
)
def two_heads(answer: Callable[[Tensor], Tensor]) -> str:
    """Even in the axis, equivariant as a matrix or as 2e, and different for different axes."""
    rng = np.random.default_rng(0)
    a, b = torch.nn.functional.normalize(torch.tensor(rng.normal(size=(2, 3))), dim=1)

    def target(axis: Tensor) -> Tensor:
        given = answer(axis.clone())
        try:
            rows = torch.stack(given) if isinstance(given, list) and torch.is_tensor(given[0]) else given
            found = torch.as_tensor(rows, dtype=axis.dtype)
        except (TypeError, ValueError, RuntimeError) as reason:
            raise Wrong(f"Expected a tensor of numbers, got {type(given).__name__}.") from reason
        if found.shape not in ((3, 3), (5,), (3,)) or not found.isfinite().all():
            shape = tuple(found.shape)
            raise Wrong(f"Expected a matrix (3, 3) or five finite numbers (5,), got the shape {shape}.")
        return found

    if (flip := (target(-a) - target(a)).abs().max().item()) > 1e-6:
        raise Wrong(
            f"a and -a get targets that differ by {flip:.1e}, but they are the same axis. "
            "Suspect an odd power of a."
        )
    for seed in range(3):
        R = torch.tensor(symmetry.random_rotation(np.random.default_rng(seed)))
        before, after = target(a), target(R @ a)
        expected = _turned(before, R)
        if (error := (after - expected).abs().max().item()) > 1e-6:
            raise Wrong(
                f"rotation fails for the target, by {error:.1e}: it does not turn with the axis. "
                "Suspect a choice of sign in fixed axes, or absolute values of components."
            )
    if (target(a) - target(b)).abs().max() < 1e-6:
        raise Wrong("Different axes get the same target: it has the symmetry, but says nothing.")
    return "The same for both heads, and it turns with the molecule: an axis is a 2e, not a vector."
