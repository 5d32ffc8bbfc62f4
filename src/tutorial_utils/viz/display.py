"""`show`: the one way to put a figure into a notebook, with the text that stands for it."""

import base64
import hashlib
import json
import sys
from typing import Any

import numpy as np
import plotly.graph_objects as go

from tutorial_utils.viz.charts import tick_log_axes
from tutorial_utils.viz.structures import Structure
from tutorial_utils.viz.theme import TEMPLATE

PLOTLY_MIME = "application/vnd.plotly.v1+json"
# Wheel zoom would catch a reader who scrolls past a surface.
_CONFIG = {"displaylogo": False, "responsive": True, "scrollZoom": False}
# Shorter lists stay readable; longer ones cost 5 bytes a number in base64, 20 in an indented notebook.
_SHORT = 20
_DATA_KEYS = {"x", "y", "z", "u", "v", "w", "i", "j", "k", "surfacecolor", "value", "intensity"}


def show(fig: go.Figure | Structure, *, alt: str) -> None:
    """Display a figure that moves in JupyterLab, Colab and the book; prints and returns nothing else.

    Args:
        fig: A plotly figure, or the result of `structure`.
        alt: The figure's message in a sentence, with its number. Read out by screen readers and shown
            where nothing can be drawn.

    Raises:
        ValueError: `alt` says too little, or `fig` is something else.
    """
    if not isinstance(alt, str) or len(alt.strip()) < 20:
        raise ValueError(f"alt must tell the figure's message in 20 characters or more, got {alt!r}")
    if isinstance(fig, Structure):
        bundle = {"text/html": fig.html(alt)}
    elif isinstance(fig, go.Figure):
        bundle = _plotly_bundle(fig, alt)
    else:
        raise ValueError(f"fig must be a plotly Figure or a structure(), got {type(fig).__name__}")
    from IPython.display import display  # a notebook has it; charts can be made without

    display({"text/plain": f"[figure] {alt}", **bundle}, raw=True)


def _plotly_bundle(fig: go.Figure, alt: str) -> dict[str, Any]:
    fig = go.Figure(fig)  # the caller's figure stays as it was
    fig.update_layout(template=TEMPLATE, meta={"alt": alt})
    tick_log_axes(fig)
    if fig.layout.title.text and len(fig.data) > 1 and fig.layout.margin.t is None:
        fig.layout.margin.t = 75  # the title makes room for itself, but not for a legend below it
    if "google.colab" in sys.modules:  # Colab shows plotly only as HTML that brings its own script
        return {"text/html": _colab_html(fig, alt)}
    # part by part: the figure's own to_plotly_json stores every array with 8 bytes a number
    spec = {
        "data": [_drawn_as_svg(compact(trace.to_plotly_json())) for trace in fig.data],
        "layout": compact(fig.layout.to_plotly_json()),
        "frames": [_frame(compact(frame.to_plotly_json())) for frame in fig.frames],
    }
    return {PLOTLY_MIME: {**spec, "config": _CONFIG}}


def _frame(frame: dict[str, Any]) -> dict[str, Any]:
    return {**frame, "data": [_drawn_as_svg(trace) for trace in frame.get("data", [])]}


def _drawn_as_svg(trace: dict[str, Any]) -> dict[str, Any]:
    """Browsers keep some 16 WebGL views alive on a page: points in a plane need none, solids do."""
    return {**trace, "type": "scatter"} if trace.get("type") == "scattergl" else trace


def _colab_html(fig: go.Figure, alt: str) -> str:
    name = "figure-" + hashlib.sha256(fig.to_json().encode()).hexdigest()[:12]
    body = fig.to_html(full_html=False, include_plotlyjs="cdn", div_id=name, config=_CONFIG)
    return f'<div role="img" aria-label={json.dumps(alt, ensure_ascii=False)}>{body}</div>'


def compact(value: Any, key: str = "") -> Any:
    """Turn a figure's dictionary into plain JSON, long arrays of numbers into plotly's base64 form.

    Args:
        value: Any part of a figure's dictionary.
        key: The name under which it stands; lists are turned into base64 only under data names.

    Returns:
        The same with dicts, lists, strings and numbers only.
    """
    if isinstance(value, dict):
        return {name: compact(part, name) for name, part in value.items()}
    if key in _DATA_KEYS and isinstance(value, list | tuple) and len(value) > _SHORT:
        value = _as_numbers(value)
    if isinstance(value, np.ndarray) or hasattr(value, "__array__"):
        return _array(np.asarray(value))
    if isinstance(value, list | tuple):
        return [compact(part) for part in value]
    return value


def _as_numbers(values: list | tuple) -> Any:
    try:
        array = np.asarray(values)
    except ValueError:  # ragged
        return values
    return array if array.dtype.kind in "fiu" else values


def _array(array: np.ndarray) -> Any:
    if array.dtype.kind not in "fiu" or array.ndim not in (1, 2):
        return array.tolist()
    if array.size <= _SHORT and array.ndim == 1:
        return [None if number != number else number for number in array.tolist()]  # JSON has no NaN
    small = array.astype(_smallest_type(array))
    spec = {"dtype": small.dtype.str[1:], "bdata": base64.b64encode(small.tobytes()).decode()}
    return spec if array.ndim == 1 else {**spec, "shape": ", ".join(map(str, array.shape))}


def _smallest_type(array: np.ndarray) -> str:
    """Choose the smallest number type that a reader cannot tell from the original."""
    if array.dtype.kind in "iu":
        low, high = int(array.min()), int(array.max())
        types = {"<i1": 2**7, "<i2": 2**15, "<i4": 2**31}
        return next((name for name, top in types.items() if -top <= low and high < top), "<f8")
    finite = array[np.isfinite(array)]
    if finite.size and np.ptp(finite) < 1e-3 * np.abs(finite).max():
        return "<f8"  # small changes on a large number need the digits
    return "<f4"
