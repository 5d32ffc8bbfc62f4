"""Exercises of session 8: fast products, and what symmetry costs."""

from collections.abc import Callable

import numpy as np
import torch
from ase import Atoms
from e3nn import o3
from jaxtyping import Float
from torch import Tensor

from tutorial_utils import graphs, groups, nn, symmetry
from tutorial_utils.conventions import default_dtype
from tutorial_utils.exercises.engine import exercise
from tutorial_utils.exercises.reading import ROUNDING, Wrong, number, tensor
from tutorial_utils.scaling import sphere

Pair = tuple[Tensor, Tensor]


def _size(x: Tensor) -> float:
    return float(x.abs().max())


@exercise(
    "8.1",
    title="Two numbers for each m",
    hint=[
        "Read the two components as a complex number x_m + i x_-m: a rotation about the axis multiplies it "
        "by a phase. What else can be multiplied without noticing?",
        "Multiply by a + ib: y_m = a x_m − b x_-m and y_-m = a x_-m + b x_m, or the same with the other "
        "sign of b.",
    ],
)
def two_numbers(answer: Callable[[Tensor, Tensor, float, float], Pair]) -> str:
    """Rotate about the axis, reflect in a plane through it, and count what a and b can do."""
    x = torch.randn(2, 6, dtype=torch.float64)
    for m in (1, 2, 3):
        # how degree m turns about y: the outermost components are -m and m
        D = groups.wigner_D(m, np.array(_about_y(0.7)))
        R = torch.tensor(D[np.ix_([0, 2 * m], [0, 2 * m])])
        before, after = _mixed(answer, x, 0.8, -0.5), _mixed(answer, R @ x, 0.8, -0.5)
        error = _size(after - R @ before)
        if error > ROUNDING:
            swapped = before.flip(0)
            if _size(after.flip(0) - R @ swapped) < ROUNDING:
                raise Wrong("The two results are exchanged: return y_minus first, then y_plus.")
            a_only = _mixed(answer, R @ x, 1.0, 0.0) - R @ _mixed(answer, x, 1.0, 0.0)
            suspect = (
                "Suspect a: it has to multiply both components alike."
                if _size(a_only) > ROUNDING
                else "Suspect the sign of b in one of the two rows: one is plus, the other minus."
            )
            raise Wrong(
                f"A rotation about the axis does not commute with your map, m = {m}, error {error:.1e}. "
                f"{suspect}"
            )
    M = torch.stack([_mixed(answer, torch.eye(2), a, b) for a, b in ((1.0, 0.0), (0.0, 1.0))])
    if torch.linalg.matrix_rank(M.flatten(1), tol=ROUNDING) < 2:
        raise Wrong(
            "Your map commutes with rotations, but a and b do not give two different maps. Suspect a b that "
            "is not used: without it a layer is left with the even paths."
        )
    mirror = torch.diag(torch.tensor([-1.0, 1.0], dtype=torch.float64))
    if _size(mirror @ M[0] - M[0] @ mirror) > ROUNDING:
        raise Wrong(
            "With b = 0 a mirror through the axis does not commute with your map. Suspect that a and b are "
            "exchanged: a belongs on the diagonal."
        )
    found = _mixed(answer, x, 0.8, -0.5)
    formula = [0.8 * x + s * 0.5 * torch.stack([x[1], -x[0]]) for s in (1, -1)]
    if (off := min(_size(found - f) for f in formula)) > ROUNDING:
        raise Wrong(
            f"It commutes, but is not y_m = a x_m + b x_-m, y_-m = a x_-m - b x_m: off by {off:.2g} "
            "for either sign of b. Suspect a factor or a power of a or b, or a mixture of the two."
        )
    return "Rotations about the axis commute with it; a keeps the mirror, b breaks it: even and odd paths."


def _about_y(angle: float) -> list[list[float]]:
    c, s = float(np.cos(angle)), float(np.sin(angle))
    return [[c, 0, s], [0, 1, 0], [-s, 0, c]]


def _mixed(answer: Callable, x: Float[Tensor, "2 n"], a: float, b: float) -> Float[Tensor, "2 n"]:
    found = answer(x[0].double(), x[1].double(), a, b)
    if not isinstance(found, tuple | list | Tensor | np.ndarray) or len(found) != 2:
        raise Wrong(f"Return two tensors, y_minus and y_plus; got {type(found).__name__}.")
    if any(np.shape(part) != np.shape(x[0]) for part in found):
        raise Wrong(f"y_minus and y_plus have to have the shape of the inputs, {tuple(x[0].shape)}.")
    return tensor(found, "The pair y_minus, y_plus")


@exercise(
    "8.2",
    title="How fine must the grid be?",
    hint=[
        "The grid integrates polynomials exactly up to its degree. Which is the highest degree in A³ Y_lm?",
        "Three factors of degree L, and a harmonic of degree L to project on: values, back = "
        "sphere.transforms(L, 4 * L), then (c @ values)**3 @ back.",
    ],
)
def cube(answer: Callable[[Tensor, int], Tensor]) -> str:
    """Rotate, compare with an exact grid, and name aliasing by the size of the broken symmetry."""
    for L in (1, 2, 3, 4):
        c = torch.randn(4, (L + 1) ** 2, dtype=torch.float64)
        found, exact = tensor(answer(c, L), f"The cube for L = {L}"), sphere.pointwise(c, c, c, lmax=L)
        if found.shape != c.shape:
            raise Wrong(
                f"For L = {L} expected coefficients of shape {tuple(c.shape)}, got {tuple(found.shape)}. The "
                "cube reaches degree 3 L, but only those up to L are asked for."
            )
        if torch.allclose(found, exact, rtol=ROUNDING, atol=ROUNDING):
            continue
        if torch.allclose(found, c**3, rtol=ROUNDING):
            raise Wrong(
                "You cubed the coefficients; the values of the function have to be cubed, point by point."
            )
        squared = sphere.pointwise(c, c, lmax=L)
        if torch.allclose(found, squared, rtol=ROUNDING, atol=ROUNDING):
            raise Wrong("That is the square of the function: three factors are asked for.")
        if torch.allclose(found, sphere.pointwise(squared, c, lmax=L), rtol=ROUNDING, atol=ROUNDING):
            raise Wrong(
                f"L = {L}: the square was cut off at degree L before the third factor came. Degrees up to "
                "2 L count: take the third power of the values, point by point."
            )
        R = torch.tensor(symmetry.random_rotation(np.random.default_rng(1)))
        D = groups.D(o3.Irreps([(1, (l, 1)) for l in range(L + 1)]), R)
        broken = _size(tensor(answer(c @ D.mT, L), "The cube") - found @ D.mT) / _size(exact)
        if broken > ROUNDING:
            raise Wrong(
                f"Rotation fails for L = {L}: the result is off by {broken:.1%} after the function is "
                f"turned. Suspect "
                "a grid that is too coarse: high degrees of A³ are taken for low ones (aliasing), or "
                "weights of the points that are missing."
            )
        raise Wrong(
            f"Equivariant, but not the cube, L = {L}: off by {_size(found - exact) / _size(exact):.1%}. "
            "Suspect the normalisation: transforms() has the weights of a mean over directions."
        )
    return "Exact for L = 1 to 4: the grid has to take degree 4 L, three factors and the projection."


@exercise(
    "8.3",
    title="Which part of the loss is broken symmetry?",
    hint=[
        "Symmetric answers would be equal for all rotations of one frame. How far are they from their mean?",
        "answers.var(dim=1) divides by the number of rotations less one, so it is right on average for few "
        "rotations, too; divide its mean by the mean squared error.",
    ],
)
def share(answer: Callable[[Tensor, Tensor], float]) -> str:
    """Plant an error that is common to all rotations and one that is not, in known proportion."""
    target = torch.randn(4000, 3, 3, dtype=torch.float64)
    common, own = torch.randn_like(target), torch.randn(4000, 2, 3, 3, dtype=torch.float64)
    same = (target + common)[:, None].expand(-1, 2, -1, -1)
    value = _share(answer, same, target)
    if abs(value) > ROUNDING:
        raise Wrong(
            f"All rotations of a frame get the same answer, so nothing is broken; you find {value:.2f}. "
            f"Suspect that "
            "the error against the target is counted in."
        )
    planted = {0.5: (1.0, 1.0), 0.9: (1.0, 3.0), 1.0: (0.0, 1.0)}
    for right, (e, σ) in planted.items():
        value = _share(answer, same * e + (1 - e) * target[:, None] + σ * own, target)
        if abs(value - right) < 0.05:
            continue
        for wrong, suspect in _share_slips(e, σ).items():
            if abs(value - wrong) < 0.03:
                raise Wrong(f"Planted share {right:.2f}, you find {value:.2f}. {suspect}")
        raise Wrong(
            f"Planted share {right:.2f}, you find {value:.2f}. Suspect a percentage, the denominator (the "
            "whole mean squared error, over all rotations) or the axis over which you average (dim=1 holds "
            "the rotations)."
        )
    _five_rotations(answer, target)
    return "Right for planted shares, and for as few as two rotations of each frame."


def _five_rotations(answer: Callable, target: Tensor) -> None:
    """More rotations than two, and frames that differ in what is broken."""
    size = torch.linspace(0.1, 2, len(target), dtype=torch.float64)[:, None, None, None]
    many = target[:, None] + 1 + size * torch.randn(len(target), 5, 3, 3, dtype=torch.float64)
    right = float(size.square().mean() / (size.square().mean() + 1))
    value = _share(answer, many, target)
    if abs(value - right) > 0.03:
        raise Wrong(
            f"Right for two rotations and frames that are alike. For five rotations, and errors that differ "
            f"from frame to frame, the planted share is {right:.2f}, and you find {value:.2f}. Suspect a "
            "factor that holds for two rotations only, or a mean of ratios: the share is a ratio of means."
        )


def _share(answer: Callable, answers: Tensor, target: Tensor) -> float:
    return number(answer(answers, target), "The share").real


def _share_slips(e: float, σ: float) -> dict[float, str]:
    loss = e**2 + σ**2
    return {
        1 - σ**2 / loss: "That is the rest, the share that all rotations have in common.",
        σ**2 / 2 / loss: "The mean of two answers already fits half of their noise: divide by the "
        "number of rotations less one.",
        σ / loss**0.5: "That is a ratio of lengths; parts of a loss add up as squares.",
        σ**2: "Divide by the loss, not by the size of the target: the share is a part of the error.",
        σ**2 / (e**2 + σ**2 / 2): "The denominator is the loss of the single answers, not of their mean.",
    }


@exercise(
    "8.4",
    title="Two layouts of one feature",
    hint=[
        "Within each block mul x ir: mul_ir has all components of copy 1, then of copy 2; ir_mul has "
        "component 1 of "
        "all copies, then component 2.",
        "For each block: x[..., part].unflatten(-1, (mul, ir.dim)).mT.flatten(-2), then torch.cat.",
    ],
)
def layout(answer: Callable[[Tensor, o3.Irreps], Tensor]) -> str:
    """Mark every number with its copy and component, and see where it ends."""
    for text in ("4x1o", "2x0e + 3x1o + 2x2e", "5x2e + 1x1o + 3x0e"):
        irreps, place, target = o3.Irreps(text), [], []
        for (mul, ir), part in zip(irreps, irreps.slices(), strict=True):
            numbers = torch.arange(part.start, part.stop, dtype=torch.float64)
            place.append(numbers)
            target.append(numbers.reshape(mul, ir.dim).T.flatten())
        x, right = torch.cat(place), torch.cat(target)
        found = tensor(answer(torch.stack([x, -x]), irreps), f"The result for {text}", (2, irreps.dim))
        if torch.equal(found[0], right) and torch.equal(found[1], -right):
            _more_axes(answer, x, right, irreps)
            continue
        if torch.equal(found[0], x):
            raise Wrong(f"{text}: nothing has moved. reshape keeps the order; transpose, then flatten.")
        blocks = zip(irreps, place, strict=True)
        back = torch.cat([numbers.reshape(ir.dim, mul).T.flatten() for (mul, ir), numbers in blocks])
        if torch.equal(found[0], back):
            raise Wrong(f"{text}: that is the way back, from ir_mul to mul_ir. Exchange mul and ir.dim.")
        if sorted(found[0].tolist()) != x.tolist():
            raise Wrong(f"{text}: numbers are lost or changed; a layout only moves them.")
        raise Wrong(
            f"{text}: numbers move between blocks, or to wrong places within one. Suspect a transposition "
            "across several irreps: each block mul x ir is transposed by itself."
        )
    return "Every number in its place, block by block."


def _more_axes(
    answer: Callable[[Tensor, o3.Irreps], Tensor], x: Tensor, right: Tensor, irreps: o3.Irreps
) -> None:
    """The exercise asks for (…, dim), however many axes come first."""
    try:
        found = tensor(answer(x.expand(2, 3, -1).clone(), irreps), "The result")
    except (RuntimeError, IndexError):
        found = x[:0]
    if found.shape != (2, 3, irreps.dim) or not torch.equal(found, right.expand(2, 3, -1)):
        raise Wrong(
            f"{irreps}: right for shape (2, dim), not for (2, 3, dim). Whatever axes precede it, the "
            "last one holds the irreps: x[..., part]."
        )


@exercise(
    "8.5",
    title="A twisted chain and its mirror image",
    hint=[
        "The output 0o changes sign in a mirror. Which products end in 0o? Their factors have equal l and "
        "opposite parity, and an edge gives 0e, 1o, 2e, …",
        "1o ⊗ 1o → 1e opens the way, then 1e ⊗ 1o → 0o: hidden irreps with 0e, 1o, 1e and 0o. The two ends "
        "of the chain must hear of each other: a layer for each bond between them and the middle.",
    ],
)
def twisted_chain(answer: tuple[str, int]) -> str:
    """Build the network untrained: what is zero for all weights, no training will change."""
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise Wrong('Give two things: hidden irreps and the number of layers, such as ("8x0e + 8x1o", 2).')
    text, layers = answer
    try:
        hidden = o3.Irreps(text)
        layers = int(layers)
    except (ValueError, TypeError, AssertionError):
        raise Wrong(f"{answer!r}: expected irreps such as '8x0e + 8x1o', and a number of layers.") from None
    if layers < 1 or layers > 6 or hidden.dim > 400:
        raise Wrong("Between 1 and 6 layers, and no more than 400 numbers an atom, are plenty.")
    values = [_chirality(hidden, layers, sign) for sign in (1, -1)]
    if max(abs(v) for v in values) < 1e-12:
        raise Wrong(
            f"With {text} and {layers} layers the output is exactly zero, for either image and any weights. "
            + _why_zero(hidden)
        )
    return "The two mirror images get opposite numbers before any training: now a network can learn the rest."


def chain(sign: int) -> Atoms:
    """Return four hydrogen atoms in a row, 1 Å apart, the ends turned out by 90°, and its mirror image."""
    return Atoms("H4", [[-0.4, 0.9, 0.0], [0, 0, 0], [1, 0, 0], [1.4, 0.0, 0.9 * sign]])


def _chirality(hidden: o3.Irreps, layers: int, sign: int) -> float:
    torch.manual_seed(0)
    try:
        with default_dtype(torch.float64), torch.no_grad():
            network = nn.EquivariantNetwork(["H"], "0o", irreps_hidden=hidden, cutoff=1.2, layers=layers)
            return float(network(graphs.to_graph(chain(sign), 1.2))[0, 0])
    except ValueError as reason:
        if "irreps_out" not in str(reason):
            raise Wrong(f"The network cannot be built: {reason}") from None
        return 0.0


def _why_zero(hidden: o3.Irreps) -> str:
    kinds = {str(ir) for _, ir in hidden}
    if "0o" not in kinds:
        return "Suspect a missing 0o: the head is linear and takes 0o from features of that kind alone."
    if not kinds & {"1e", "2o", "3e"}:
        return (
            "Suspect parity: all your vectors and tensors are like spherical harmonics (1o, 2e, …), and no "
            "product of those with an edge is 0o. An axial 1e has to be allowed on the way."
        )
    if "1o" not in kinds and "2e" not in kinds:
        return "Suspect that nothing can become axial: 1e is a product of two 1o, and 1o is not allowed."
    return "Suspect the depth: each layer brings news from one bond further."
