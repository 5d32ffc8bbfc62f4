"""Functions in space, drawn as surfaces of constant value."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from torch import Tensor

from tutorial_utils.viz.theme import OKABE_ITO, TEMPLATE


def isosurface(
    values: Float[np.ndarray, "n n n"] | Float[Tensor, "n n n"],
    *,
    reach: float,
    level: float = 0.4,
    color: str = "sky",
    resolution: int = 21,
) -> go.Figure:
    """Draw the surface where f is `level` times its highest value, inside a cube around the origin.

    Args:
        values: (n, n, n) array or tensor, f on a regular grid over the cube; axes in the order x, y, z.
        reach: Å, half the edge of the cube.
        level: Between 0 and 1.
        color: A name of `OKABE_ITO`.
        resolution: Points along each edge that are stored, at most; 21 weighs 50 kB.

    Returns:
        A figure with one surface; its coordinates are numbers of grid steps, the ticks say Å.

    Raises:
        ValueError: The values are no cube, or nowhere positive, or the level is not between 0 and 1.
    """
    cube = np.asarray(values.detach() if hasattr(values, "detach") else values, dtype=float)
    if cube.ndim != 3 or len(set(cube.shape)) != 1 or not cube.max() > 0:
        raise ValueError(f"values must be an (n, n, n) cube, somewhere positive, got shape {cube.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    cube = cube[(slice(None, None, -(-(len(cube) - 1) // (resolution - 1))),) * 3]
    half = (len(cube) - 1) / 2
    x, y, z = np.indices(cube.shape).reshape(3, -1)  # whole numbers weigh a quarter
    percent = np.clip(100 * cube / cube.max(), -100, 100).round().astype(int).ravel()
    one_color = [[0, OKABE_ITO[color]], [1, OKABE_ITO[color]]]
    surface = go.Isosurface(x=x, y=y, z=z, value=percent, isomin=100 * level, isomax=100 * level)
    surface.update(surface_count=1, colorscale=one_color, showscale=False, hoverinfo="skip")
    fig = go.Figure(surface, {"template": TEMPLATE, "margin": {"l": 0, "r": 0, "t": 0, "b": 0}})
    fig.update_scenes(aspectmode="cube", camera_projection_type="orthographic")
    for name in "xyz":
        ticks = {
            "tickvals": [half, 1.5 * half],
            "ticktext": ["0", f"{reach / 2:g} Å"],
            "range": [0, 2 * half],
        }
        fig.layout.scene[f"{name}axis"].update(ticks, title=name)
    return fig
