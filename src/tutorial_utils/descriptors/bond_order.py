"""Steinhardt's bond orders: power spectrum and bispectrum of the directions of the neighbours alone.

* q_lm = mean over the neighbours of Y_lm(r̂): one radial function that is the same for all distances.
* q_l = (4π/(2l+1) Σ_m q_lm²)^½, its norm: 1 if all neighbours lie in one direction, and q_0 = 1.
* w_l = Σ C_m1m2m3 q_lm1 q_lm2 q_lm3 / |q_lm|³, its bispectrum: zero for odd l, where C changes sign.

Source: Steinhardt, Nelson, Ronchetti, doi:10.1103/PhysRevB.28.784, equations 1.2 to 1.7.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from ase import Atoms
from e3nn import o3
from jaxtyping import Float
from torch import Tensor
from torch_geometric.data import Data

from tutorial_utils.descriptors.fourier import harmonics, lengths_and_directions
from tutorial_utils.descriptors.invariants import degree, part
from tutorial_utils.graphs import edge_vectors


class Steinhardt(NamedTuple):
    """Bond orders of each atom, both (atoms, degrees): q_l lies between 0 and 1, normalised w_l within ±1."""

    q: Tensor
    w: Tensor


def steinhardt(
    neighbourhood: Data | Float[Tensor, "... neighbours 3"],
    degrees: Sequence[int] = (4, 6),
    *,
    averaged: bool = False,
) -> Steinhardt:
    """Return Steinhardt's q_l and w_l, for each atom of a graph or each row of vectors.

    Args:
        neighbourhood: a graph of `to_graph`, its edges being the bonds; or the vectors (any unit)
            from centres to as many neighbours each.
        degrees: which l.
        averaged: take the mean of q_lm over the atom and its neighbours first, which tells a crystal
            from a liquid better (graphs only). Source: Lechner, Dellago, doi:10.1063/1.2977970.

    Returns:
        q and w, each (atoms, degrees) or (..., degrees). Zero for an atom without neighbours.

    Raises:
        ValueError: for no or negative degrees, vectors of another shape, or averaging without a graph.
    """
    if isinstance(neighbourhood, Atoms):
        raise ValueError("neighbourhood: whose atoms are bonded? make a graph: to_graph(atoms, cutoff)")
    if not isinstance(neighbourhood, Data | Tensor):
        raise ValueError(
            f"neighbourhood: expected a graph or a tensor (..., neighbours, 3), got "
            f"{type(neighbourhood).__name__}"
        )
    if not isinstance(degrees, Sequence) or not degrees or min(degrees) < 0:
        raise ValueError(f"degrees: expected a list of l >= 0, got {degrees!r}")
    if isinstance(neighbourhood, Data):
        q = bond_orders(neighbourhood, max(degrees))
        q = with_neighbours(q, neighbourhood) if averaged else q
    elif averaged:
        raise ValueError("averaged: needs a graph, which says who is whose neighbour")
    else:
        q = directions(neighbourhood, max(degrees)).mean(-2)
    chosen = list(degrees)
    return Steinhardt(q_of(q)[..., chosen], w_of(q)[..., chosen])


def directions(
    vectors: Float[Tensor, "... neighbours 3"], lmax: int
) -> Float[Tensor, "... neighbours {(lmax+1)**2}"]:
    """Return Y_lm of the directions of the vectors."""
    if vectors.ndim < 2 or vectors.shape[-1] != 3 or vectors.shape[-2] == 0:
        raise ValueError(f"vectors: expected (..., neighbours, 3), at least one, got {tuple(vectors.shape)}")
    return harmonics(lengths_and_directions(vectors)[1], lmax)


def bond_orders(graph: Data, lmax: int) -> Float[Tensor, "atoms {(lmax+1)**2}"]:
    """Return q_lm of each atom of a graph: the mean of Y_lm over its edges."""
    vectors = edge_vectors(graph)
    centre = graph.edge_index[1]
    Y = harmonics(lengths_and_directions(vectors)[1], lmax)
    total = Y.new_zeros(len(graph.pos), Y.shape[-1]).index_add(0, centre, Y)
    return total / torch.bincount(centre, minlength=len(graph.pos)).clamp(min=1).unsqueeze(-1)


def with_neighbours(values: Float[Tensor, "atoms dim"], graph: Data) -> Float[Tensor, "atoms dim"]:
    """Return the mean over each atom and its neighbours: message passing, without weights."""
    neighbour, centre = graph.edge_index
    total = values.index_add(0, centre, values[neighbour])
    return total / (1 + torch.bincount(centre, minlength=len(values))).unsqueeze(-1)


def q_of(q: Float[Tensor, "... lm"]) -> Float[Tensor, "... degrees"]:
    """Return q_l for l = 0 … lmax; the gradient is 0 where q_l = 0."""
    l = torch.arange(degree(q.unsqueeze(-2)) + 1)
    squares = torch.stack([part(q, n).pow(2).sum(-1) for n in l.tolist()], dim=-1)
    some = squares > 0
    lengths = torch.where(some, torch.where(some, squares, 1.0).sqrt(), 0.0)
    return lengths * (4 * torch.pi / (2 * l + 1)).sqrt().to(q)


def w_of(q: Float[Tensor, "... lm"]) -> Float[Tensor, "... degrees"]:
    """Return w_l for l = 0 … lmax, with the sign of Wigner's 3j symbols; 0 where |q_lm| < 1e-6."""
    found = []
    for l in range(degree(q.unsqueeze(-2)) + 1):
        length = part(q, l).pow(2).sum(-1, keepdim=True)
        unit = torch.where(length > 1e-12, part(q, l) / torch.where(length > 1e-12, length, 1.0).sqrt(), 0.0)
        found.append(torch.einsum("ijk,...i,...j,...k->...", wigner_3j(l).to(q), unit, unit, unit))
    return torch.stack(found, dim=-1)


def wigner_3j(l: int) -> Float[Tensor, "m m m"]:
    """Return the 3j symbols (l l l) in e3nn's real basis, with the sign that textbooks give them.

    They are fixed up to a sign by symmetry, and e3nn's is another one for some l. The textbooks' (Condon and
    Shortley's) symbol with all m = 0 is positive for l = 0, 4, 8, …, negative for l = 2, 6, ….
    """
    C = o3.wigner_3j(l, l, l, dtype=torch.float64)
    return C * (C[l, l, l].sign() * (-1) ** (l // 2)) if l % 2 == 0 else torch.zeros_like(C)
