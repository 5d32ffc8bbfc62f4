"""Exercises 3.3 and 3.5: detect chirality, name a shape."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from ase import Atoms
from e3nn import o3
from torch import Tensor
from torch_geometric.data import Data

from tutorial_utils import graphs, symmetry
from tutorial_utils.exercises.engine import exercise, require
from tutorial_utils.exercises.reading import ROUNDING, Wrong
from tutorial_utils.exercises.session_03.layers import CUTOFF, on_graph

CHIRAL = Atoms("CHFON", [[0, 0, 0], [0.6, 0.6, 0.7], [0.8, -0.8, -0.7], [-0.8, 0.9, -0.8], [-0.8, -0.9, 0.8]])
_LIKE = Atoms("CHHON", CHIRAL.positions)  # two of its atoms are alike
_PLANAR = Atoms("CNOFH", [[0, 0, 0], [1.3, 0.1, 0], [-0.7, 1.1, 0], [-0.6, -1.2, 0], [1.8, 0.9, 0]])


@exercise(
    "3.3",
    title="Detect chirality",
    hint=[
        "A 0o of vectors is a triple product, r1 · (r2 x r3). Which irreps does a network need on the way?",
        "Products of two directions give 1e, of three 0o: hidden features with 1o, 1e and 0o, three layers.",
    ],
)
def detect_chirality(answer: Callable[[Data], Tensor]) -> str:
    """For a chiral molecule all laws with 0o, and zero for a planar one, however it lies in space."""
    answer = _one_pseudoscalar(answer)
    with torch.no_grad():
        graph = graphs.to_graph(CHIRAL, CUTOFF)
        require(symmetry.equivariance_report(lambda graph: answer(graph).reshape(1), graph, "0o"))
        size = on_graph(answer, CHIRAL).abs().max().item()
        swapped = symmetry.permute(_LIKE, np.array([0, 2, 1, 3, 4]))
        change = (on_graph(answer, swapped) - on_graph(answer, _LIKE)).abs().max().item() / size
        planar = symmetry.rotate(_PLANAR, symmetry.random_rotation(np.random.default_rng(1)))
        left = on_graph(answer, planar).abs().max().item() / size
    if change > ROUNDING:
        raise Wrong(
            f"Exchanging the two hydrogens of a molecule changes your number, by {change:.1e} of what CHFON "
            "gives: like atoms have no order. Suspect atoms that are sorted by element, or picked by number."
        )
    if left > ROUNDING:
        raise Wrong(
            f"A planar molecule is its own mirror image, so that f = -f = 0; yours gives {left:.1e} of what "
            "it gives for CHFON. Suspect a constant, or a dependence on the lab's axes."
        )
    return "It flips in the mirror, and a planar molecule, its own mirror image, gives zero."


def _one_pseudoscalar(answer: Callable[[Data], Any]) -> Callable[[Data], Tensor]:
    def read(graph: Data) -> Tensor:
        found = torch.as_tensor(answer(graph))
        if found.numel() != 1:
            raise Wrong(
                f"One number, 0o, is asked for each molecule; yours has the shape {tuple(found.shape)}. "
                "Add up over atoms, and of vectors take the triple product."
            )
        return found

    return read


_GOLDEN = (1 + 5**0.5) / 2
_THIRDS = 2 * np.pi * np.arange(3) / 3

# Corners of each shape about the origin; all edges of the prism have one length, √3.
SHAPES = {
    "tetrahedron": [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]],
    "square": [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]],
    "octahedron": [*np.eye(3), *-np.eye(3)],
    "prism": [[np.cos(φ), np.sin(φ), z * 0.75**0.5] for φ in _THIRDS for z in (1, -1)],
    "icosahedron": [np.roll([0, a, b], k) for k in range(3) for a in (1, -1) for b in (_GOLDEN, -_GOLDEN)],
    "cuboctahedron": [np.roll([0, a, b], k) for k in range(3) for a in (1, -1) for b in (1, -1)],
}


def surround(
    name: str,
    rng: np.random.Generator,
    *,
    radius: float = 2.0,
    noise: float = 0.0,
    turn: bool = False,
    shuffle: bool = False,
    shift: bool = False,
) -> Atoms:
    """Put a carbon atom in the middle of a shape and hydrogen at its corners.

    Args:
        name: one of `SHAPES`.
        rng: where chance comes from.
        radius: distance of the corners, Å.
        noise: standard deviation of each coordinate of a corner, in units of the radius.
        turn: whether to rotate it at random.
        shuffle: whether to number the corners at random.
        shift: whether to move it away from the origin.

    Returns:
        The cluster, the centre first.
    """
    corners = np.array(SHAPES[name], dtype=float)
    corners /= np.linalg.norm(corners, axis=1, keepdims=True)
    corners = radius * (corners + noise * rng.normal(size=corners.shape))
    if shuffle:
        corners = rng.permutation(corners)
    atoms = Atoms(f"CH{len(corners)}", [[0, 0, 0], *corners])
    if turn:
        atoms = symmetry.rotate(atoms, symmetry.random_rotation(rng))
    return symmetry.translate(atoms, rng.normal(size=3)) if shift else atoms


@exercise(
    "3.5",
    title="Name the shape",
    hint=[
        "Norms of the mean of Y over the neighbours do not turn. Which l separates which pair?",
        "l = 3 tells tetrahedron from square, l = 4 octahedron from prism, l = 4 or 6 icosahedron from "
        "cuboctahedron; count the neighbours for the rest.",
    ],
)
def name_the_shape(answer: Callable[[Data], str]) -> str:
    """Try shapes as drawn, then turned, resized, renumbered, shifted, and with noise."""
    rng = np.random.default_rng(0)
    trials = {
        "as it is drawn": {},
        "once turned (suspect something that depends on the axes)": {"turn": True},
        "of another size (suspect lengths where directions are meant)": {"radius": 1.3},
        "with its atoms in another order": {"shuffle": True, "turn": True},
        "away from the origin (suspect positions instead of differences)": {"shift": True},
    }
    noisy = {
        f"with 3 % noise, {n} times": {"noise": 0.03, "turn": True, "shuffle": True} for n in range(1, 9)
    }
    for words, options in {**trials, **noisy}.items():
        for name in SHAPES:
            found = answer(graphs.to_graph(surround(name, rng, **options), 10.0))  # type: ignore[arg-type]
            found = found.lower() if isinstance(found, str) else found
            if not isinstance(found, str) or found not in SHAPES:
                raise Wrong(f"Your function returned {found!r}; expected one of {', '.join(SHAPES)}.")
            if found != name:
                suspect = _apart(name, found, "noise" in words)
                raise Wrong(f"The {name} {words}: you call it {found}. {suspect}")
    return (
        "Six shapes named, however they lie: session 4 turns such norms into descriptors of whole crystals."
    )


def _apart(name: str, found: str, noisy: bool) -> str:
    """Say what separates two shapes: the number of neighbours, or the degree whose norms differ most."""
    n, m = len(SHAPES[name]), len(SHAPES[found])
    if n != m:
        return f"Count the neighbours: {n}, not {m}."
    norms = []
    for shape in (name, found):
        r = torch.tensor(np.array(SHAPES[shape], dtype=float))
        Y = o3.spherical_harmonics(range(7), r, True, "norm").mean(dim=0)
        norms.append(torch.stack([Y[l**2 : (l + 1) ** 2].norm() for l in range(7)]))
    l = int((norms[0] - norms[1]).abs().argmax())
    return f"Both have {n} neighbours; the norms of the mean of Y differ most at l = {l}." + (
        " With noise nothing is exactly zero or exactly equal: put the limit half-way." if noisy else ""
    )
