"""A still picture (SVG) of a structure, seen as the turning one is seen first."""

from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import natural_cutoffs, neighbor_list
from jaxtyping import Float
from scipy.spatial.distance import pdist

from tutorial_utils.viz.theme import OKABE_ITO

_SIZES = {"ball-and-stick": 0.5, "stick": 0.2, "sphere": 1.2}  # of the covalent radius
_SCALE = 60  # SVG units for an Å
_FEW, _APART = 20, 0.4  # atoms; Å on the screen between the centres of two atoms that are both seen


@dataclass(frozen=True, eq=False)
class Field:
    """Arrows or ellipsoids of one name in all frames.

    Attributes:
        name: Shown in the key below the picture.
        color: Hexadecimal colour.
        points: (frames, n, 3) Å | where they start or are centred.
        values: (frames, n, 3) or (frames, n, 3, 3) Å | scaled to be drawn.
    """

    name: str
    color: str
    points: np.ndarray
    values: np.ndarray


def view_rotation(angle: float = -40) -> Float[np.ndarray, "3 3"]:
    """Return the turn into the view (right, up, to the reader): `angle` (°) about z, then -65° about x."""
    a, b = np.radians(angle), np.radians(-65)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return about_x @ about_z


def view_angle(atoms: Atoms) -> float:
    """Return the angle nearest to -40° at which no atom of a molecule hides another, for `view_rotation`.

    Where there is none, the one at which the centres of all atoms are farthest apart on the screen; crystals
    and large molecules are seen at -40°.
    """
    if atoms.pbc.any() or not 1 < len(atoms) <= _FEW:
        return -40
    angles = sorted(range(-180, 180, 10), key=lambda angle: abs((angle + 220) % 360 - 180))
    seen = [(atoms.positions @ view_rotation(angle).T)[:, :2] for angle in angles]
    apart = [pdist(points).min() for points in seen]
    return float(angles[int(np.argmax([min(d, _APART) for d in apart]))])


def cell_edges(atoms: Atoms) -> Float[np.ndarray, "12 2 3"]:
    """Start and end of the twelve edges of the unit cell, in Å."""
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    pairs = [(a, b) for a in corners for b in corners if (b - a).sum() == 1 and (b - a).min() == 0]
    return np.array(pairs) @ atoms.cell.array


def draw_picture(
    atoms: Atoms,
    colors: dict[str, str],
    style: str,
    texts: list[str],
    arrows: list[Field],
    blobs: list[Field],
    angle: float,
) -> str:
    """Draw the first frame, far parts first.

    Args:
        atoms: The structure, positions in Å.
        colors: Colour of each element.
        style: "ball-and-stick", "stick" or "sphere".
        texts: One label for each atom, or none.
        arrows: Vectors to draw.
        blobs: Tensors to draw.
        angle: Of the view, from `view_angle`.

    Returns:
        SVG text.
    """
    R = view_rotation(angle)
    parts = _atoms(atoms, R, colors, style) + _bonds(atoms, R, style)
    if atoms.pbc.any():
        parts += [_line(ends @ R.T, OKABE_ITO["grey"], 2) for ends in cell_edges(atoms)]
    for field in blobs:
        parts += [
            _ellipse(R @ p, R @ T, field.color) for p, T in zip(field.points[0], field.values[0], strict=True)
        ]
    for field in arrows:
        pairs = zip(field.points[0], field.values[0], strict=True)
        parts += [_arrow(R @ p, R @ v, field.color) for p, v in pairs if np.linalg.norm(v) > 0.02]
    for text, position in zip(texts, atoms.positions if texts else [], strict=True):
        parts.append(_text(R @ position, text))
    body = "".join(svg for _, svg, _ in sorted(parts, key=lambda part: part[0]))
    corners = np.concatenate([box for _, _, box in parts])
    low, high = corners.min(axis=0) - 0.1, corners.max(axis=0) + 0.1  # room for half a line's width
    x, y, width, height = (_n(value) for value in (low[0], -high[1], *(high - low)))
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{x} {y} {width} {height}">{body}</svg>'


# Each part of the picture is (depth in Å, SVG text, corners (n, 2) in Å of the place that it takes).
_Part = tuple[float, str, np.ndarray]


def _n(length: float) -> str:
    return f"{_SCALE * length:.0f}"


def _xy(position: np.ndarray, names: str = "cx cy") -> str:
    across, up = names.split()
    return f'{across}="{_n(position[0])}" {up}="{_n(-position[1])}"'


def _atoms(atoms: Atoms, R: np.ndarray, colors: dict[str, str], style: str) -> list[_Part]:
    parts = []
    for symbol, number, position in zip(
        atoms.get_chemical_symbols(), atoms.numbers, atoms.positions @ R.T, strict=True
    ):
        radius = _SIZES[style] * covalent_radii[number]
        look = f'fill="{colors[symbol]}" stroke="#444" stroke-width="2"'
        circle = f'<circle {_xy(position)} r="{_n(radius)}" {look}/>'
        parts.append((position[2], circle, position[:2] + (radius + 0.1) * np.array([[-1, -1], [1, 1]])))
    return parts


def _bonds(atoms: Atoms, R: np.ndarray, style: str) -> list[_Part]:
    if style == "sphere":
        return []
    still = atoms.copy()
    still.pbc = False  # bonds through the cell's faces would end in the void
    first, second = neighbor_list("ij", still, natural_cutoffs(still, mult=1.15))
    places = still.positions @ R.T
    return [_line(places[[i, j]], "#999", 10) for i, j in zip(first, second, strict=True) if i < j]


def _line(ends: np.ndarray, color: str, width: int) -> _Part:
    svg = f'<line {_xy(ends[0], "x1 y1")} {_xy(ends[1], "x2 y2")} stroke="{color}" stroke-width="{width}"/>'
    return float(ends[:, 2].mean()), svg, ends[:, :2]


def _arrow(start: np.ndarray, vector: np.ndarray, color: str) -> _Part:
    end, flat = start + vector, vector[:2]
    length = float(np.linalg.norm(flat))
    if length < 0.02:  # it points at the reader
        dot = f'<circle {_xy(start)} r="{_n(0.12)}" fill="{color}"/>'
        return start[2] + 9, dot, start[None, :2]
    along = flat / length
    across, neck = np.array([-along[1], along[0]]), end[:2] - min(0.4, length) * along
    tip = " ".join(f"{_n(x)},{_n(-y)}" for x, y in (end[:2], neck + 0.17 * across, neck - 0.17 * across))
    shaft = f'<line {_xy(start, "x1 y1")} {_xy(neck, "x2 y2")} stroke="{color}" stroke-width="8"/>'
    # arrows come last: they are what the picture is about
    return end[2] + 9, f'{shaft}<polygon points="{tip}" fill="{color}"/>', np.stack([start[:2], end[:2]])


def _ellipse(centre: np.ndarray, T: np.ndarray, color: str) -> _Part:
    """Outline {T n}, |n| = 1, seen along z: half axes are the singular values of the first two rows of T."""
    axes, sizes, _ = np.linalg.svd(T[:2])
    turn = np.degrees(np.arctan2(axes[1, 0], axes[0, 0]))
    place = f'transform="translate({_n(centre[0])} {_n(-centre[1])}) rotate({-turn:.1f})"'
    svg = f'<ellipse {place} rx="{_n(sizes[0])}" ry="{_n(sizes[1])}" fill="{color}" fill-opacity="0.45"/>'
    return centre[2] + 5, svg, centre[:2] + sizes[0] * np.array([[-1, -1], [1, 1]])


def _text(position: np.ndarray, text: str) -> _Part:
    style = 'fill="#fff" stroke="#333" stroke-width="5" paint-order="stroke"'
    middle = 'font-family="sans-serif" font-size="24" text-anchor="middle" dominant-baseline="central"'
    svg = f"<text {_xy(position, 'x y')} {middle} {style}>{escape(text)}</text>"
    return position[2] + 20, svg, position[None, :2]
