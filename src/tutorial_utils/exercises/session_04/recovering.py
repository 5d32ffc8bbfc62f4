"""Exercises 4.4 and 4.5: the rank of a Jacobian at a symmetric site, and where to start."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from tutorial_utils import descriptors
from tutorial_utils.descriptors import recovery
from tutorial_utils.exercises.engine import exercise
from tutorial_utils.exercises.reading import Wrong, number, tensor
from tutorial_utils.exercises.session_04 import cases

_GROUPS = ("C3", "Td", "C4v", "D3h", "C2", "Oh", "Cs", "S4")


@exercise(
    "4.4",
    title="The rank, from characters",
    hint=[
        "A1 occurs in a representation as often as the mean of its character says.",
        "Coordinates: (neighbours left in place) × trace. Rotations, which change no invariant: det × trace.",
    ],
)
def rank_from_characters(answer: Callable[[Tensor, Tensor], int]) -> str:
    """Compare with the singular values of the Jacobian at sites of several groups; name the usual slips."""
    sites = [cases.orbit_site(name) for name in _GROUPS]
    found = [_whole(answer(v, G), name) for name, (v, G) in zip(_GROUPS, sites, strict=True)]
    right = [_rank(v) for v, _ in sites]
    _without_lengths(answer, sites, found)
    if found == right:
        return "Right at eight sites: group theory knows the rank of a matrix that it never saw."
    counts = [_counts(v, G) for v, G in sites]
    slips = {
        "A1 motions that are rotations are counted too, as in C3: no invariant changes under a rotation.": [
            modes for modes, _, _ in counts
        ],
        "You subtract three rotations everywhere: of the A1 motions only those rotations may go that are A1 "
        "themselves.": [modes - 3 for modes, _, _ in counts],
        "Every neighbour contributes its trace, also where the operation moves it to another's place: a "
        "coordinate that lands elsewhere is not on the diagonal.": [crude for _, _, crude in counts],
        "The rotation vector is axial: its character is det × trace. You subtracted that of a translation.": [
            modes - polar for (modes, _, _), polar in zip(counts, _translations(sites), strict=True)
        ],
        "That is a sum over the group, not the mean: divide by the order.": [
            (modes - turns) * len(G) for (modes, turns, _), (_, G) in zip(counts, sites, strict=True)
        ],
        "That is the number of all directions without rotations. Symmetry hides most of them: to first order "
        "only A1 motions change an invariant.": [3 * len(v) - 3 for v, _ in sites],
    }
    for message, numbers in slips.items():
        if found == numbers:
            raise Wrong(message)
    k = next(k for k in range(len(sites)) if found[k] != right[k])
    raise Wrong(
        f"At a site of symmetry {_GROUPS[k]} with {len(sites[k][0])} neighbours you say {found[k]}, the "
        f"singular values say {right[k]}. Suspect the mean over the group of one of the two characters."
    )


def _whole(value: float, name: str) -> int:
    count = number(value, f"The rank for {name}").real
    if abs(count - round(count)) > 1e-4:
        raise Wrong(
            f"For {name} you return {count:.3g}; a rank is a whole number. Suspect a sum, not a mean."
        )
    return round(count)


def _without_lengths(
    answer: Callable[[Tensor, Tensor], int], sites: list[tuple[Tensor, Tensor]], found: list[int]
) -> None:
    """Ask again at sites a thousand times larger: characters are the same, a Jacobian is zero there."""
    for name, (v, G), count in zip(_GROUPS, sites, found, strict=True):
        far = _whole(answer(1000 * v, G), name)
        if far != count:
            raise Wrong(
                f"With the neighbours of {name} a thousand times farther away your count goes from {count} "
                f"to {far}; the symmetry is the same, and so are the characters. Suspect a Jacobian, whose "
                "descriptor ends at a cutoff, or a length in the comparison."
            )


def _rank(v: Tensor) -> int:
    shells = descriptors.SphericalBessel(3, 3.0)
    return recovery.rank(lambda x: recovery.spectra(x, shells, 4), v)


def _counts(v: Tensor, G: Tensor) -> tuple[int, int, int]:
    """Return A1 motions, A1 rotations, and the count that forgets to permute."""
    trace = G.diagonal(dim1=1, dim2=2).sum(-1)
    stays = ((torch.einsum("gij,nj->gni", G, v) - v).norm(dim=-1) < 1e-6).sum(1)
    turns = torch.linalg.det(G) * trace
    means = (stays * trace).mean(), turns.mean(), (len(v) * trace - turns).mean()
    modes, rotations, crude = (round(mean.item()) for mean in means)
    return modes, rotations, crude


def _translations(sites: list[tuple[Tensor, Tensor]]) -> list[int]:
    return [round(G.diagonal(dim1=1, dim2=2).sum(-1).mean().item()) for _, G in sites]


@exercise(
    "4.5",
    title="Where to start",
    hint=[
        "What a start has of symmetry, it keeps; look for a group that both sites have.",
        "D4 has eight operations: apply all of them to one random point, for each start.",
    ],
)
def where_to_start(answer: Callable[[int, np.random.Generator], Tensor]) -> str:
    """Walk from the learner's starts to a cube and to an antiprism of lengths that are not given."""
    shells = descriptors.SphericalBessel(3, 3.0)
    shares = {}
    for name, site in cases.eight_corners().items():
        starts = tensor(answer(16, np.random.default_rng(0)), "regular(16, rng)")
        if starts.shape != (16, 8, 3) or not starts.isfinite().all():
            raise Wrong(f"regular(16, rng) returned {tuple(starts.shape)}; expected 16 starts, (16, 8, 3)")
        if torch.cdist(starts, starts).add(torch.eye(8)).amin() < 1e-3:
            raise Wrong("Two neighbours of a start sit on one point: that point lies on an axis or a mirror.")
        if starts.flatten(1).var(dim=0).sum() < 1e-6:
            raise Wrong("All your starts are equal: sixteen walks of one walker. Draw a new point for each.")
        found = recovery.recover(
            lambda x: recovery.spectra(x, shells, 4),
            recovery.spectra(site, shells, 4),
            starts,
            steps=40,
            stop=None,
        )
        shares[name] = sum(recovery.rmsd(x, site) < 0.05 for x in found.vectors) / 16
    for name, share in shares.items():
        if share < 1 / 3:
            raise Wrong(
                f"Of your starts {share:.0%} find the {name}; a third of them should. Suspect the "
                "symmetry: the starts must have one, and it must be one that the site has too."
            )
    return "Both are found, from at least a third of the starts: the walk stays in a space of three unknowns."
