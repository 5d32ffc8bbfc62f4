"""Functions on the sphere, drawn from their spherical-harmonic coefficients."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from e3nn import o3
from jaxtyping import Float
from torch import Tensor

from tutorial_utils.viz.theme import DIVERGING, OKABE_ITO, TEMPLATE


def spherical_surface(
    coefficients: Float[np.ndarray, " components"] | Float[Tensor, " components"],
    *,
    lmax: int | None = None,
    irreps: str | o3.Irreps | None = None,
    shape: str = "radius",
    resolution: int = 25,
) -> go.Figure:
    """Draw f(n) = sum over l, m of c_lm Y_lm(n) as a surface that turns.

    The harmonics are e3nn's ("integral" normalisation): l = 1 is ordered (x, y, z), the polar axis is y.

    Args:
        coefficients: (dim,) list, array or tensor, in the order of the irreps.
        lmax: Largest degree, for coefficients of l = 0 … lmax; found from the length if left out.
        irreps: Instead of lmax: which degrees the coefficients hold, for example "2e" or "0e + 4e".
        shape: "radius": |f| is the distance from the centre. "sphere": a unit sphere coloured by f.
        resolution: Points from pole to pole; twice as many around. 25 weighs 30 kB.

    Returns:
        A figure with one surface, equal scales on x, y and z.

    Raises:
        ValueError: The number of coefficients does not fit, or `shape` is unknown.
    """
    given = (
        coefficients.detach().cpu() if isinstance(coefficients, torch.Tensor) else np.asarray(coefficients)
    )
    values = torch.as_tensor(given, dtype=torch.float64)
    parts = _degrees(values, lmax, irreps)
    if shape not in ("radius", "sphere"):
        raise ValueError(f"shape must be 'radius' or 'sphere', got {shape!r}")
    n = _directions(resolution)  # (resolution, 2 resolution, 3)
    harmonics = o3.spherical_harmonics(parts, n, normalize=True, normalization="integral")
    f = (harmonics @ values).numpy()
    points = n.numpy() * (np.abs(f)[..., None] if shape == "radius" else 1.0)
    return _surface(points, f)


def _degrees(values: torch.Tensor, lmax: int | None, irreps: Any) -> list[int]:
    if values.ndim != 1:
        raise ValueError(f"coefficients must have shape (dim,), got {tuple(values.shape)}")
    if irreps is not None:
        parts = [ir.l for mul, ir in o3.Irreps(irreps) for _ in range(mul)]
    else:
        top = lmax if lmax is not None else round(len(values) ** 0.5) - 1
        parts = list(range(top + 1))
    dim = sum(2 * l + 1 for l in parts)
    if dim != len(values) or dim == 0:
        raise ValueError(
            f"coefficients of degrees l = {parts} must have shape ({dim},), got ({len(values)},)"
        )
    return parts


def _directions(resolution: int) -> torch.Tensor:
    if resolution < 5:
        raise ValueError(f"resolution must be at least 5 points from pole to pole, got {resolution}")
    polar = torch.linspace(0, torch.pi, resolution, dtype=torch.float64)[:, None]
    around = torch.linspace(0, 2 * torch.pi, 2 * resolution, dtype=torch.float64)[None, :]
    x, z = torch.sin(polar) * torch.sin(around), torch.sin(polar) * torch.cos(around)
    return torch.stack([x, torch.cos(polar).expand_as(x), z], dim=-1)  # y is the polar axis


def _surface(points: np.ndarray, f: np.ndarray) -> go.Figure:
    top = float(np.abs(f).max()) or 1.0
    x, y, z = np.moveaxis(points, -1, 0)
    colors = {"colorscale": DIVERGING, "cmin": -top, "cmax": top}
    bar = {"title": {"text": "f"}, "thickness": 16, "len": 0.8}
    light = {"ambient": 0.85, "diffuse": 0.3, "specular": 0.1}
    lamp = {"x": 1e4, "y": 8e3, "z": 9e3}
    surface = go.Surface(
        x=x, y=y, z=z, surfacecolor=f, colorbar=bar, lighting=light, lightposition=lamp, **colors
    )
    reach = 1.25 * (float(np.abs(points).max()) or 1.0)
    fig = go.Figure([surface, _axes(reach)], {"template": TEMPLATE, "scene_aspectmode": "manual"})
    near = {"x": 1.6, "y": 1.6, "z": 1.6}  # orthographic: the box's size zooms, not its distance
    fig.update_scenes(aspectratio=near, camera_eye={"x": 1.1, "y": 0.9, "z": 0.8})
    fig.update_scenes(camera_projection_type="orthographic")
    for axis in ("xaxis", "yaxis", "zaxis"):
        fig.layout.scene[axis].update(range=[-reach, reach], visible=False)
    return fig.update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0})


def _axes(reach: float) -> go.Scatter3d:
    """Draw x, y and z from the centre outwards."""
    ends = reach * np.array([[1, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]])
    x, y, z = ends.T
    names = ["x", "", "y", "", "z"]
    line = {"color": OKABE_ITO["grey"], "width": 3}
    return go.Scatter3d(
        x=x, y=y, z=z, text=names, mode="lines+text", line=line, hoverinfo="skip", showlegend=False
    )
