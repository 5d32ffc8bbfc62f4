"""What a broken symmetry law may mean: alternatives are tried on the outputs until one fits.

`tutorial_utils.symmetry.equivariance_report` records what a function gave before and after a
transformation; `suspect` asks which other action would have explained it (the opposite parity, the
inverse rotation, no rotation at all, another order of the axes, a factor 1/n) and says so in a sentence.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch
from e3nn import o3
from jaxtyping import Float
from torch import Tensor

# An alternative explains the output when it misses by less than this, relative to the output.
FITS = 1e-3
# A float64 network with constants rounded to float32 misses by about this much.
SINGLE_PRECISION = 1e-5
# Larger misses than this are faults, not approximations.
APPROXIMATE = 0.02

Guess = tuple[str, Callable[["Trial"], Tensor]]


@dataclass(frozen=True)
class Trial:
    """One comparison f(g x) = g f(x).

    Attributes:
        g: the transformation, as the law sampled it.
        before: f(x), shape (..., dim).
        after: f(g x), shape (..., dim).
        expected: g f(x), what `after` should be.
        act_out: the law's action on an output.
    """

    g: Any
    before: Tensor
    after: Tensor
    expected: Tensor
    act_out: Callable[[Any, Tensor], Tensor]


def matrix_of(irreps: o3.Irreps, R: Float[np.ndarray, "3 3"]) -> Float[Tensor, "dim dim"]:
    """Give D(R) in float64, whatever the default dtype: e3nn builds it from constants of that dtype."""
    return _matrix(str(irreps), np.asarray(R, dtype=float).tobytes())


@lru_cache(maxsize=256)
def _matrix(irreps: str, R: bytes) -> Tensor:
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        matrix = torch.tensor(np.frombuffer(R).reshape(3, 3).copy(), dtype=torch.float64)
        return o3.Irreps(irreps).D_from_matrix(matrix)
    finally:
        torch.set_default_dtype(default)


def blocks(y: Float[Tensor, "*rows dim"], irreps: o3.Irreps, ir: o3.Irrep) -> Float[Tensor, "*rows mul d"]:
    """Cut out all copies of one irrep.

    Args:
        y: output, laid out as ``irreps``.
        irreps: irreps of the output.
        ir: the irrep to cut out.

    Returns:
        Its copies one after the other, each with its 2l+1 components.
    """
    parts = [y[..., s] for (_, other), s in zip(irreps, irreps.slices(), strict=True) if other == ir]
    return torch.cat(parts, dim=-1).unflatten(-1, (-1, ir.dim))


def suspect(law: str, ir: o3.Irrep, irreps: o3.Irreps, trials: Sequence[Trial], *, size: str | None) -> str:
    """Name a likely cause of a failure.

    Args:
        law: name of the law that fails.
        ir: the irrep it fails for.
        irreps: irreps of the output.
        trials: what was seen.
        size: "intensive", "extensive" or None, as declared.

    Returns:
        A sentence for the person who wrote the function.
    """
    error = miss(trials, ir, irreps, lambda t: t.expected)
    if not all(t.before.isfinite().all() and t.after.isfinite().all() for t in trials):
        return f"the {ir} output is not finite: a division by zero or a gradient at distance zero?"
    if law in ("rotation", "parity") and error < SINGLE_PRECISION:
        return (
            f"the {ir} output misses by no more than single precision: was the model built before "
            "torch.set_default_dtype(torch.float64)? Its constants keep the dtype they were built with. "
            "Or is a step approximate, such as an activation on a grid of points?"
        )
    special = {
        "rotation": _rotation,
        "parity": _parity,
        "translation": _translation,
        "permutation": _permutation,
        "supercell": _supercell,
    }.get(law)
    for sentence, guess in special(ir, irreps, size) if special else _any_law(law, ir):
        if miss(trials, ir, irreps, guess) < min(FITS, error / 10):
            return sentence
    return _nothing_fits(law, ir, irreps, trials, error)


def miss(trials: Sequence[Trial], ir: o3.Irrep, irreps: o3.Irreps, guess: Callable[[Trial], Tensor]) -> float:
    """Largest distance between the outputs and a guess, relative to the outputs."""
    try:
        guesses = [guess(t) for t in trials]
    except Exception:
        return np.inf  # this alternative makes no sense for this law
    size = torch.stack([blocks(t.after, irreps, ir).abs().max() for t in trials]).max()
    away = [blocks(g - t.after, irreps, ir).abs().max() for g, t in zip(guesses, trials, strict=True)]
    return float(torch.stack(away).max() / size)


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


def _other_axes(ir: o3.Irrep, irreps: o3.Irreps) -> Iterator[Guess]:
    """The right irrep with its components in another order; beyond l=2 the orders are too many."""
    if ir.l > 2:
        return
    names = "xyz" if ir.l == 1 else "01234"
    for order in itertools.permutations(range(ir.dim)):
        shown = ", ".join(names[k] for k in order)
        sentence = (
            f"the {ir} output turns as it should if its components stand in the order ({shown}): "
            "another convention for the axes? e3nn has x, y, z and the polar axis y."
        )
        P = torch.eye(ir.dim, dtype=torch.float64)[list(order)]

        def guess(t: Trial, block: Tensor, P: Tensor = P) -> Tensor:
            return block @ (P @ matrix_of(o3.Irreps(str(ir)), t.g) @ P.T).to(block).T

        yield sentence, _replacing(ir, irreps, guess)


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


def _turned(irreps: o3.Irreps, t: Trial) -> Tensor:
    return t.before @ matrix_of(irreps, t.g).to(t.before).T


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
            "do not add up to zero? Take differences r_j - r_i, or measure from the centre.",
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


def _nothing_fits(law: str, ir: o3.Irrep, irreps: o3.Irreps, trials: Sequence[Trial], error: float) -> str:
    """Say what is known where no alternative explains the output."""
    if law == "rotation" and error < APPROXIMATE:
        return (
            f"the {ir} output misses by {error:.1e} of its size, too much for round-off: an approximate "
            "step, such as an activation on a grid of points, or a cutoff that is not smooth?"
        )
    if law == "rotation" and ir.l > 0:
        return _broken_components(ir, irreps, trials)
    if law == "translation" and _images_only(trials, ir, irreps):
        return (
            f"the {ir} output changes when an atom moves to its own periodic image: is the cell shift "
            "S·cell missing from r_j + S·cell - r_i?"
        )
    return {
        "rotation": f"the {ir} output depends on the orientation: raw coordinates, or components of vectors "
        "taken as numbers (ReLU on l > 0 inside the model)? Use distances, norms, gates.",
        "parity": f"the {ir} output has an even and an odd part: irreps of both parities added up, or a "
        "nonlinearity such as SiLU on an odd scalar?",
        "translation": f"the {ir} output depends on where the origin is: take differences r_j - r_i.",
        "permutation": f"the {ir} output depends on the order of the atoms: flattened coordinates, "
        "numbers kept outside the structure, or a neighbour list cut short? Sum over all neighbours.",
        "supercell": f"the {ir} output differs in a repeated cell: periodic images dropped (nearest image "
        "only, or a neighbour list cut short)?",
    }.get(law, f"the {ir} output breaks the law {law} by {error:.1e} of its size.")


def _broken_components(ir: o3.Irrep, irreps: o3.Irreps, trials: Sequence[Trial]) -> str:
    before = torch.stack([blocks(t.before, irreps, ir) for t in trials])
    after = torch.stack([blocks(t.after, irreps, ir) for t in trials])
    if min(before.min(), after.min()) >= 0:
        return f"no component of the {ir} output is ever negative: ReLU on components? Use a gate instead."
    change = (before.norm(dim=-1) - after.norm(dim=-1)).abs().max() / before.norm(dim=-1).max()
    if change > FITS:
        return (
            f"the length of the {ir} output changes when the input turns: a nonlinearity on single "
            "components (ReLU, tanh), or an input that was not turned?"
        )
    return f"the {ir} output keeps its length but points elsewhere: a fixed direction or frame in the model?"


def _images_only(trials: Sequence[Trial], ir: o3.Irrep, irreps: o3.Irreps) -> bool:
    """Whether a translation fails only where atoms also moved to periodic images."""
    if not all(isinstance(t.g, tuple) for t in trials):
        return False  # somebody's own law of translation
    still = [t for t in trials if not np.any(t.g[1])]
    moved = [t for t in trials if np.any(t.g[1])]
    return bool(still and moved) and miss(still, ir, irreps, lambda t: t.expected) < SINGLE_PRECISION
