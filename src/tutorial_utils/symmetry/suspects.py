"""What a broken symmetry law may mean: alternatives are tried on the outputs until one fits.

`tutorial_utils.symmetry.equivariance_report` records what a function gave before and after a
transformation; `suspect` asks which other action would have explained it (one of `guesses`) and says so in
a sentence, or says what else is known.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from e3nn import o3

from tutorial_utils.symmetry.guesses import guesses
from tutorial_utils.symmetry.trials import Scale, Trial, blocks, matrix_of, miss

# An alternative explains the output when it misses by less than this, relative to the output.
FITS = 1e-3
# A float64 network with constants rounded to float32 misses by about this much.
SINGLE_PRECISION = 1e-5
# Larger misses than this are faults, not approximations.
APPROXIMATE = 0.1


def suspect(
    law: str, ir: o3.Irrep, irreps: o3.Irreps, trials: Sequence[Trial], *, size: str | None, scale: Scale
) -> str:
    """Name a likely cause of a failure.

    Args:
        law: name of the law that fails.
        ir: the irrep it fails for.
        irreps: irreps of the output.
        trials: what was seen, the first with the input as it was given, the others deformed.
        size: "intensive", "extensive" or None, as declared.
        scale: what the irrep's errors are measured by.

    Returns:
        A sentence for the person who wrote the function.
    """
    missed = partial(miss, ir=ir, irreps=irreps, scale=scale)
    error = missed(trials)
    if not all(t.before.isfinite().all() and t.after.isfinite().all() for t in trials):
        return f"the {ir} output is not finite: a division by zero or a gradient at distance zero?"
    fits = min(FITS, error / 10)
    if missed(trials[1:]) < fits:
        return (
            f"the {ir} output fails only for the input as it was given, and for none of its deformed copies: "
            "a frame of principal axes or a sort that is degenerate in a symmetric structure, or atoms "
            "exactly at the cutoff?"
        )
    # Inversion changes signs and rounds nothing: a miss of parity is never one of precision.
    if law == "rotation" and error < SINGLE_PRECISION:
        return (
            f"the {ir} output misses by no more than single precision: was the model built before "
            "torch.set_default_dtype(torch.float64)? Its constants keep the dtype they were built with. Or "
            "were positions rounded to float32 on the way, as by a graph in torch's default dtype? "
            "Or is a step approximate, such as an activation on a grid of points?"
        )
    for sentence, guess in guesses(law, ir, irreps, size=size):
        if missed(trials, guess=guess) < fits:
            return sentence
    return _nothing_fits(law, ir, irreps, trials, error=error, missed=missed)


def _nothing_fits(
    law: str,
    ir: o3.Irrep,
    irreps: o3.Irreps,
    trials: Sequence[Trial],
    *,
    error: float,
    missed: Callable[..., float],
) -> str:
    """Say what is known where no alternative explains the output."""
    if law == "rotation" and error < APPROXIMATE:
        return (
            f"the {ir} output misses by {error:.1e} of its size, too much for round-off: an approximate "
            "step, such as an activation on a grid of points, or a cutoff that is not smooth?"
        )
    if law == "rotation" and ir.l > 0:
        return _in_some_basis(ir, irreps, trials) or _broken_components(ir, irreps, trials)
    if law == "translation" and _images_only(trials, missed):
        return (
            f"the {ir} output changes when an atom moves to its own periodic image: is the cell shift "
            "S·cell missing from r_j + S·cell - r_i?"
        )
    return {
        "rotation": f"the {ir} output depends on the orientation: raw coordinates, or components of vectors "
        "taken as numbers (ReLU on l > 0 inside the model)? Use distances, norms, gates.",
        "parity": f"the {ir} output has an even and an odd part: irreps of both parities added up, or a "
        "nonlinearity such as SiLU on an odd scalar? A model that was never meant to obey inversion is "
        'tested with group="SO(3)".',
        "translation": f"the {ir} output depends on where the origin is: take differences r_j - r_i.",
        "permutation": f"the {ir} output depends on the order of the atoms: flattened coordinates, "
        "numbers kept outside the structure, or a neighbour list cut short? Sum over all neighbours.",
        "supercell": f"the {ir} output differs in a repeated cell: periodic images dropped (nearest image "
        "only, or a neighbour list cut short)?",
    }.get(law, f"the {ir} output breaks the law {law} by {error:.1e} of its size.")


def _in_some_basis(ir: o3.Irrep, irreps: o3.Irreps, trials: Sequence[Trial]) -> str:
    """Look for a basis in which the output turns as it should: C with C after = D C before in all trials.

    Nothing is said where the trials are too few to settle the entries of C, or its inverse is far from exact.
    """
    rows = []
    for t in trials:
        D = matrix_of(o3.Irreps(str(ir)), t.g).to(t.before)
        before, after = (blocks(y, irreps, ir).reshape(-1, ir.dim) for y in (t.before, t.after))
        each = torch.einsum("ij,nk->nijk", torch.eye(ir.dim).to(D), after)
        each = each - torch.einsum("ij,nk->nijk", D, before)
        rows.append(each.reshape(-1, ir.dim**2))
    equations = torch.cat(rows)
    if equations.is_complex() or len(equations) < ir.dim**2 or not equations.isfinite().all():
        return ""
    _, sizes, vectors = torch.linalg.svd(equations.double(), full_matrices=False)
    C = vectors[-1].reshape(ir.dim, ir.dim)
    C = C / C.abs().max() * (1 if C.trace() >= 0 else -1)
    if sizes[-1] > FITS * sizes[-2] or torch.linalg.cond(C) > 100:
        return ""
    shown = [[round(x, 2) + 0.0 for x in row] for row in C.tolist()]
    return (
        f"the {ir} output turns as it should in another basis, fixed in the model: other signs, another "
        f"order or normalisation of its components? y @ C.T has e3nn's up to a factor, C = {shown}."
    )


def _broken_components(ir: o3.Irrep, irreps: o3.Irreps, trials: Sequence[Trial]) -> str:
    before = torch.stack([blocks(t.before, irreps, ir) for t in trials])
    after = torch.stack([blocks(t.after, irreps, ir) for t in trials])
    if not before.is_complex() and min(before.min(), after.min()) >= 0:
        return f"no component of the {ir} output is ever negative: ReLU on components? Use a gate instead."
    change = (before.norm(dim=-1) - after.norm(dim=-1)).abs().max() / before.norm(dim=-1).max()
    if change > FITS:
        return (
            f"the length of the {ir} output changes when the input turns: a nonlinearity on single "
            "components (ReLU, tanh), or an input that was not turned?"
        )
    return f"the {ir} output keeps its length but points elsewhere: a fixed direction or frame in the model?"


def _images_only(trials: Sequence[Trial], missed: Callable[..., float]) -> bool:
    """Whether a translation fails only where atoms also moved to periodic images."""
    if not all(isinstance(t.g, tuple) for t in trials):
        return False  # somebody's own law of translation
    still = [t for t in trials if not np.any(t.g[1])]
    moved = [t for t in trials if np.any(t.g[1])]
    return bool(still and moved) and missed(still) < SINGLE_PRECISION
