"""Crystals as graphs of few edges: everything that lies along all images of a pair of atoms, summed once.

A convolution that is linear in its edges may add them up before it begins. For atoms i and j of the cell

    G_ij[n, lm] = Σ_images  b_n(r) u(r) Y_lm(r̂)      (r from i to an image of j, within the cutoff)

holds the edges of all images; a layer then costs one product a pair instead of one an edge, however long the
cutoff. With the radial functions taken here the sums over a crystal are of the order of 1. It is the density
trick of atomic descriptors (doi:10.1103/PhysRevB.87.184115), j by j.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii
from e3nn import o3
from torch_geometric.data import Data

from tutorial_utils import graphs
from tutorial_utils.nn.network import RadialBasis, envelope
from tutorial_utils.structures import plain

CUTOFF = 4.5  # Å
RADIAL = 8
WIDEST_GAP = 8.0  # Å, between the layers of a crystal; what is further apart is a slab in empty space
CLOSEST = 0.5  # of the sum of covalent radii: two atoms nearer than that are a mistake


def lattice_sums(atoms: Atoms, *, lmax: int = 0, dos: object = None) -> Data:
    """Turn a crystal into a graph of pairs with lattice sums.

    Args:
        atoms: a crystal, periodic along three axes.
        lmax: highest degree of the harmonics.
        dos: target spectrum (points,), if it is known.

    Returns:
        A graph with ``atomic_numbers`` (atoms,), ``edge_index`` (2, pairs) and ``sums``
        (pairs, 8 · (lmax + 1)²): for each l a block (8 radial functions, 2l + 1); and ``dos`` (1, points).

    Raises:
        ValueError: for a slab, a wire or a molecule, for atoms that overlap, sites shared by elements, or
            masses other than those of the elements, which no network here was trained on.
    """
    atoms = plain(atoms, refuses=["masses", "magnetic_order"])  # the networks know those of the elements
    if not atoms.pbc.all():
        raise ValueError(f"atoms: phonon spectra are of crystals, periodic along all axes, got {atoms.pbc}")
    edges = graphs.to_graph(atoms, CUTOFF)
    r = graphs.edge_vectors(edges)
    length = r.norm(dim=-1)
    _check(atoms, edges, length)
    basis = RadialBasis(RADIAL, CUTOFF)(length) * envelope(length / CUTOFF)[:, None]  # (edges, radial)
    blocks = []
    for l in range(lmax + 1):
        Y = o3.spherical_harmonics(l, r, normalize=True, normalization="component")  # (edges, 2l + 1)
        blocks.append((basis[:, :, None] * Y[:, None]).flatten(1))
    pairs, inverse = torch.unique(edges.edge_index, dim=1, return_inverse=True)
    values = torch.cat(blocks, dim=1)
    sums = values.new_zeros(pairs.shape[1], values.shape[1]).index_add(0, inverse, values)
    graph = Data(
        atomic_numbers=edges.atomic_numbers,
        edge_index=pairs,
        sums=sums,
        num_nodes=len(atoms),
    )
    if dos is not None:
        graph.dos = torch.as_tensor(np.asarray(dos), dtype=sums.dtype)[None]
    return graph


def cell_averages(atoms: Atoms, *, volume: bool = False, dos: object = None) -> Data:
    """Turn a crystal into a graph that knows who is in the cell, but no distances.

    Every atom hears all atoms of the cell, itself too, with the weight 1/atoms: a network on such graphs has
    the same layers as one on `lattice_sums`, but knows the composition alone.

    Args:
        atoms: a crystal.
        volume: tell the volume per atom too: all atoms are heard at the radius of a sphere that holds it.
        dos: target spectrum (points,), if it is known.
    """
    n = len(atoms)
    pairs = torch.cartesian_prod(torch.arange(n), torch.arange(n)).T
    radial = torch.ones(1, RADIAL)
    if volume:
        radius = (3 * atoms.get_volume() / (4 * np.pi * n)) ** (1 / 3)
        radial = RadialBasis(RADIAL, CUTOFF)(torch.tensor([radius], dtype=radial.dtype))
    graph = Data(
        atomic_numbers=torch.tensor(atoms.numbers),
        edge_index=pairs,
        sums=(radial / n).repeat(n * n, 1),
        num_nodes=n,
    )
    if dos is not None:
        graph.dos = torch.as_tensor(np.asarray(dos), dtype=graph.sums.dtype)[None]
    return graph


def sums_irreps(lmax: int) -> o3.Irreps:
    """Return the irreps of ``sums``."""
    return o3.Irreps([(RADIAL, (l, (-1) ** l)) for l in range(lmax + 1)])


def _check(atoms: Atoms, edges: Data, length: torch.Tensor) -> None:
    """Refuse what is no crystal."""
    neighbour, centre = edges.edge_index.numpy()
    radii = covalent_radii[atoms.numbers]
    ratio = length.numpy() / (radii[neighbour] + radii[centre])
    if len(ratio) and ratio.min() < CLOSEST:
        k = int(ratio.argmin())
        i, j = (chemical_symbols[atoms.numbers[n]] for n in (centre[k], neighbour[k]))
        raise ValueError(
            f"atoms: {i} (atom {centre[k]}) and {j} (atom {neighbour[k]}) overlap: they are "
            f"{float(length[k]):.2f} Å apart; are positions in Å, and no atom twice there?"
        )
    rank = connected_dimensions(edges)
    if rank < 3:  # layers of real crystals may be a little further apart
        rank = connected_dimensions(graphs.to_graph(atoms, WIDEST_GAP))
    if rank < 3:
        what = ("a molecule or loose atoms", "a wire", "a slab")[rank]
        raise ValueError(f"atoms: {what}, not a crystal: empty space cuts it apart; take the bulk's cell")


def connected_dimensions(edges: Data) -> int:
    """Return along how many independent lattice vectors a walk over edges can lead: 3 in a crystal."""
    atoms = len(edges.atomic_numbers)
    neighbours: list[list[tuple[int, np.ndarray]]] = [[] for _ in range(atoms)]
    for j, i, S in zip(*edges.edge_index.tolist(), edges.edge_shift.numpy(), strict=True):
        neighbours[i].append((j, S))
    best = 0
    place: dict[int, np.ndarray] = {}
    for start in range(atoms):
        if start in place:
            continue
        place[start] = np.zeros(3, dtype=int)
        waiting, loops = [start], [np.zeros(3, dtype=int)]
        while waiting:
            i = waiting.pop()
            for j, S in neighbours[i]:
                if j in place:
                    loops.append(place[i] + S - place[j])
                else:
                    place[j] = place[i] + S
                    waiting.append(j)
        best = max(best, int(np.linalg.matrix_rank(np.unique(loops, axis=0))))
    return best


def crystals(structures: Iterable[Atoms], dos: np.ndarray | None = None, *, lmax: int = 0) -> list[Data]:
    """Turn many crystals into graphs, with their spectra (crystals, points) where these are known.

    Raises:
        ValueError: for one crystal instead of a list, none, or one that `lattice_sums` refuses.
    """
    if isinstance(structures, Atoms | str | Path):
        got = f"one ase.Atoms, {structures.symbols}" if isinstance(structures, Atoms) else repr(structures)
        raise ValueError(f"structures: expected a list of crystals, such as [atoms], got {got}")
    structures = list(structures)
    if not structures:
        raise ValueError("structures: expected a list of crystals, such as [atoms], got none")
    if dos is None:
        return [lattice_sums(atoms, lmax=lmax) for atoms in structures]
    return [lattice_sums(a, lmax=lmax, dos=g) for a, g in zip(structures, dos, strict=True)]
