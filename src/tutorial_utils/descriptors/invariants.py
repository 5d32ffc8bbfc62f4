"""Numbers that no rotation changes, made of coefficients that turn: norms, power spectrum, bispectrum.

Every function here takes c of shape (..., functions, (lmax+1)²), as `project` returns it, e3nn's order of m.
Element channels are functions too: write ``c.flatten(-3, -2)`` first, which forms all pairs of elements.
A product of ν coefficients of a sum over neighbours is a sum over ν neighbours: the body order is ν + 1.
"""

from functools import lru_cache
from itertools import combinations_with_replacement
from math import isqrt
from typing import Literal

import torch
from e3nn import o3
from jaxtyping import Float, Int, Real
from torch import Tensor

from tutorial_utils.conventions import floating

Parity = Literal["even", "odd", "both"]
Label = tuple[tuple[int, int], ...]  # ((n1, l1), (n2, l2), …): which coefficients are multiplied


def degree(c: Float[Tensor, "... functions lm"]) -> int:
    """Return lmax, read from the last axis.

    Raises:
        ValueError: if the last axis is no (lmax+1)², or there is no axis of functions.
    """
    lmax = isqrt(c.shape[-1]) - 1 if c.ndim else -1
    if c.ndim < 2 or lmax < 0 or (lmax + 1) ** 2 != c.shape[-1]:
        raise ValueError(f"c: expected (..., functions, (lmax+1)²), got {tuple(c.shape)}")
    return lmax


def part(c: Float[Tensor, "... lm"], l: int) -> Float[Tensor, "... {2*l+1}"]:
    """Return the coefficients of one degree."""
    return c[..., l**2 : (l + 1) ** 2]


def norms(c: Float[Tensor, "... functions lm"]) -> Float[Tensor, "... norms"]:
    """Return the lengths |c_nl|, in the order n, then l: how much of each degree there is.

    A length has no derivative at zero: the gradient is set to 0 there. Not smooth, unlike the others.
    """
    squares = torch.stack([part(c, l).pow(2).sum(-1) for l in range(degree(c) + 1)], dim=-1)
    some = squares > 0
    return torch.where(some, torch.where(some, squares, 1.0).sqrt(), 0.0).flatten(-2)


def power_spectrum(c: Float[Tensor, "... functions lm"]) -> Float[Tensor, "... invariants"]:
    """Return p_nn'l = Σ_m c_nlm c_n'lm for n <= n' (body order 3: distances and angles, one at a time).

    * No rotation and no reflection changes it: c turns by the orthogonal D_l, for all n alike.
    * `power_spectrum_labels` says which component is which.

    Args:
        c: (..., functions, (lmax+1)²).

    Returns:
        (..., functions (functions + 1)/2 · (lmax+1)), the unit of c squared.

    Raises:
        ValueError: for another shape.

    Source: Bartók, Kondor, Csányi, doi:10.1103/PhysRevB.87.184115, section III, up to factors.
    """
    lmax, (n, m) = degree(c), torch.triu_indices(c.shape[-2], c.shape[-2], device=c.device)
    spectrum = [(part(c, l) @ part(c, l).mT)[..., n, m] for l in range(lmax + 1)]
    return torch.stack(spectrum, dim=-1).flatten(-2)


def power_spectrum_labels(functions: int, lmax: int) -> list[Label]:
    """Return ((n, l), (n', l)) for each component of `power_spectrum`, functions numbered from 0."""
    pairs = combinations_with_replacement(range(functions), 2)
    return [((n, l), (m, l)) for n, m in pairs for l in range(lmax + 1)]


def bispectrum(
    c: Real[Tensor, "... functions lm"], *, parity: Parity = "even"
) -> Float[Tensor, "... invariants"]:
    """Return b = Σ C_m1m2m3 c_n1l1m1 c_n2l2m2 c_n3l3m3 with e3nn's 3j symbols C (body order 4: dihedrals).

    * A tensor product l1 ⊗ l2 → l3, dotted with c_l3: no rotation changes it.
    * Inversion multiplies it by (-1)^(l1+l2+l3): even sums do not see handedness, odd ones do.
    * Each product once: l1 <= l2 <= l3, and n ordered where degrees are equal.
      An odd C changes sign with two equal degrees, so there the n must differ.
    * `bispectrum_labels` says which component is which. Those with l1 = 0 are c_n00 times the power spectrum.

    Args:
        c: (..., functions, (lmax+1)²).
        parity: which l1 + l2 + l3.

    Returns:
        (..., invariants), the unit of c cubed.

    Raises:
        ValueError: for another shape or parity.

    Source: Bartók, Kondor, Csányi, doi:10.1103/PhysRevB.87.184115, section III.
    """
    c = floating(c)
    lmax, functions, found = degree(c), c.shape[-2], []
    for l1, l2, thirds in couplings(lmax, parity):
        n1, n2 = pairs(functions, l1 == l2).to(c.device)
        outer = part(c, l1)[..., n1, :, None] * part(c, l2)[..., n2, None, :]
        products = outer.flatten(-2) @ coupling(l1, l2, thirds).to(c)  # (..., pairs, Σ 2 l3 + 1)
        for l3, product_l3 in zip(thirds, products.split([2 * l + 1 for l in thirds], dim=-1), strict=True):
            triples = (product_l3 @ part(c, l3).mT).flatten(-2)  # (..., pairs · functions)
            found.append(triples[..., kept(functions, l1, l2, l3)[0].to(c.device)])
    return torch.cat(found, dim=-1) if found else c.new_zeros(*c.shape[:-2], 0)


def bispectrum_labels(functions: int, lmax: int, *, parity: Parity = "even") -> list[Label]:
    """Return ((n1, l1), (n2, l2), (n3, l3)) for each component of `bispectrum`, functions from 0."""
    sums = [(l1, l2, l3) for l1, l2, thirds in couplings(lmax, parity) for l3 in thirds]
    return [tuple(zip(n, l, strict=True)) for l in sums for n in kept(functions, *l)[1]]


@lru_cache
def couplings(lmax: int, parity: Parity) -> tuple[tuple[int, int, tuple[int, ...]], ...]:
    """Return (l1, l2, all l3) with l1 <= l2 <= l3 <= l1 + l2 and the asked-for parity of the sum.

    Raises:
        ValueError: for an unknown parity.
    """
    if parity not in ("even", "odd", "both"):
        raise ValueError(f"parity: expected 'even', 'odd' or 'both' (of l1 + l2 + l3), got {parity!r}")
    wanted = {"even": (0,), "odd": (1,), "both": (0, 1)}[parity]
    found = []
    for l1, l2 in combinations_with_replacement(range(lmax + 1), 2):
        thirds = tuple(l for l in range(l2, min(l1 + l2, lmax) + 1) if (l1 + l2 + l) % 2 in wanted)
        found += [(l1, l2, thirds)] if thirds else []
    return tuple(found)


@lru_cache
def coupling(l1: int, l2: int, thirds: tuple[int, ...]) -> Float[Tensor, "pairs m3"]:
    """Return the 3j symbols of l1 ⊗ l2 → each l3, side by side, in float64."""
    return torch.cat([o3.wigner_3j(l1, l2, l3, dtype=torch.float64).flatten(0, 1) for l3 in thirds], dim=1)


@lru_cache
def pairs(functions: int, same: bool) -> Int[Tensor, "2 pairs"]:
    """Return n1 and n2: all pairs, or those with n1 <= n2 where both have the same degree."""
    if same:
        return torch.triu_indices(functions, functions)
    return torch.cartesian_prod(torch.arange(functions), torch.arange(functions)).T.reshape(2, -1)


@lru_cache
def kept(functions: int, l1: int, l2: int, l3: int) -> tuple[Int[Tensor, "kept"], list[tuple[int, ...]]]:
    """Return which of the products pairs · functions are kept, by position and by (n1, n2, n3).

    With two equal degrees C is symmetric for an even sum, antisymmetric for an odd one.
    """
    odd = (l1 + l2 + l3) % 2
    candidates = [(*pair, n) for pair in pairs(functions, l1 == l2).T.tolist() for n in range(functions)]
    which = [
        i
        for i, (n1, n2, n3) in enumerate(candidates)
        if (l1 != l2 or n1 + odd <= n2) and (l2 != l3 or n2 + odd <= n3)
    ]
    return torch.tensor(which, dtype=torch.int64), [candidates[i] for i in which]
