"""Molecules and crystals that turn (3Dmol.js), with arrows and ellipsoids; a picture where they cannot."""

import hashlib
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import py3Dmol
from ase import Atoms
from ase.data.colors import jmol_colors

from tutorial_utils.structures import plain
from tutorial_utils.viz.picture import Field, cell_edges, draw_picture, view_angle, view_rotation
from tutorial_utils.viz.theme import OKABE_ITO

THREE_D_MOL = "2.5.5"  # version of 3Dmol.js
# Hydrogen is white by custom, which does not show on a white page.
_HYDROGEN = "#C4CAD4"
_COLORS = [OKABE_ITO[name] for name in ("vermillion", "blue", "green", "purple", "orange")]
_STYLES = ("ball-and-stick", "stick", "sphere")
_LONGEST = 1.8  # Å, of the longest arrow and the largest half axis where no scale is given


@dataclass(frozen=True)
class Structure:
    """What `structure` returns and `show` displays.

    Attributes:
        name: Element id, made from the content.
        commands: JavaScript calls on `viewer`.
        picture: SVG text of the first frame.
        fields: Arrows and ellipsoids, for the key.
        steps: What each frame is called; one entry where there is no slider.
        label: What the slider changes.
        height: Height in CSS pixels.
        playing: Whether the slider moves by itself from the start.
    """

    name: str
    commands: str
    picture: str
    fields: tuple[Field, ...]
    steps: tuple[str, ...]
    label: str
    height: int
    playing: bool = False

    def html(self, alt: str) -> str:
        """Write the viewer as HTML: a picture first, the turning structure over it once 3Dmol.js is there.

        Args:
            alt: Text that stands for the figure.

        Returns:
            HTML without any library in it.
        """
        source = "data:image/svg+xml," + _quoted(self.picture)
        script = files("tutorial_utils.viz").joinpath("structure.js").read_text(encoding="utf-8")
        for mark, text in {"VERSION": THREE_D_MOL, "NAME": self.name, "COMMANDS": self.commands}.items():
            script = script.replace(mark, text)
        fill = "position:absolute;inset:0;width:100%;height:100%"
        return (
            f'<div class="course-structure" style="max-width:640px">'
            f'<div id="{self.name}" data-structure="{self.name}" '
            f'style="position:relative;height:{self.height}px">'
            f'<img alt="{html.escape(alt)}" src="{source}" style="{fill};object-fit:contain">'
            f'<div data-stage style="{fill}"></div></div>{self._slider()}{self._key()}</div>\n'
            f"<script>\n{script}</script>"
        )

    def _slider(self) -> str:
        if len(self.steps) == 1:
            return ""
        label, names = html.escape(self.label), html.escape(json.dumps(self.steps, ensure_ascii=False))
        return (
            f'<label hidden style="display:block">{label}: <output>{html.escape(self.steps[0])}</output>'
            f'<input type="range" min="0" max="{len(self.steps) - 1}" value="0" aria-label="{label}" '
            f'data-names="{names}"{" data-playing" * self.playing} style="display:block;width:100%"></label>'
        )

    def _key(self) -> str:
        square = '<span style="color:{}" aria-hidden="true">&#9632;</span>'
        mark = f'<span style="white-space:nowrap">{square} {{}}</span>'  # a name stays beside its colour
        named = [field for field in self.fields if field.name]
        return "&emsp;".join(mark.format(field.color, html.escape(field.name)) for field in named)


def structure(
    atoms: Atoms | Sequence[Atoms],
    *,
    vectors: Any = None,
    tensors: Any = None,
    labels: str | Sequence[str] | None = None,
    style: str = "ball-and-stick",
    vector_scale: float | None = None,
    tensor_scale: float | None = None,
    values: Sequence[Any] | None = None,
    label: str = "frame",
    unit: str = "",
    height: int = 360,
    playing: bool = False,
) -> Structure:
    """Draw a molecule or crystal that turns, with vectors as arrows and symmetric tensors as ellipsoids.

    Args:
        atoms: One structure, or a list of frames (same atoms in the same order), which brings a slider.
        vectors: Arrows: (atoms, 3), one on each atom, or (3,), one from the centre; with frames, one more
            axis in front. Several: a dictionary from name (with unit) to array, which brings a key.
        tensors: Ellipsoids {T n : |n| = 1}: (atoms, 3, 3) or (3, 3); otherwise as `vectors`.
        labels: "element", "index", or one text for each atom.
        style: "ball-and-stick", "stick" or "sphere".
        vector_scale: Å of arrow for a unit of the vectors; if left out, the longest arrow is 1.8 Å.
        tensor_scale: Å of half axis for a unit of the tensors; if left out, the largest is 1.8 Å.
        values: What each frame is called; 0, 1, 2 … if left out.
        label: What the slider changes.
        unit: Unit of `values`.
        height: Height in CSS pixels.
        playing: Let the slider move by itself, until it is paused; not where a reader asked for less motion.

    Returns:
        An object for `show`.

    Raises:
        ValueError: Shapes, numbers of frames or the style do not fit.
    """
    frames = [plain(frame) for frame in ([atoms] if isinstance(atoms, Atoms) else atoms)]
    _check_frames(frames, style)
    texts = _labels(frames[0], labels)
    arrows = _fields(frames, vectors, "vectors", vector_scale, _COLORS)
    blobs = _fields(frames, tensors, "tensors", tensor_scale, _COLORS[1:] + _COLORS[:1])
    steps = _steps(frames, values, unit)
    angle = view_angle(frames[0])
    commands = _commands(frames, style, texts, arrows, blobs, angle)
    picture = draw_picture(frames[0], element_colors(frames[0]), style, texts, arrows, blobs, angle)
    content = json.dumps([commands, picture, steps, label, height, playing])
    name = "structure-" + hashlib.sha256(content.encode()).hexdigest()[:12]
    return Structure(name, commands, picture, (*arrows, *blobs), tuple(steps), label, height, playing)


def _check_frames(frames: list, style: str) -> None:
    if not frames:
        raise ValueError("atoms must be an ase.Atoms, or a list of at least one")
    if any(list(frame.numbers) != list(frames[0].numbers) for frame in frames):
        raise ValueError("atoms: all frames must hold the same elements in the same order")
    if style not in _STYLES:
        raise ValueError(f"style must be one of {', '.join(_STYLES)}, got {style!r}")


def _labels(atoms: Atoms, labels: str | Sequence[str] | None) -> list[str]:
    known = {None: [], "element": atoms.get_chemical_symbols(), "index": [str(i) for i in range(len(atoms))]}
    if labels is None or isinstance(labels, str):
        if labels not in known:
            raise ValueError(f"labels must be 'element', 'index' or one text for each atom, got {labels!r}")
        return known[labels]
    if len(labels) != len(atoms):
        raise ValueError(f"labels must hold one text for each of the {len(atoms)} atoms, got {len(labels)}")
    return [str(text) for text in labels]


def _steps(frames: list[Atoms], values: Sequence[Any] | None, unit: str) -> list[str]:
    values = range(len(frames)) if values is None else values
    if len(values) != len(frames):
        raise ValueError(
            f"values must have one entry for each of the {len(frames)} frames, got {len(values)}"
        )
    texts = [f"{value:.3g}" if isinstance(value, float | np.floating) else str(value) for value in values]
    return [f"{text} {unit}".strip() for text in texts]


def _fields(
    frames: list[Atoms], data: Any, argument: str, scale: float | None, colors: list[str]
) -> list[Field]:
    """Bring arrows or ellipsoids of all accepted shapes to (frames, n, 3) or (frames, n, 3, 3), in Å."""
    if data is None:
        return []
    named = data if isinstance(data, dict) else {"": data}
    tail = (3,) if argument == "vectors" else (3, 3)
    arrays = [_shaped(frames, np.asarray(array, dtype=float), argument, tail) for array in named.values()]
    if scale is None:
        scale = _LONGEST / max(max(_size(array) for array in arrays), 1e-12)
    fields = []
    for i, (name, array) in enumerate(zip(named, arrays, strict=True)):
        on_atoms = array.shape[1] == len(frames[0]) and not _is_single(frames, named[name], tail)
        points = [
            frame.positions if on_atoms else frame.positions.mean(axis=0, keepdims=True) for frame in frames
        ]
        fields.append(Field(str(name), colors[i % len(colors)], np.stack(points), scale * array))
    return fields


def _size(array: np.ndarray) -> float:
    """Length of the longest vector, or the largest stretch by a tensor."""
    sizes = np.linalg.norm(array, axis=-1) if array.ndim == 3 else np.linalg.norm(array, 2, (-2, -1))
    return float(sizes.max())


def _is_single(frames: list[Atoms], data: Any, tail: tuple[int, ...]) -> bool:
    return np.ndim(data) == len(tail) + (len(frames) > 1)


def _shaped(frames: list[Atoms], array: np.ndarray, argument: str, tail: tuple[int, ...]) -> np.ndarray:
    count = len(frames[0])
    full = array if len(frames) > 1 else array[None]
    allowed = {(len(frames), *tail), (len(frames), count, *tail)}
    if full.shape not in allowed or not np.isfinite(full).all():
        lead = f"({len(frames)}, " if len(frames) > 1 else "("
        inner = ", ".join(map(str, tail))
        shapes = f"{lead}{count}, {inner}) or {lead}{inner})"
        raise ValueError(f"{argument} must be finite, of shape {shapes}, got {array.shape}")
    return full[:, None] if full.ndim == len(tail) + 1 else full


def element_colors(atoms: Atoms) -> dict[str, str]:
    """Return a hexadecimal colour for each element of a structure."""
    rgb = {s: jmol_colors[z] for s, z in zip(atoms.get_chemical_symbols(), atoms.numbers, strict=True)}
    colors = {s: "#" + "".join(f"{round(255 * c):02X}" for c in parts) for s, parts in rgb.items()}
    return {**colors, "H": _HYDROGEN} if "H" in colors else colors


def _commands(
    frames: list[Atoms], style: str, texts: list[str], arrows: list[Field], blobs: list[Field], angle: float
) -> str:
    """Write the calls on 3Dmol's viewer, recorded by py3Dmol."""
    view = py3Dmol.view()
    view.addModelsAsFrames("".join(_xyz(frame) for frame in frames), "xyz")
    view.setStyle({}, _style(style, element_colors(frames[0])))
    for i, frame in enumerate(frames[:1] if _one_cell(frames) else frames):
        if frame.pbc.any():
            at = {} if _one_cell(frames) else {"frame": i}
            for start, end in cell_edges(frame):
                line = {"start": _point(start), "end": _point(end), "radius": 0.03}
                view.addCylinder({**line, "color": OKABE_ITO["grey"], **at})
    for i, frame in enumerate(frames):
        at = {"frame": i} if len(frames) > 1 else {}
        for text, position in zip(texts, frame.positions if texts else [], strict=True):
            view.addLabel(
                text, {"position": _point(position), "fontSize": 13, "inFront": True, **_LABEL, **at}
            )
        for field in arrows:
            _arrows(view, field, i, at)
    view.rotate(-65, "x")  # 3Dmol turns the axes along, so the last call acts first: `view_rotation`
    view.rotate(angle, "z")
    view.zoomTo()
    commands = view.updatejs.replace("viewer_UNIQUEID", "viewer")
    return _ellipsoids(blobs, len(frames) > 1) + commands + _fit(frames, arrows, blobs, angle)


def _one_cell(frames: list[Atoms]) -> bool:
    """Tell whether all frames have the cell of the first, which is then drawn once."""
    same = [(frame.pbc == frames[0].pbc).all() and (frame.cell == frames[0].cell).all() for frame in frames]
    return all(same)


def _fit(frames: list[Atoms], arrows: list[Field], blobs: list[Field], angle: float) -> str:
    """Frame the view so that all of it is seen in all frames: 3Dmol's zoomTo looks at atoms only."""
    points = [frame.positions for frame in frames]
    drawn = frames[:1] if _one_cell(frames) else frames
    points += [cell_edges(frame).reshape(-1, 3) for frame in drawn if frame.pbc.any()]
    points += [(field.points + field.values).reshape(-1, 3) for field in arrows]
    for field in blobs:
        reach = np.linalg.norm(field.values, 2, (-2, -1))[..., None]
        points += [(field.points + sign * reach).reshape(-1, 3) for sign in (1, -1)]
    R = view_rotation(angle)
    seen = np.concatenate(points) @ R.T  # right, up, towards the reader
    low, high = seen.min(axis=0), seen.max(axis=0)
    across, up, deep = (high - low) / 2 + 0.7  # Å of room for the atoms themselves
    centre = np.round(R.T @ (low + high) / 2, 3).tolist()
    return f"\tfit(viewer, stage, {centre}, {across:.2f}, {up:.2f}, {2 * deep + across:.2f});\n"


_LABEL = {
    "fontColor": "white",
    "backgroundColor": "#333333",
    "backgroundOpacity": 0.75,
    "alignment": "center",
}


def _arrows(view: Any, field: Field, i: int, at: dict) -> None:
    for start, vector in zip(field.points[i], field.values[i], strict=True):
        if np.linalg.norm(vector) > 0.02:  # shorter than its own shaft is thick
            ends = {"start": _point(start), "end": _point(start + vector)}
            view.addArrow(
                {**ends, "radius": 0.08, "radiusRatio": 2.2, "mid": 0.75, "color": field.color, **at}
            )


def _ellipsoids(blobs: list[Field], moving: bool) -> str:
    lines = []
    for field in blobs:
        for i, (points, tensors) in enumerate(zip(field.points, field.values, strict=True)):
            for point, tensor in zip(points, tensors, strict=True):
                numbers = [np.round(part, 3).tolist() for part in (point, tensor)]
                arguments = ", ".join(json.dumps(part) for part in (*numbers, field.color))
                lines.append(f"ellipsoid(viewer, {arguments}{f', {i}' if moving else ''});\n")
    return "".join(lines)


def _xyz(atoms: Atoms) -> str:
    rows = zip(atoms.get_chemical_symbols(), np.round(atoms.positions, 3).tolist(), strict=True)
    return f"{len(atoms)}\n\n" + "".join(f"{symbol} {x} {y} {z}\n" for symbol, (x, y, z) in rows)


def _style(style: str, colors: dict[str, str]) -> dict:
    scheme = {"colorscheme": {"prop": "elem", "map": colors}}
    parts = {
        "ball-and-stick": {"stick": {"radius": 0.11, **scheme}, "sphere": {"scale": 0.26, **scheme}},
        "stick": {"stick": {"radius": 0.14, **scheme}},
        "sphere": {"sphere": {"scale": 0.9, **scheme}},
    }
    return parts[style]


def _point(position: np.ndarray) -> dict[str, float]:
    return {axis: round(float(value), 3) for axis, value in zip("xyz", position, strict=True)}


def _quoted(svg: str) -> str:
    for sign, code in {"%": "%25", "#": "%23", "<": "%3C", ">": "%3E", '"': "'"}.items():
        svg = svg.replace(sign, code)
    return svg
