"""What an output may do instead of what it should: other parities, layouts, axes and powers of n.

A guess is a sentence and the output that it leads to expect after the transformation.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from e3nn import o3
from torch import Tensor

from tutorial_utils.conventions import VOIGT
from tutorial_utils.symmetry.trials import Trial, blocks, matrix_of

# Six components of a symmetric matrix, in the orders that programs write them.
SIX = {
    "xx, yy, zz, yz, xz, xy (Voigt)": VOIGT,
    "xx, yy, zz, xy, xz, yz (LAMMPS)": ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)),
    "xx, yy, zz, xy, yz, zx (VASP)": ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (0, 2)),
    "xx, xy, xz, yy, yz, zz (rows of the upper triangle)": ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)),
    "xx, xy, yy, xz, yz, zz (rows of the lower triangle)": ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2)),
}
FACTORS = {1.0: "", 2.0: ", off the diagonal doubled as in a strain", 2.0**0.5: ", off the diagonal times √2"}

Guess = tuple[str, Callable[[Trial], Tensor]]

# Of the Cartesian axes, from quantum chemists' polar axis z to e3nn's y (`conventions` proves it).
TO_POLAR_Y = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]])


def guesses(law: str, ir: o3.Irrep, irreps: o3.Irreps, *, size: str | None) -> Iterator[Guess]:
    """Give the alternatives to one law, the likeliest first."""
    known = {
        "rotation": _rotation,
        "parity": _parity,
        "translation": _translation,
        "permutation": _permutation,
        "supercell": _supercell,
    }
    return known[law](ir, irreps, size) if law in known else _any_law(law, ir)


def _any_law(law: str, ir: o3.Irrep) -> Iterator[Guess]:
    """For laws defined elsewhere: no action, or the opposite one (phases are undone by their negatives)."""
    yield f"the {ir} output does not change under the law {law}, but should.", lambda t: t.before
    yield (
        f"the {ir} output changes by the inverse of what the law {law} asks: a sign, or a complex conjugate?",
        lambda t: t.act_out(-t.g, t.before),
    )


def _rotation(ir: o3.Irrep, irreps: o3.Irreps, size: str | None) -> Iterator[Guess]:
    if ir.l == 0:
        yield from _hidden_vectors(ir, irreps)
    else:
        yield (
            f"the {ir} output does not turn with the input: edge vectors computed before the rotation, "
            f"or scalars declared {ir}?",
            lambda t: t.before,
        )
        yield (
            f"the {ir} output turns the wrong way: x @ R on one side and x @ R.T on the other?",
            lambda t: t.act_out(t.g.T, t.before),
        )
        yield (
            f"the {ir} output turns as it should if channels stand last, as (..., {ir.dim}, channels): "
            "e3nn has (..., channels, 2l+1), use y.transpose(-1, -2).",
            _replacing(ir, irreps, partial(_channels_last, ir)),
        )
        yield from _other_axes(ir, irreps)
    yield from _other_layouts(irreps)


def _hidden_vectors(ir: o3.Irrep, irreps: o3.Irreps) -> Iterator[Guess]:
    """Scalars that are the components of something else."""
    count = sum(mul for mul, other in irreps if other == ir)
    if count % 3 == 0:
        vector = o3.Irrep("1o") if count == 3 else o3.Irreps(f"{count // 3}x1o")
        yield (
            f"the {count}x{ir} output turns as vectors do: did you mean {vector}?",
            _replacing(ir, irreps, lambda t, block: block.flatten(-2) @ matrix_of(vector, t.g).to(block).T),
        )


def _channels_last(ir: o3.Irrep, t: Trial, block: Tensor) -> Tensor:
    channels = block.shape[-2]
    given = block.flatten(-2).unflatten(-1, (ir.dim, channels))
    return matrix_of(o3.Irreps(str(ir)), t.g).to(block) @ given


def _other_axes(ir: o3.Irrep, irreps: o3.Irreps) -> Iterator[Guess]:
    """The right irrep with its components in another order: axes of a vector, or m of a polar axis z."""
    if ir.l == 1:
        for axes in itertools.permutations(range(3)):
            sentence = (
                f"the {ir} output turns as it should if its components stand in the order "
                f"({', '.join('xyz'[k] for k in axes)}): "
                "another convention for the axes? e3nn has x, y, z and the polar axis y."
            )
            yield sentence, _in_basis(ir, irreps, torch.eye(3, dtype=torch.float64)[list(axes)])
        return
    Q = matrix_of(o3.Irreps([(1, (ir.l, 1))]), TO_POLAR_Y)  # to e3nn's components, as columns
    m = list(range(-ir.l, ir.l + 1))
    zigzag = sorted(m, key=lambda k: (abs(k), -k))
    for order, shown in ((m, "-l to l (PySCF, sphericart)"), (zigzag, "0, 1, -1, 2, -2 (ORCA, Molden)")):
        for sign, remark in ((1, ""), (-1, ", odd m with the opposite sign")):
            signs = torch.tensor([float(sign**k) for k in order], dtype=torch.float64)
            sentence = (
                f"the {ir} output turns as it should if its polar axis is z and m runs {shown}{remark}: put "
                f"m in the order -l to l, then y @ conventions.quantum_chemistry_to_e3nn({ir.l}).T has "
                "e3nn's polar axis y."
            )
            yield sentence, _in_basis(ir, irreps, signs[:, None] * Q.T[[ir.l + k for k in order]])


def _in_basis(ir: o3.Irrep, irreps: o3.Irreps, B: Tensor) -> Callable[[Trial], Tensor]:
    """One irrep given in another orthonormal basis: B times e3nn's components."""

    def guess(t: Trial, block: Tensor) -> Tensor:
        return block @ (B @ matrix_of(o3.Irreps(str(ir)), t.g) @ B.T).to(block).T

    return _replacing(ir, irreps, guess)


def _other_layouts(irreps: o3.Irreps) -> Iterator[Guess]:
    """The right irreps in another order, and a Cartesian tensor taken for irreps."""
    if 1 < len(irreps) <= 4:
        for order in itertools.permutations(irreps):
            other = o3.Irreps(list(order))
            yield (
                f"the output turns as {other}, not as {irreps}: are the blocks in another order?",
                partial(_turned, other),
            )
    if irreps.dim == 9:
        yield (
            "the output turns as the nine components of a Cartesian tensor: change basis first, "
            'with e3nn.io.CartesianTensor("ij").from_cartesian.',
            lambda t: t.before @ torch.as_tensor(np.kron(t.g, t.g)).to(t.before).T,
        )
    if irreps.dim == 6:
        for (shown, places), (factor, remark) in itertools.product(SIX.items(), FACTORS.items()):
            yield (
                f"the output turns as the six components {shown} of a symmetric matrix{remark}: "
                "take all nine (in ASE voigt=False), and change basis with "
                'e3nn.io.CartesianTensor("ij=ji").from_cartesian.',
                partial(_six, places, factor),
            )


def _turned(irreps: o3.Irreps, t: Trial) -> Tensor:
    return t.before @ matrix_of(irreps, t.g).to(t.before).T


def _six(places: Sequence[tuple[int, int]], factor: float, t: Trial) -> Tensor:
    """Turn a symmetric matrix of which six components are given, those off the diagonal times a factor."""
    i, j = (list(axes) for axes in zip(*places, strict=True))
    R, matrix = torch.as_tensor(t.g).to(t.before), t.before.new_zeros(*t.before.shape[:-1], 3, 3)
    weights = torch.tensor([1.0 if a == b else factor for a, b in places]).to(t.before)
    matrix[..., i, j] = matrix[..., j, i] = t.before / weights
    return (R @ matrix @ R.T)[..., i, j] * weights


def _replacing(
    ir: o3.Irrep, irreps: o3.Irreps, guess: Callable[[Trial, Tensor], Tensor]
) -> Callable[[Trial], Tensor]:
    """Turn a guess for the copies of one irrep (..., mul, d) into a guess for the whole output."""

    def whole(t: Trial) -> Tensor:
        y, start = t.before.clone(), 0
        values = guess(t, blocks(t.before, irreps, ir)).reshape(*y.shape[:-1], -1)
        for (mul, other), s in zip(irreps, irreps.slices(), strict=True):
            if other == ir:
                y[..., s] = values[..., start : start + mul * ir.dim]
                start += mul * ir.dim
        return y

    return whole


def _parity(ir: o3.Irrep, irreps: o3.Irreps, size: str | None) -> Iterator[Guess]:
    other = o3.Irrep(ir.l, -ir.p)
    flips = "flips" if ir.p == 1 else "does not flip"
    yield f"the {ir} output {flips} under inversion: did you mean {other}?", lambda t: -t.expected


def _translation(ir: o3.Irrep, irreps: o3.Irreps, size: str | None) -> Iterator[Guess]:
    def shifted(t: Trial) -> Tensor:
        # The part of the change along the shift, one factor for each row and copy.
        change = blocks(t.after - t.before, irreps, ir)
        direction = torch.as_tensor(t.g[0]).to(change)
        along = (change @ direction)[..., None] * direction / (direction @ direction)
        return _replacing(ir, irreps, lambda t, block: block + along)(t)

    if ir.l == 1:
        yield (
            f"the {ir} output moves with the origin: positions enter as such, or a dipole of charges that "
            "do not add up to zero? Take differences r_j - r_i, or measure from the centre. Where it "
            "should move (new positions, as of a denoising model), say so with a law of your own: see "
            "symmetry.Law.",
            shifted,
        )


def _permutation(ir: o3.Irrep, irreps: o3.Irreps, size: str | None) -> Iterator[Guess]:
    yield (
        f"row k of the {ir} output belongs to place k and not to the atom that stands there: is something "
        "kept in the order of the first structure?",
        lambda t: t.before,
    )


def _supercell(ir: o3.Irrep, irreps: o3.Irreps, size: str | None) -> Iterator[Guess]:
    if size == "extensive":
        yield (
            f"the {ir} output is the same for n cells as for one: a mean over atoms where a sum is "
            "meant, or an intensive quantity?",
            lambda t: t.before,
        )
    if size == "intensive":
        yield (
            f"the {ir} output is n times larger for n cells: a sum over atoms where a mean is meant, or an "
            "extensive quantity?",
            lambda t: t.before * int(np.prod(t.g)),
        )
    if size is not None:
        yield (
            f"the {ir} output grows as n² with the number of cells n: a sum over all pairs of atoms?",
            lambda t: t.before * int(np.prod(t.g)) ** 2,
        )
