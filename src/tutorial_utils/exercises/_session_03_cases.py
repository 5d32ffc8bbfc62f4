"""What the exercises of session 3 are tried on."""

import numpy as np
import torch
from ase import Atoms
from e3nn import o3
from jaxtyping import Float
from torch import Tensor
from torch_geometric.data import Data

from tutorial_utils import graphs, symmetry

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


def sum_over_edges(graph: Data, order: int, *, decay: float = 1.0) -> Float[Tensor, "1 components"]:
    """Weigh the harmonics Y_l of all edges by element and length."""
    r = graphs.edge_vectors(graph)
    weight = graph.atomic_numbers[graph.edge_index[1]] ** 2 * torch.exp(-decay * r.norm(dim=1))
    return (weight[:, None] * o3.spherical_harmonics(order, r, normalize=True)).sum(dim=0, keepdim=True)


def _vector(graph: Data) -> Float[Tensor, "1 3"]:
    return sum_over_edges(graph, 1)


def _axial(graph: Data) -> Float[Tensor, "1 3"]:
    """Rotates like a vector and keeps its sign under inversion."""
    return torch.linalg.cross(_vector(graph), sum_over_edges(graph, 1, decay=3.0))


# model, what it is given, its irreps, what is wrong with a test that fails it
HEALTHY = (
    (lambda g: sum_over_edges(g, 0), "a molecule", "0e", "Distances changed: is your R orthogonal?"),
    (_vector, "a molecule", "1o", "Input and output turn differently: pos @ R.T goes with y @ D.T."),
    (
        lambda g: sum_over_edges(g, 2),
        "a molecule",
        "2e",
        "The output turns by D_from_matrix(R) of its irreps.",
    ),
    (_vector, "a crystal", "1o", "Does the cell turn with the atoms? Edges cross its border."),
)
# what is wrong with it, model, what is wrong with a test that passes it
BROKEN = (
    ("calls an axial vector 1o", _axial, "Is the determinant of your R always +1? Try reflections too."),
    (
        "stretches the z axis",
        lambda g: _vector(g) * torch.tensor([1.0, 1.0, 2.0]),
        "Inversion leaves this fault alone: try rotations, random ones.",
    ),
    (
        "applies ReLU to a vector, in units that make it 1e-30",
        lambda g: 1e-30 * _vector(g).relu(),
        "Your error is absolute: divide by the size of the output.",
    ),
)
