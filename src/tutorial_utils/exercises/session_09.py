"""Exercises of session 9: densities on the sphere, flow matching, and honest scores of samples."""

import math
import numbers
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from tutorial_utils import groups, symmetry
from tutorial_utils.exercises.engine import exercise
from tutorial_utils.exercises.reading import ROUNDING, Wrong, number, tensor

_AXES = np.concatenate([np.eye(3), -np.eye(3)])
_TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 3**0.5
_CUBE = np.concatenate([_TETRAHEDRON, -_TETRAHEDRON])


def _about_y(degrees: float) -> Float[np.ndarray, "3 3"]:
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def _methyl(turned: float) -> Float[np.ndarray, "3 3"]:
    """Three hydrogens, at 109.47° from a bond along y."""
    y = -1 / 3
    first = np.array([math.sqrt(1 - y**2), y, 0.0])
    return np.stack([_about_y(turned + 120 * k) @ first for k in range(3)])


_PAIRS = [
    ("a methyl group, staggered and eclipsed", _methyl(0), _methyl(60), 3),
    # here the components of Y_3 differ, but their sum does not
    ("a methyl group, turned by 15° and by 75°", _methyl(15), _methyl(75), 3),
    ("one lobe up, one lobe down", np.array([[0, 1.0, 0]]), np.array([[0, -1.0, 0]]), 1),
    ("two lobes along x, two along y", _AXES[[0, 3]], _AXES[[1, 4]], 2),
    ("a tetrahedron and its mirror image", _TETRAHEDRON, -_TETRAHEDRON, 3),
    ("an octahedron, turned by 45°", _AXES, _AXES @ _about_y(45).T, 4),
    ("a cube, turned by 45°", _CUBE, _CUBE @ _about_y(45).T, 4),
    ("a square and a hexagon of lobes around y",
     np.stack([_about_y(90 * k) @ [1, 0, 0] for k in range(4)]),
     np.stack([_about_y(60 * k) @ [1, 0, 0] for k in range(6)]), 4),
]  # fmt: skip


@exercise(
    "9.1",
    title="Which degree can tell?",
    hint=[
        "A density up to l sees a set of directions through the mean of Y_l. When do two means differ?",
        "For l = 1, 2, …: o3.spherical_harmonics(l, n, True).mean(dim=0), once for each set.",
    ],
)
def which_degree(answer: Callable[[Tensor, Tensor], int]) -> str:
    """Compare with the lowest degree whose means differ, for sets that are turned at random as well."""
    for name, one, other, wanted in _PAIRS:
        R = symmetry.random_rotation(np.random.default_rng(0))
        # a mean, whatever the order; and each direction twice changes nothing
        trials = [
            (one, other),
            (one @ R.T, other @ R.T),
            (np.concatenate([one, one]), np.roll(other, 1, axis=0)),
        ]
        for what, (a, b) in zip(("", ", turned at random", ", one set listed twice"), trials, strict=True):
            found = number(answer(torch.tensor(a), torch.tensor(b)), "The lowest degree").real
            found = int(found) if found == int(found) else found
            if found != wanted:
                raise Wrong(f"{name}{what}: expected l = {wanted}, got {found!r}. {_why_degree(a, b, found)}")
    return f"All {len(_PAIRS)} pairs. Three lobes around a bond need l = 3: below, they are a ring."


def _why_degree(a: Float[np.ndarray, "a 3"], b: Float[np.ndarray, "b 3"], found: object) -> str:
    if not isinstance(found, numbers.Integral):
        return "Return a whole number."
    if found < 1:
        return "Degree 0 is the same for all sets: start at 1."
    means = [
        [groups.spherical_harmonics(l, x).mean(0) for x in (a, b)] for l in range(1, max(12, int(found)) + 1)
    ]
    apart = [l for l, (one, other) in enumerate(means, 1) if np.abs(one - other).max() > 1e-8]
    sizes = [(float(np.linalg.norm(one)), float(np.linalg.norm(other))) for one, other in means]
    lengths = [l for l, (one, other) in enumerate(sizes, 1) if abs(one - other) > 1e-8]
    if lengths and apart[0] < int(found) == lengths[0]:
        return "Means of one length may point in different directions: compare components, not norms."
    difference = np.abs(
        groups.spherical_harmonics(int(found), a).mean(0) - groups.spherical_harmonics(int(found), b).mean(0)
    )
    if difference.max() < 1e-8:
        return (
            f"The means of Y_{found} agree, so a density up to {found} gives both sets the same likelihood. "
            "Suspect a comparison of single directions, or of sums over sets of different size, or one "
            "without a tolerance for round-off."
        )
    return (
        "A lower degree has different means already. Suspect that degrees were left out, a wide tolerance, "
        "or one that was added."
    )


@exercise(
    "9.2",
    title="Make the way short",
    hint=[
        "Renumber first: scipy.optimize.linear_sum_assignment of squared distances between particles.",
        "Then turn: U, _, Vt = np.linalg.svd(x1.T @ x0) and x1 @ U @ Vt; a reflection is allowed here.",
    ],
)
def short_way(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> str:
    """The same configuration, at a distance no larger than renumbering and turning in this order gives."""
    rng = np.random.default_rng(0)
    # flat clouds as well: for some of them the nearest image is a reflected one
    for thickness in (1.0, 1.0, 0.1, 0.1, 0.1, 0.1):
        x0, x1 = rng.normal(size=(2, 13, 3)) * [1.0, 1.0, thickness]
        x0, x1 = x0 - x0.mean(axis=0), x1 - x1.mean(axis=0)
        found = tensor(answer(x0, x1), "What you return").numpy()
        if found.shape != x1.shape:
            raise Wrong(f"Expected the particles of x1, shape {x1.shape}, got {found.shape}.")
        _same_configuration(x1, found)
        before, after = np.linalg.norm(x1 - x0), np.linalg.norm(found - x0)
        renumbered = x1[linear_sum_assignment(((x0[:, None] - x1) ** 2).sum(axis=-1))[1]]
        U, _, Vt = np.linalg.svd(renumbered.T @ x0)
        best = np.linalg.norm(renumbered @ U @ Vt - x0)
        for message, slip in _way_slips(x0, x1, renumbered).items():
            if np.abs(found - slip).max() < ROUNDING and after > best + ROUNDING:
                raise Wrong(f"The way has length {after:.3f}, but {best:.3f} is possible. {message}")
        if after > before + ROUNDING:
            raise Wrong(
                f"The way became longer: {before:.2f} before, {after:.2f} after. Suspect the transposed "
                "rotation, or the inverse of the permutation."
            )
        if after > best + ROUNDING:
            raise Wrong(
                f"The way has length {after:.3f}, but {best:.3f} is possible: renumber, then turn. "
                "Suspect that reflections were left out, or the order of the two steps."
            )
    return "Same configuration, shorter way: for random numbers it shrinks by a third to a half."


def _way_slips(
    x0: Float[np.ndarray, "n 3"], x1: Float[np.ndarray, "n 3"], renumbered: Float[np.ndarray, "n 3"]
) -> dict[str, np.ndarray]:
    """Return where particles end up after the usual slips, by what to say of them."""

    def turned(x: np.ndarray) -> np.ndarray:
        U, _, Vt = np.linalg.svd(x.T @ x0)
        return x @ U @ Vt

    def numbered(x: np.ndarray) -> np.ndarray:
        return linear_sum_assignment(((x0[:, None] - x) ** 2).sum(axis=-1))[1]

    U, _, Vt = np.linalg.svd(renumbered.T @ x0)
    return {
        "Nothing was moved.": x1,
        "You renumbered, and did not turn.": renumbered,
        "You turned, and did not renumber.": turned(x1),
        "You turned first: renumber first, then turn.": turned(x1)[numbered(turned(x1))],
        "The rotation is the inverse one: rows of x1 turn by x1 @ U @ Vt.": renumbered @ (U @ Vt).T,
        "That is the inverse of the permutation: x1[columns] with the second result, rows for x0.": turned(
            x1[np.argsort(numbered(x1))]
        ),
    }


def _same_configuration(x1: Float[np.ndarray, "n 3"], found: Float[np.ndarray, "n 3"]) -> None:
    lengths = [np.sort(np.linalg.norm(x[:, None] - x, axis=-1).ravel()) for x in (x1, found)]
    error = np.abs(lengths[0] - lengths[1]).max()
    if error > ROUNDING:
        raise Wrong(
            f"That is another configuration: its distances differ from those of x1 by up to {error:.1e}. "
            "Suspect a matrix that is not orthogonal, or that particles of x0 were returned."
        )


@exercise(
    "9.3",
    title="How many samples are they worth?",
    hint=[
        "The weight of a sample is what it should have over what it has: exp(-E) / p.",
        "Subtract the largest logarithm before exp; then (Σ w)² / Σ w², over the number of samples.",
    ],
)
def effective_size(answer: Callable[[np.ndarray, np.ndarray], float]) -> str:
    """Limits that are known: equal weights, one weight, added constants, and a known Gaussian case."""
    rng = np.random.default_rng(0)
    E, log_p = rng.normal(size=200), rng.normal(size=200)

    def size(E: np.ndarray, log_p: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            found = tensor(answer(E, log_p), "The effective size")
        if found.numel() != 1:
            raise Wrong(f"One number is asked for, got the shape {tuple(found.shape)}: add up the weights.")
        return found.item()

    if not abs((found := size(E, -E)) - 1) < ROUNDING:
        for message, slip in _weight_slips(E, -E).items():
            if abs(found - slip) < ROUNDING:
                raise Wrong(
                    f"Where log p = -E, all samples count alike: 1, and you have {found:.3g}. {message}"
                )
        raise Wrong(
            f"Where log p = -E, all samples count alike and the answer is 1; got {found:.3g}. Suspect the "
            "sign of E or of log p (the weight is exp(-E) / p), or that the number of samples is missing."
        )
    one = np.where(np.arange(200) == 7, -60.0, 0.0)
    if not abs((found := size(one, np.zeros(200))) - 1 / 200) < 1e-6:
        raise Wrong(
            f"One weight of e^60 among 200 samples is worth one sample, 1/200 = 0.005; got {found:.3g}. "
            "Suspect a mean of weights, or both signs: with w = exp(-E) / p it is (Σ w)² / (n Σ w²)."
        )
    if not abs((found := size(E + 2000, log_p - 3000)) - size(E, log_p)) < ROUNDING:
        raise Wrong(
            f"A constant added to E or to log p changes nothing, but the answer becomes {found:.3g}. Suspect "
            "overflow: subtract the largest log weight before exp."
        )
    deep = np.where(np.arange(200) == 7, -2000.0, 0.0)
    if not abs((found := size(deep, np.zeros(200))) - 1 / 200) < 1e-6:
        raise Wrong(
            f"One sample with E = -2000 among 200 is worth one sample, 0.005; got {found:.3g}. Suspect "
            "overflow: the *largest* log weight has to be subtracted before exp."
        )
    x = rng.normal(size=20000)  # drawn from a normal density, weighted towards one half as wide
    found = size(2 * x**2, -(x**2) / 2)
    if not abs(found - _kish(-1.5 * x**2)) < 1e-6:
        raise Wrong(
            f"For normal densities of widths 1 and ½ the answer is {_kish(-1.5 * x**2):.3f}; got {found:.3f}."
        )
    return "Equal weights, one heavy weight, added constants and two normal densities: all right."


def _weight_slips(E: Float[np.ndarray, " n"], log_p: Float[np.ndarray, " n"]) -> dict[str, float]:
    return {
        "Suspect the sign of log p: a likely sample counts less, the weight is exp(-E) / p.": _kish(
            log_p - E
        ),
        "Suspect the sign of E: a sample of high energy counts less, the weight is exp(-E) / p.": _kish(
            E - log_p
        ),
        "Divide by the number of samples: a share is asked for.": float(len(E)),
        "Suspect that E is missing from the weight.": _kish(-log_p),
    }


def _kish(log_w: Float[np.ndarray, " n"]) -> float:
    w = np.exp(log_w - log_w.max())
    return float(w.sum() ** 2 / (len(w) * (w**2).sum()))


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
    first = tensor(answer(lambda y: y @ A.T, x.expand(_TRIALS, -1).clone()), "The estimate")
    if first.shape == (_TRIALS,) and first.std() < 1e-9 and abs(first.mean() - A.trace()) < 1e-9:
        raise Wrong(
            "That is the exact divergence, with one gradient for each coordinate. Asked for is an estimate "
            "from one gradient: εᵀ A ε for a random ε."
        )
    cases = [
        ("v = A x", lambda y: y @ A.T, A.trace().item()),
        ("v = sin x, component by component", torch.sin, x.cos().sum().item()),
        ("v = x |x|²", lambda y: y * (y * y).sum(-1, keepdim=True), 8 * x.square().sum().item()),
        ("a rotation, v = (A - Aᵀ) x", lambda y: y @ (A - A.T).T, 0.0),
    ]
    for name, field, exact in cases:
        # one draw for each row, all rows the same point
        draws = tensor(answer(field, x.expand(_TRIALS, -1).clone()), "The estimate")
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
        found = tensor(answer(f0, f1, t), "What you return").numpy()
        if found.shape != f0.shape:
            raise Wrong(f"Expected one position for each atom, shape {f0.shape}, got {found.shape}.")
        if found.min() < 0 or found.max() >= 1 + 1e-12:
            raise Wrong("The result leaves the cell: fractional coordinates lie from 0 to 1; wrap with % 1.")
        return found

    for t, end in ((0.0, f0), (1.0, f1)):
        if (error := _apart(at(f0, f1, t), end)) > ROUNDING:
            raise Wrong(
                f"At t = {t:g} the atoms should stand at f{int(t)}; they are {error:.2f} of a cell away."
            )
    direct = np.abs((f1 - f0 + 0.5) % 1 - 0.5)
    halfway = _distance(at(f0, f1, 0.5), f0)
    if (error := np.abs(halfway - direct / 2).max()) > ROUNDING:
        part = halfway / direct
        slow = f"At t = 0.5 each atom has gone {part[0, 0]:.2f} of its way: t enters once, and not squared."
        far = (
            f"Half-way, an atom has gone up to {error:.2f} of a cell too far. Suspect the long way round: "
            "a difference of 0.9 is a step of -0.1."
        )
        raise Wrong(slow if np.ptp(part) < 1e-6 else far)
    if (error := np.abs(_distance(at(f0, f1, 0.2), f0) - direct / 5).max()) > ROUNDING:
        raise Wrong(
            f"At t = 0.2 an atom should have gone a fifth of its way; it is off by up to {error:.2f} of a "
            "cell. The velocity along the line is constant: t enters once, and not squared."
        )
    if (error := _apart(at(f0, f1 + whole, 0.3), at(f0, f1, 0.3))) > ROUNDING:
        raise Wrong(
            f"periodicity fails by {error:.2f}: f1 plus whole numbers is the same crystal. Suspect a wrap "
            "that allows for one cell only."
        )
    if (error := _apart(at(f0 + shift, f1 + shift, 0.3), at(f0, f1, 0.3) + shift)) > ROUNDING:
        raise Wrong(f"translation fails by {error:.2f}: moving both ends should move the line along.")
    return "The shortest way, whatever cells the ends are written in, and it moves with the origin."


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs((a - b + 0.5) % 1 - 0.5)


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(_distance(a, b).max())
