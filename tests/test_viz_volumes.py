"""Surfaces of constant value lie where the function has that value."""

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from tutorial_utils import viz
from tutorial_utils.viz.display import compact


def bump(n, shift=0.0):
    line = np.linspace(-2, 2, n)
    x, y, z = np.meshgrid(line, line, line, indexing="ij")
    return np.exp(-((x - shift) ** 2) - y**2 - z**2)


def test_values_stand_at_their_points_in_the_order_x_y_z():
    figure = viz.isosurface(bump(21, shift=1.0), reach=2.0)
    trace = figure.data[0]
    top = int(np.argmax(trace.value))
    steps = 4 / 20
    assert [trace[k][top] * steps - 2 for k in "xyz"] == pytest.approx([1, 0, 0], abs=1e-12)
    assert trace.value[top] == 100
    assert trace.isomin == trace.isomax == 40


def test_a_fine_cube_is_thinned_and_weighs_little():
    figure = viz.isosurface(torch.tensor(bump(81)), reach=2.0)
    assert len(figure.data[0].value) == 21**3
    assert len(str(compact(figure.to_plotly_json()))) < 60_000
    assert figure.layout.scene.xaxis.ticktext == ("0", "1 Å")
    assert figure.layout.scene.xaxis.tickvals == (10, 15)


def test_frames_on_a_slider():
    frames = [viz.isosurface(bump(9, shift), reach=2.0) for shift in (0, 0.5)]
    assert isinstance(viz.slider(frames, [0, 0.5], label="shift", unit="Å"), go.Figure)


@pytest.mark.parametrize(
    ("values", "level", "word"),
    [
        (np.ones((3, 3)), 0.4, "cube"),
        (np.ones((3, 3, 4)), 0.4, "cube"),
        (-bump(5), 0.4, "positive"),
        (bump(5), 1.0, "level"),
    ],
)
def test_what_cannot_be_drawn_is_refused(values, level, word):
    with pytest.raises(ValueError, match=word):
        viz.isosurface(values, reach=1.0, level=level)
