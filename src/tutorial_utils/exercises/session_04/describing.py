"""Exercises 4.1 to 4.3 and 4.6: sums of harmonics over neighbours, and the invariants made of them."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np
import torch
from e3nn import o3
from torch import Tensor

from tutorial_utils import descriptors, groups, symmetry
from tutorial_utils.exercises.engine import exercise
from tutorial_utils.exercises.reading import ROUNDING, Wrong, number, tensor
from tutorial_utils.exercises.session_04 import cases

_SITES = {"fcc": "Oh", "bcc": "Oh", "hcp": "D3h", "diamond": "Td"}


@exercise(
    "4.1",
    title="Vanishing degrees",
    hint=[
        "Add the harmonics of all neighbours, degree by degree, and take lengths.",
        'degree_norms(sites["bcc"]) does it for one site; a zero is anything below 1e-10.',
    ],
)
def vanishing_degrees(answer: Mapping[str, set[int]]) -> str:
    """Compare four sets of degrees with the sums; tell symmetry from accident."""
    if not isinstance(answer, Mapping) or set(answer) != set(_SITES):
        raise Wrong('give a set of degrees for each site: {"fcc": {1, 2, ...}, "bcc": ..., "hcp": ..., ...}')
    for name, group in _SITES.items():
        if any(isinstance(l, bool | np.bool_ | str) or l != int(l) for l in answer[name]):
            raise Wrong(f"{name}: give the degrees themselves, whole numbers such as {{1, 2}}.")
        given, wanted = {int(l) for l in answer[name]}, _vanishing(name)
        strange = sorted(given - set(range(1, 9)))
        if strange:
            raise Wrong(f"{name}: l = {strange[0]} is not asked; the degrees go from 1 to 8.")
        for l in sorted(given ^ wanted):
            _explain(name, group, l, vanishes=l in wanted)
    return (
        "All four are right. In hcp l = 2 vanishes by accident: D3h allows it, and it comes back "
        "as soon as c/a leaves its ideal value."
    )


def _vanishing(name: str) -> set[int]:
    vectors = cases.sites()[name]
    c = descriptors.project(vectors, descriptors.SphericalBessel(1, 4.0), 8)[0]
    return {l for l in range(1, 9) if c[l**2 : (l + 1) ** 2].norm() < 1e-8}


def _explain(name: str, group: str, l: int, *, vanishes: bool) -> None:
    operations = torch.tensor(np.array(groups.molecular(group)))
    characters = o3.Irrep(l, (-1) ** l).D_from_matrix(operations).diagonal(dim1=1, dim2=2).sum(-1)
    free = round(characters.mean().item())
    left = f"{group} leaves {free} function{'s' if free != 1 else ''} of degree {l} alone"
    if vanishes and free:
        raise Wrong(f"{name}: {left}, so l = {l} need not vanish; for these atoms it does: measure it.")
    if vanishes:
        raise Wrong(f"{name}: {left}, so l = {l} vanishes. Suspect a comparison with 0 instead of 1e-10.")
    raise Wrong(
        f"{name}: l = {l} does not vanish, {left}. Inversion forbids odd degrees only where it exists."
    )


Descriptor = Callable[[Tensor], Tensor]


@exercise(
    "4.2",
    title="A descriptor of your own",
    hint=[
        "A weight that depends on the distance, times the spherical harmonics; then the sum over neighbours.",
        "descriptors.smooth_cutoff(r, 5.0) and its slope are zero at 5 Å; any function of r may be a factor.",
    ],
)
def own_descriptor(answer: Descriptor) -> str:
    """Test rotation and inversion degree by degree, permutation, additivity, and the end at 5 Å."""
    v = cases.cloud(9, 1.2, 4.0)
    c = _nine(answer, v)
    for l in range(3):
        if c[l**2 : (l + 1) ** 2].norm() < 1e-8:
            raise Wrong(f"The l = {l} part is zero for random neighbours, so it says nothing about them.")
    _turns(answer, v)
    scale = c.norm()
    far = torch.cat([v, torch.tensor([[5.5, 0, 0], [0, 0, 8.0]])])
    tests = {
        "changes when the neighbours are listed in another order": _nine(answer, v.flip(0)) - c,
        "is no sum over neighbours: two halves do not add up to the whole. Suspect a mean or a "
        "normalisation": _nine(answer, v[:4]) + _nine(answer, v[4:]) - c,
        "feels neighbours beyond 5 Å. Suspect no weight, or one that goes on": _nine(answer, far) - c,
    }
    for law, difference in tests.items():
        if difference.norm() > ROUNDING * scale:
            raise Wrong(f"Your descriptor {law} (by {difference.norm() / scale:.1e} of its length).")
    _ends(answer)
    return (
        "It turns, ignores the order, adds up and ends without a kink. Every model of sessions 5 to 7 "
        "starts from such numbers."
    )


def _nine(answer: Descriptor, v: Tensor) -> Tensor:
    c = tensor(answer(v), f"For {len(v)} neighbours your descriptor").squeeze()
    if c.shape != (9,) or not c.isfinite().all():
        raise Wrong(
            f"For {len(v)} neighbours your function returned {tuple(c.shape)}; expected 9 finite numbers, "
            "l = 0, 1 and 2, added up over the neighbours."
        )
    return c


def _turns(answer: Descriptor, v: Tensor) -> None:
    c = _nine(answer, v)
    R = torch.tensor(symmetry.random_rotation(np.random.default_rng(1)))
    for name, O in {"an inversion": -torch.eye(3), "a rotation": R}.items():
        turned = _nine(answer, v @ O.T)
        for l in range(3):
            here, there = c[l**2 : (l + 1) ** 2], turned[l**2 : (l + 1) ** 2]
            error = (there - o3.Irrep(l, (-1) ** l).D_from_matrix(O) @ here).norm() / here.norm()
            if error > ROUNDING:
                why = _why(l, here, there)
                raise Wrong(f"The l = {l} part fails under {name} (error {error:.1e}). {why}")


def _why(l: int, here: Tensor, there: Tensor) -> str:
    if l == 0:
        return "Suspect coordinates where lengths belong."
    if (here >= 0).all() and (there >= 0).all():
        return "No component of it is ever negative. Suspect abs() or a square: signs must survive."
    if abs(there.norm() - here.norm()) > ROUNDING * here.norm():
        return "Its length changes too. Suspect a function of single components, which depends on the axes."
    return "Suspect the order of the components: e3nn has x, y, z for l = 1 and its polar axis along y."


def _ends(answer: Descriptor) -> None:
    """Let one neighbour come close to 5 Å: its share has to vanish, and faster than in proportion."""
    direction = torch.tensor([[0.6, 0.0, 0.8]])
    typical = max(_nine(answer, r * direction).norm() for r in (1.5, 2.5, 3.5))
    near, nearer = (_nine(answer, (5 - gap) * direction).norm() / typical for gap in (1e-3, 1e-6))
    if nearer > 1e-4:
        raise Wrong(
            f"A neighbour that crosses 5 Å causes a jump of {nearer:.0%} of a usual share. Suspect no weight."
        )
    if near > 0.1 * 1e-3:
        raise Wrong(
            "The share of a neighbour ends at 5 Å with a kink: its slope jumps, and so would forces. "
            "Zero at the cutoff is not enough."
        )
    _nowhere_a_jump(answer, direction)


def _nowhere_a_jump(answer: Descriptor, direction: Tensor) -> None:
    """Look where a neighbour's share changes most from step to step, and ever closer there."""
    r = torch.linspace(0.5, 4.95, 90)
    shares = torch.stack([_nine(answer, x * direction) for x in r])
    k = int((shares[1:] - shares[:-1]).norm(dim=1).argmax())
    near, far = r[k], r[k + 1]
    for _ in range(16):
        middle = (near + far) / 2
        a, b, c = (_nine(answer, x * direction) for x in (near, middle, far))
        near, far = (near, middle) if (b - a).norm() > (c - b).norm() else (middle, far)
    largest = shares.norm(dim=1).max()
    jump = (_nine(answer, far * direction) - _nine(answer, near * direction)).norm() / largest
    if jump > 1e-3:
        raise Wrong(
            f"A neighbour that crosses {near:.2f} Å causes a jump of {jump:.0%} of the largest share. "
            "Suspect a comparison with a distance."
        )


@exercise(
    "4.3",
    title="Two chords",
    hint=[
        "Collect combinations(range(12), 4) by their sorted intervals, min(b - a, 12 - b + a).",
        "Every interval from 1 to 6, just once: two different chords of four notes have that.",
    ],
)
def two_chords(answer: Sequence[Sequence[int]]) -> str:
    """Compare intervals, then shapes up to turns and mirrors, then the power spectra themselves."""
    try:
        first, second = (tuple(sorted(int(i) for i in corners)) for corners in answer)
        whole = all(i == int(i) for corners in answer for i in corners)
    except (TypeError, ValueError):
        raise Wrong("Give two tuples of corners, such as ((0, 1, 3, 4), (0, 1, 2, 5)).") from None
    if not whole:
        raise Wrong("Corners are whole numbers, from 0 to 11.")
    for corners in (first, second):
        if len(set(corners)) < len(corners) or not set(corners) <= set(range(12)):
            raise Wrong(f"{corners}: corners are numbered from 0 to 11, each at most once.")
    _not_one_shape(first, second)
    _same_angles(first, second)
    radial = descriptors.SphericalBessel(3, 4.0)
    c, d = (descriptors.project(cases.polygon(corners, 12), radial, 6) for corners in (first, second))
    b, e = descriptors.bispectrum(c), descriptors.bispectrum(d)
    assert torch.allclose(descriptors.power_spectrum(c), descriptors.power_spectrum(d), atol=1e-10)
    seen = "tells them apart" if (b - e).norm() > 1e-6 * b.norm() else "does not tell them apart either"
    return f"Two shapes, and one power spectrum: error < 1e-10. The bispectrum {seen}."


def _not_one_shape(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    if first == second:
        raise Wrong("The two chords are one and the same.")
    for step in range(12):
        if second == tuple(sorted((i + step) % 12 for i in first)):
            raise Wrong(f"The second chord is the first, turned by {30 * step}°: one shape.")
        if second == tuple(sorted((step - i) % 12 for i in first)):
            raise Wrong(f"The second chord is the first in a mirror, i → {step} - i: one shape.")


def _same_angles(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    if len(first) != len(second):
        raise Wrong(f"{len(first)} corners and {len(second)}: already the number of neighbours differs.")
    intervals = [[min(b - a, 12 - b + a) for a, b in combinations(corners, 2)] for corners in (first, second)]
    for interval in range(1, 7):
        n, m = (found.count(interval) for found in intervals)
        if n != m:
            raise Wrong(
                f"The angle {30 * interval}° occurs {n} times in the first chord, {m} times in the second: "
                "their power spectra differ."
            )


Number = Callable[[Tensor], Tensor]
_MIRRORS = {"x → -x": (-1.0, 1.0, 1.0), "inversion": (-1.0, -1.0, -1.0)}


@exercise(
    "4.6",
    title="A pseudoscalar",
    hint=[
        "A mirror changes the sign of the triple product a·(b × c) of three vectors.",
        "Three sums over neighbours, each with another weight exp(-k r), are three such vectors.",
    ],
)
def pseudoscalar(answer: Number) -> str:
    """Turn, shuffle and reflect chiral clouds; a number that is always zero obeys every law."""
    clouds = [cases.cloud(5, 1.0, 3.0, seed=seed) for seed in range(4)]
    values = torch.stack([_one(answer, v) for v in clouds])
    size = values.abs().max()
    if size < 1e-12:
        raise Wrong(
            "Your number is zero for four clouds without any mirror, so it says nothing. "
            "Suspect two equal vectors in one triple product, or a C that is odd in two equal factors."
        )
    R = torch.tensor(symmetry.random_rotation(np.random.default_rng(1)))
    for v, value in zip(clouds, values, strict=True):
        if (_one(answer, v.flip(0)) - value).abs() > ROUNDING * size:
            raise Wrong("Your number depends on the order of the neighbours. Suspect v[0], v[1] … by number.")
        error = (_one(answer, v @ R.T) - value).abs() / size
        if error > ROUNDING:
            raise Wrong(f"A rotation changes your number (error {error:.1e}). Suspect single coordinates.")
        for name, signs in _MIRRORS.items():
            _flips(name, _one(answer, v * torch.tensor(signs)) / size, value / size)
        equal = v * (v[[1, 1, 3, 3, 4]].norm(dim=1) / v.norm(dim=1))[:, None]  # two pairs of one distance
        if (_one(answer, equal.flip(0)) - _one(answer, equal)).abs() > ROUNDING * size:
            raise Wrong(
                "Your number depends on the order of neighbours at one and the same distance. Suspect "
                "sorting by distance: equal ones stay as the list has them."
            )
    return "It tells left from right, and so it is zero for every shape with a mirror, flat ones too."


def _one(answer: Number, v: Tensor) -> Tensor:
    return torch.tensor(number(answer(v), "A pseudoscalar").real)


def _flips(name: str, mirrored: Tensor, value: Tensor) -> None:
    if (mirrored + value).abs() < ROUNDING:
        return
    if (mirrored - value).abs() < ROUNDING:
        raise Wrong(
            f"Under {name} your number keeps its sign. Distances and angles are those of the mirror image, "
            "and so is all that is made of them: a cross product has to come in, or an odd l1 + l2 + l3."
        )
    raise Wrong(
        f"Under {name} your number changes, but not by its sign. Suspect a sum of even and odd parts."
    )
