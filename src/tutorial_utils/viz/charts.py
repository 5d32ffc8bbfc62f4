"""Flat figures: a slider over precomputed frames, learning curves."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float, Real
from scipy.optimize import isotonic_regression

from tutorial_utils.viz.theme import TEMPLATE

# The current step is named above the slider; names below it would run into each other and over the edge.
_QUIET = {"font": {"size": 1, "color": "rgba(0,0,0,0)"}, "ticklen": 0}


def slider(
    frames: Sequence[go.Figure], values: Sequence[Any], *, label: str, unit: str = "", active: int = 0
) -> go.Figure:
    """Put figures behind one slider; all frames are stored, so it moves without a kernel.

    Axes hold still: they span the data of all frames, unless the first figure sets their range.

    Args:
        frames: One plotly figure for each position, all with the same traces.
        values: What each position is called, numbers or text, as many as frames.
        label: What the slider changes.
        unit: Unit of the values, shown after them.
        active: The position shown first.

    Returns:
        One figure with a slider below it.

    Raises:
        ValueError: Numbers of frames and values differ, or frames differ in their traces.
    """
    if not frames or len(frames) != len(values):
        counts = f"{len(frames)} and {len(values)}"
        raise ValueError(f"frames and values must have the same length of at least 1, got {counts}")
    if len({len(frame.data) for frame in frames}) != 1:
        raise ValueError(
            "frames must all hold the same number of traces; add empty traces where one is missing"
        )
    if not 0 <= active < len(frames):
        raise ValueError(f"active must be a position from 0 to {len(frames) - 1}, got {active}")
    names = [_text(value) for value in values]
    fig = go.Figure(data=frames[active].data, layout=frames[active].layout)
    fig.frames = [
        go.Frame(name=f"{i}", data=frame.data, layout=_changing(frame)) for i, frame in enumerate(frames)
    ]
    _fix_ranges(fig, frames)
    steps = [{"label": name, "method": "animate", "args": _jump_to(i)} for i, name in enumerate(names)]
    current = {"prefix": f"{label}: ", "suffix": f" {unit}" if unit else "", "font": {"size": 15}}
    room = 85 if any("xaxis" in trace for trace in fig.data) else 20  # for an axis title
    fig.update_layout(
        height=(fig.layout.height or TEMPLATE.layout.height) + room + 40,  # the plot itself stays as tall
        margin_b=room + 90,
        sliders=[{"active": active, "currentvalue": current, "steps": steps, "pad": {"t": room}, **_QUIET}],
    )
    return fig


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float | np.floating) else str(value)


def _jump_to(position: int) -> list:
    frame = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}
    return [[f"{position}"], frame]


def _changing(frame: go.Figure) -> dict:
    layout = frame.layout.to_plotly_json()
    return {key: layout[key] for key in ("title", "annotations", "shapes") if key in layout}


def _fix_ranges(fig: go.Figure, frames: Sequence[go.Figure]) -> None:
    """Hold every axis still while the slider moves."""
    for (place, axis), arrays in _values(trace for frame in frames for trace in frame.data).items():
        name = f"{axis}axis"
        target = fig.layout[place][name] if place.startswith("scene") else fig.layout[name + place[1:]]
        if target.range is None and target.type != "category":
            target.range = _padded(np.concatenate(arrays), target.type == "log")


def tick_log_axes(fig: go.Figure) -> None:
    """Give logarithmic axes two to eight labelled ticks; plotly labels every digit, or a single one."""
    for (place, axis), arrays in _values(fig.data).items():
        target = None if place.startswith("scene") else fig.layout[f"{axis}axis{place[1:]}"]
        values = np.concatenate(arrays)
        if target and target.type == "log" and target.tickvals is None and (values > 0).any():
            given = None if target.range is None else 10 ** np.array(target.range, dtype=float)
            ends = values[values > 0] if given is None else given
            target.tickvals = _ticks(ends.min(), ends.max())


def _values(traces: Iterable[Any]) -> dict[tuple[str, str], list[np.ndarray]]:
    """(name of the axis or scene, x, y or z) -> the numbers that lie along it."""
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for trace in traces:
        if trace.type not in ("scatter", "scattergl", "bar", "scatter3d", "surface", "mesh3d", "cone"):
            continue
        for axis in ("x", "y", "z"):
            values = _numbers(trace[axis]) if axis in trace else np.array([])
            if trace.type == "bar" and axis == "y":
                values = np.append(values, 0.0)
            if values.size:
                place = (trace["scene"] or "scene") if "scene" in trace else (trace[f"{axis}axis"] or axis)
                found.setdefault((place, axis), []).append(values)
    return found


def _numbers(values: Any) -> np.ndarray:
    array = np.asarray([] if values is None else values).ravel()
    if array.dtype == object:  # None stands where a line is broken
        try:
            array = array.astype(float)
        except (TypeError, ValueError):  # names of categories
            return np.array([])
    return array[np.isfinite(array)] if array.dtype.kind in "fiu" else np.array([])


def _padded(values: Real[np.ndarray, " n"], log: bool) -> list[float]:
    if log:
        values = np.log10(values[values > 0])  # a zero has no place on this axis
    low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
    pad = 0.05 * (high - low) or 0.5
    return [float(low - pad), float(high + pad)]


def spread(places: Sequence[float], apart: float) -> Float[np.ndarray, " n"]:
    """Move labels apart, no further than needed (least squares), and keep their order.

    Args:
        places: Where each label would stand best, along one axis.
        apart: The least distance between two of them.

    Returns:
        Where each can stand, in the order of `places`.
    """
    wanted, steps = np.asarray(places, dtype=float), apart * np.arange(len(places))
    order, free = np.argsort(wanted, kind="stable"), np.empty(len(places))
    free[order] = isotonic_regression(wanted[order] - steps).x + steps
    return free


def learning_curve(
    table: pd.DataFrame,
    *,
    x: str,
    y: str,
    by: str | None = None,
    x_label: str | None = None,
    y_label: str | None = None,
) -> go.Figure:
    """Draw error against training size, both logarithmic: mean over seeds, bars from smallest to largest.

    Args:
        table: One row for each run.
        x: Column of the training size.
        y: Column of the error, all positive.
        by: Column that names the model: one line for each of its values, in order of appearance.
        x_label: Axis title with unit; the column's name if left out.
        y_label: The same for the error.

    Returns:
        A figure with one line for each model.

    Raises:
        ValueError: A column is missing, or the values cannot stand on a logarithmic axis.
    """
    for column in (x, y) if by is None else (x, y, by):
        if column not in table:
            raise ValueError(f"table has no column {column!r}; it has {', '.join(map(str, table.columns))}")
    if not ((table[x] > 0).all() and (table[y] > 0).all()):
        raise ValueError(f"columns {x!r} and {y!r} must be positive numbers: both axes are logarithmic")
    groups = [("", table)] if by is None else table.groupby(by, sort=False)
    fig = go.Figure(layout={"template": TEMPLATE, "showlegend": by is not None})
    for name, part in groups:
        runs = part.groupby(x)[y].agg(["mean", "min", "max"])
        bars = {
            "array": runs["max"] - runs["mean"],
            "arrayminus": runs["mean"] - runs["min"],
            "symmetric": False,
        }
        fig.add_scatter(x=runs.index, y=runs["mean"], error_y=bars, name=str(name), mode="lines+markers")
    sizes = np.unique(table[x])
    crowded = len(sizes) > 8 or (sizes[1:] < 1.25 * sizes[:-1]).any()  # their labels would collide
    ticks = _ticks(sizes.min(), sizes.max()) if crowded else list(sizes)
    fig.update_xaxes(type="log", title_text=x_label or x, tickvals=ticks)
    fig.update_yaxes(type="log", title_text=y_label or y, tickvals=_ticks(table[y].min(), table[y].max()))
    return fig


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers around a range: 1, 2, 5, 10 …, or powers of ten, or every second or third of them."""
    if high < 4 * low:  # as on a linear axis
        rough = max(high - low, 0.1 * low) / 3
        power = 10.0 ** np.floor(np.log10(rough))
        step = power * min((1, 2, 5, 10), key=lambda part: abs(np.log(part * power / rough)))
        return [round(n * step, 12) for n in range(int(low / step), int(high / step) + 2) if n > 0]
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    steps = (1, 2, 5) if last - first <= 2 else (1,)
    apart = max(1, (last - first) // 6)
    return [float(f"{step}e{exponent}") for exponent in range(first, last + 1, apart) for step in steps]
