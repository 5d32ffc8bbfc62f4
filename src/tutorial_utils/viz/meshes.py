"""Surfaces of constant value around atoms, in several colours or coloured by another quantity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import plotly.graph_objects as go
from ase import Atoms
from ase.neighborlist import natural_cutoffs, neighbor_list
from jaxtyping import Float, Int

from tutorial_utils.structures import plain
from tutorial_utils.viz.structures import element_colors
from tutorial_utils.viz.theme import DIVERGING, OKABE_ITO, TEMPLATE


@dataclass(frozen=True, eq=False)
class Mesh:
    """A surface of triangles.

    Attributes:
        vertices: (vertices, 3) Å.
        triangles: (triangles, 3) | numbers of their vertices; seen from outside they turn anticlockwise.
    """

    vertices: np.ndarray
    triangles: np.ndarray


# A cube falls into six tetrahedra along its diagonal: steps along x, y, z in every order.
_TETRAHEDRA = np.array(
    [np.cumsum([(0, 0, 0), *np.eye(3, dtype=int)[list(p)]], 0) for p in permutations(range(3))]
)
# Number of corners inside, which come first -> edges that are cut, by triangle. Of right-handed tetrahedra
# the triangles turn anticlockwise, seen from outside.
_CUTS = {
    1: [[(0, 1), (0, 2), (0, 3)]],
    2: [[(0, 2), (0, 3), (1, 2)], [(1, 2), (0, 3), (1, 3)]],
    3: [[(0, 3), (1, 3), (2, 3)]],
}


def level_set(
    values: Float[np.ndarray, "x y z"],
    level: float,
    *,
    origin: Sequence[float] | Float[np.ndarray, "3"] = (0, 0, 0),
    spacing: float = 1.0,
) -> Mesh:
    """Return the surface where f is `level`, by marching tetrahedra.

    Args:
        values: f on a regular grid, axes in the order x, y, z.
        level: f on the surface; inside it f is higher.
        origin: Å, the first point.
        spacing: Å, between points.

    Raises:
        ValueError: The values are no grid, or f does not cross the level.
    """
    f = np.asarray(values, dtype=float)
    if f.ndim != 3 or not f.min() < level < f.max():
        raise ValueError(f"level must lie between the values of an (x, y, z) grid, got {level}, {f.shape}")
    corners = _crossed_tetrahedra(f, level)  # (tetrahedra, 4), inside first
    inside = (f.ravel()[corners] > level).sum(1)
    edges = [corners[inside == count][:, cuts] for count, cuts in _CUTS.items()]  # (n, triangles, 3, 2)
    ends = np.concatenate([each.reshape(-1, 2) for each in edges])
    pairs, where = np.unique(ends, axis=0, return_inverse=True)
    high, low = f.ravel()[pairs].T
    share = ((high - level) / (high - low))[:, None]
    first, last = np.moveaxis(np.stack(np.unravel_index(pairs, f.shape), -1), 1, 0)
    vertices = np.asarray(origin) + spacing * ((1 - share) * first + share * last)
    return Mesh(vertices, where.reshape(-1, 3))


def _crossed_tetrahedra(f: Float[np.ndarray, "x y z"], level: float) -> Int[np.ndarray, "n 4"]:
    """Return the corners (flat numbers) of the tetrahedra that are cut: inside first, right-handed."""
    starts = np.stack(np.meshgrid(*[np.arange(n - 1) for n in f.shape], indexing="ij"), -1).reshape(-1, 3)
    corners = (starts[:, None, None] + _TETRAHEDRA).reshape(-1, 4, 3)
    flat = np.ravel_multi_index(tuple(np.moveaxis(corners, -1, 0)), f.shape)
    above = f.ravel()[flat] > level
    crossed = above.any(1) & ~above.all(1)
    order = np.argsort(~above[crossed], axis=1, kind="stable")
    found, points = np.take_along_axis(flat[crossed], order, 1), corners[crossed]
    points = np.take_along_axis(points, order[..., None], 1)
    left_handed = np.linalg.det(points[:, 1:] - points[:, :1]) < 0
    # With the first or the last two corners swapped it is right-handed, and inside ones stay first.
    one = above[crossed].sum(1) == 1
    for mine, swap in ((left_handed & one, [0, 1, 3, 2]), (left_handed & ~one, [1, 0, 2, 3])):
        found[mine] = found[mine][:, swap]
    return found


def surfaces(
    atoms: Atoms, meshes: Mapping[str, tuple[Mesh, Any]], *, opacity: float = 0.5, unit: str = ""
) -> go.Figure:
    """Draw surfaces around a molecule.

    Args:
        atoms: positions in Å.
        meshes: name -> (mesh, colour); the colour is a name of `OKABE_ITO`, or numbers, one for each vertex.
        opacity: of the surfaces, 0 to 1.
        unit: of the numbers, for the colour bar.

    Returns:
        A figure that turns.
    """
    fig = go.Figure(_sticks_and_balls(plain(atoms)), {"template": TEMPLATE})
    for name, (mesh, color) in meshes.items():
        x, y, z = mesh.vertices.astype(np.float32).round(3).T
        i, j, k = mesh.triangles.astype(np.uint32 if len(mesh.vertices) > 65_535 else np.uint16).T
        trace = go.Mesh3d(x=x, y=y, z=z, i=i, j=j, k=k, opacity=opacity, name=name, hoverinfo="name")
        if isinstance(color, str):
            if color not in OKABE_ITO:
                raise ValueError(
                    f"meshes: {name} has the colour {color!r}, which is none of {', '.join(OKABE_ITO)}"
                )
            trace.update(color=OKABE_ITO[color], showlegend=True)
        else:
            reach = float(np.abs(color).max())
            bar = {"title": f"{name}, {unit}" if unit else name, "thickness": 12, "len": 0.7}
            trace.update(intensity=np.asarray(color, np.float32), cmin=-reach, cmax=reach)
            trace.update(colorscale=DIVERGING, colorbar=bar, hoverinfo="skip")
        fig.add_trace(trace)
    fig.update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0}, legend={"x": 0, "y": 1})
    camera = {"projection_type": "orthographic", "eye": {"x": 0.22, "y": -0.8, "z": 0.36}}
    fig.update_scenes(aspectmode="data", camera=camera)
    for axis in ("xaxis", "yaxis", "zaxis"):
        fig.layout.scene[axis].update(visible=False)
    return fig


def _sticks_and_balls(atoms: Atoms) -> list[go.Scatter3d]:
    colors = element_colors(atoms)
    first, second = neighbor_list("ij", atoms, natural_cutoffs(atoms, mult=1.2))
    pairs = [(i, j) for i, j in zip(first, second, strict=True) if i < j]
    look = {"showlegend": False, "hoverinfo": "skip"}
    ends = [[*atoms.positions[[i, j]].round(3).tolist(), [None] * 3] for i, j in pairs]
    x, y, z = zip(*[point for bond in ends for point in bond], strict=True) if ends else ([], [], [])
    sticks = go.Scatter3d(x=x, y=y, z=z, mode="lines", line={"width": 7, "color": OKABE_ITO["grey"]}, **look)
    marker = {
        "size": [7 if s == "H" else 11 for s in atoms.symbols],
        "color": [colors[s] for s in atoms.symbols],
    }
    x, y, z = atoms.positions.round(3).T
    return [sticks, go.Scatter3d(x=x, y=y, z=z, mode="markers", marker={**marker, "opacity": 1}, **look)]
