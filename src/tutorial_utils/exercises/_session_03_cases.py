"""What the exercises of session 3 are tried on."""

import numpy as np
from ase import Atoms

from tutorial_utils import symmetry

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
