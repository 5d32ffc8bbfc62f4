"""The environments of all atoms of a structure, periodic or not, as coefficients."""

from collections.abc import Sequence

import torch
from ase import Atoms
from ase.data import chemical_symbols
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.data import Data

from tutorial_utils.descriptors.fourier import harmonics, lengths_and_directions
from tutorial_utils.descriptors.radial import Radial, smooth_cutoff
from tutorial_utils.elements import distinct, row_of_element
from tutorial_utils.graphs import SAME_POINT, check_graph, to_graph, within

CHUNK = 256  # atoms at a time: what is needed beside the result stays in the processor's cache


def environments(
    structure: Atoms | Data,
    radial: Radial,
    lmax: int,
    *,
    elements: Sequence[str],
    smooth: bool = True,
    chunk: int = CHUNK,
) -> Float[Tensor, "atoms elements size {(lmax+1)**2}"]:
    """Return c_nlm = Σ_j f(r_j) R_nl(r_j) Y_lm(r̂_j) around each atom, for each element of the neighbours.

    * The atom itself is not among its neighbours; its own images in a crystal are.
    * An atom without neighbours has the coefficients 0.
    * Time and memory grow linearly with the number of atoms.

    Args:
        structure: atoms; or a graph (or batch) whose edges reach at least as far as the radial functions,
            and then differentiable with respect to its ``pos`` and ``cell``.
        radial: orthonormal radial functions; their cutoff is that of the environment.
        lmax: highest degree.
        elements: symbols of the channels, for example ``["Cu", "Au"]``; each one present has to be there.
        smooth: f(r) is `smooth_cutoff`; False: f = 1, and a neighbour that leaves causes a kink.
        chunk: how many atoms at a time.

    Returns:
        (atoms, elements, size, (lmax+1)²), e3nn's order and axes.

    Raises:
        ValueError: for two atoms at one point, or an element that is not listed.
    """
    if isinstance(structure, Atoms):
        structure = to_graph(structure, radial.cutoff)
    check_graph(structure, argument="structure", expected="an ase.Atoms or ")
    channel = element_channels(structure.atomic_numbers, elements)
    (neighbour, centre), vectors, lengths = within(structure, radial.cutoff)
    check_distances(lengths, neighbour, centre)
    atoms, many = len(channel), len(elements)
    place, order = torch.sort(centre * many + channel[neighbour])  # one group for each atom and element
    ends = torch.searchsorted(place, torch.arange(0, atoms + chunk, chunk, device=place.device) * many)
    parts = []
    for first, (start, end) in enumerate(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)):
        groups = (min(atoms, (first + 1) * chunk) - first * chunk) * many
        part = grouped(
            vectors[order[start:end]], place[start:end] - first * chunk * many, groups, radial, lmax, smooth
        )
        parts.append(part)
    return torch.cat(parts).reshape(atoms, many, radial.size, (lmax + 1) ** 2)


def grouped(
    vectors: Float[Tensor, "edges 3"],
    group: Int[Tensor, "edges"],
    groups: int,
    radial: Radial,
    lmax: int,
    smooth: bool,
) -> Float[Tensor, "groups size {(lmax+1)**2}"]:
    """Return Σ R_nl Y_lm over each group of edges; the groups are sorted.

    Groups are padded with zeros to the length of the longest; one batched matrix product for each l.
    """
    r, directions = lengths_and_directions(vectors)
    R, Y = radial(r, lmax), harmonics(directions, lmax)
    if smooth:
        R = R * smooth_cutoff(r, radial.cutoff)[:, None, None]
    counts = torch.bincount(group, minlength=groups)
    rank = torch.arange(len(group), device=group.device) - (counts.cumsum(0) - counts)[group]
    longest = int(counts.max()) if len(group) else 0
    padded = [
        values.new_zeros(groups, longest, *values.shape[1:]).index_put((group, rank), values)
        for values in (R, Y)
    ]
    blocks = padded[1].split([2 * l + 1 for l in range(lmax + 1)], dim=-1)
    return torch.cat([padded[0][:, :, l].mT @ Y_l for l, Y_l in enumerate(blocks)], dim=-1)


def element_channels(numbers: Int[Tensor, "atoms"], elements: Sequence[str]) -> Int[Tensor, "atoms"]:
    """Return the number of each atom's element in the list of elements.

    Raises:
        ValueError: for an atom whose element is not listed, or a symbol that is none.
    """
    channel = row_of_element(distinct(elements)).to(numbers.device)[numbers]
    if (channel < 0).any():
        atom = int((channel < 0).nonzero()[0])
        symbol = chemical_symbols[int(numbers[atom])]
        raise ValueError(f"elements: atom {atom} is {symbol}, which is not in {list(elements)}; add it")
    return channel


def check_distances(
    lengths: Float[Tensor, " edges"], neighbour: Int[Tensor, " edges"], centre: Int[Tensor, " edges"]
) -> None:
    """Raise a ValueError where two atoms are at one point: no direction leads from one to the other."""
    if len(lengths) == 0:
        return
    nearest = lengths.detach().min(dim=0)
    if nearest.values < SAME_POINT:
        j, i = int(neighbour[nearest.indices]), int(centre[nearest.indices])
        raise ValueError(f"structure: atoms {min(i, j)} and {max(i, j)} are at one point; remove one of them")
