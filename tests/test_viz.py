"""What `show` stores: small, the same at each run, true to the data, with a text for those who cannot see."""

import base64
import json
import re
import sys
import types
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import torch
from ase.build import molecule
from bs4 import BeautifulSoup
from e3nn import o3

from tutorial_utils import viz
from tutorial_utils.book_renderer import PLOTLY_MIME, dressed, figure_html
from tutorial_utils.viz.display import compact
from tutorial_utils.viz.structures import THREE_D_MOL

ALT = "The error falls to 0.1 eV/Å with 100 geometries"


@pytest.fixture
def stored(monkeypatch):
    """A function that shows a figure and returns the output a notebook would store."""
    outputs = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: outputs.append(bundle))

    def show(figure, alt=ALT) -> dict:
        assert viz.show(figure, alt=alt) is None
        return outputs.pop()

    return show


def numbers(spec) -> np.ndarray:
    """Read an array as plotly.js does."""
    if not isinstance(spec, dict):
        return np.array(spec, dtype=float)
    flat = np.frombuffer(base64.b64decode(spec["bdata"]), dtype=spec["dtype"])
    return flat.reshape([int(n) for n in spec["shape"].split(",")]) if "shape" in spec else flat


def wave(points: int = 500) -> go.Figure:
    x = np.linspace(0, 6, points)
    return go.Figure(go.Scatter(x=x, y=np.sin(x)))


# ---- show


def test_the_text_is_stored_where_each_reader_looks_for_it(stored):
    output = stored(wave())
    assert output["text/plain"] == f"[figure] {ALT}"
    assert output[PLOTLY_MIME]["layout"]["meta"] == {"alt": ALT}
    assert f'alt="{ALT}"' in stored(viz.structure(molecule("H2O")))["text/html"]


def test_text_with_quotes_stays_one_attribute(stored):
    alt = 'Called "dipole" < 1 & > 0 by everybody'
    page = stored(viz.structure(molecule("H2O")), alt)["text/html"]
    assert (
        re.search(r'<img alt="([^"]*)"', page)[1]
        == "Called &quot;dipole&quot; &lt; 1 &amp; &gt; 0 by everybody"
    )
    assert 'role="img" aria-label="Called &quot;' in figure_html(stored(wave(), alt)[PLOTLY_MIME])


@pytest.mark.parametrize("alt", ["", "a curve", None, "   " * 10])
def test_a_text_that_says_nothing_is_refused(alt):
    with pytest.raises(ValueError, match="alt must tell the figure's message"):
        viz.show(wave(), alt=alt)


def test_anything_else_is_refused():
    with pytest.raises(ValueError, match=r"must be a plotly Figure or a structure.*got list"):
        viz.show([1, 2], alt=ALT)


def test_the_same_figure_is_stored_the_same_way(stored):
    def make():
        return [wave(), viz.structure(molecule("H2O"), vectors=[0, 0, 1.0])]

    assert [stored(figure) for figure in make()] == [stored(figure) for figure in make()]
    first, second = (viz.structure(molecule(name)).name for name in ("H2O", "NH3"))
    assert first != second


def test_the_callers_figure_stays_as_it_was(stored):
    figure = wave()
    before = figure.to_json()
    stored(figure)
    assert figure.to_json() == before


def test_arrays_keep_their_values_at_a_fraction_of_the_size(stored):
    figure = wave(2000)
    trace = stored(figure)[PLOTLY_MIME]["data"][0]
    assert np.allclose(numbers(trace["y"]), figure.data[0].y, atol=1e-6)
    assert len(json.dumps(trace)) < 2 * 2000 * 6


@pytest.mark.parametrize(
    "values",
    [
        np.linspace(0, 1, 100),
        -4208.0 + 1e-3 * np.linspace(0, 1, 100),
        np.logspace(-12, 0, 100),
        np.arange(100),
        np.arange(100) * 1000 - 50_000,
        np.arange(100) * 10**12,
        np.linspace(0, 1, 600).reshape(20, 30),
        torch.linspace(0, 1, 100),
        list(np.linspace(0, 1, 100)),
    ],
    ids=["unit", "offset", "decades", "bytes", "integers", "long", "matrix", "torch", "list"],
)
def test_the_number_type_fits_the_numbers(values):
    array = np.asarray(values, dtype=float)
    found = numbers(compact(values, "y"))
    assert found.shape == array.shape
    assert np.abs(found - array).max() <= 1e-6 * np.ptp(array)
    assert np.allclose(found, array, rtol=1e-6, atol=0)


def test_what_is_no_data_stays_as_it_is():
    assert compact({"tickvals": list(range(30)), "text": ["a"] * 30, "y": [1, None, 3]}) == {
        "tickvals": list(range(30)),
        "text": ["a"] * 30,
        "y": [1, None, 3],
    }
    assert compact(np.array([1.0, np.nan])) == [1.0, None]
    json.dumps(compact({"x": np.array(["a", "b"] * 20), "y": [[1, 2], [3]] * 20}), allow_nan=False)


def test_colab_gets_html_that_brings_its_script(stored, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    output = stored(wave())
    assert PLOTLY_MIME not in output
    assert f'role="img" aria-label="{ALT}"' in output["text/html"]
    assert "cdn.plot.ly" in output["text/html"]
    assert output == stored(wave())


def test_stored_outputs_hold_no_library(stored):
    assert len(stored(viz.structure(molecule("H2O")))["text/html"]) < 12_000
    assert len(json.dumps(stored(go.Figure()))) < 5_000


# ---- spherical functions


@pytest.mark.parametrize("l", [1, 2, 3])
def test_a_surface_turns_with_its_coefficients(l):
    """The drawn radius in direction n is |f(n)|, and f_(Dc)(R n) = f_c(n)."""
    torch.manual_seed(l)
    R = o3.rand_matrix(dtype=torch.float64)
    c = torch.randn(2 * l + 1, dtype=torch.float64)
    turned = o3.Irrep(l, 1).D_from_matrix(R) @ c
    for coefficients, turn in ((c, torch.eye(3, dtype=torch.float64)), (turned, R)):
        surface = viz.spherical_surface(coefficients, irreps=f"{l}e").data[0]
        points = np.stack([surface.x, surface.y, surface.z], axis=-1)
        assert np.allclose(np.linalg.norm(points, axis=-1), np.abs(surface.surfacecolor))
        n = torch.tensor(points)[1:-1] / torch.linalg.norm(torch.tensor(points)[1:-1], dim=-1, keepdim=True)
        back = o3.spherical_harmonics(l, n @ turn, normalize=True, normalization="integral") @ c
        assert torch.allclose(back.abs(), torch.tensor(np.abs(surface.surfacecolor[1:-1])), atol=1e-6)


def test_the_polar_axis_of_a_surface_is_y():
    surface = viz.spherical_surface([0, 0, 1, 0, 0], irreps="2e").data[0]
    assert np.abs(surface.y).max() > 1.9 * np.abs(surface.x).max()
    assert np.abs(surface.x).max() == pytest.approx(np.abs(surface.z).max(), rel=0.05)


def test_a_sphere_keeps_its_radius_and_shows_the_sign():
    surface = viz.spherical_surface([0, 1, 0, 0], shape="sphere").data[0]
    assert np.allclose(surface.x**2 + surface.y**2 + surface.z**2, 1)
    assert surface.surfacecolor.min() == pytest.approx(-surface.surfacecolor.max(), rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"coefficients": [1, 2]}, r"coefficients of degrees l = \[0\] must have shape \(1,\), got \(2,\)"),
        ({"coefficients": [1, 2], "irreps": "1o"}, r"must have shape \(3,\), got \(2,\)"),
        ({"coefficients": np.ones((2, 4))}, r"must have shape \(dim,\), got \(2, 4\)"),
        ({"coefficients": [1], "shape": "cube"}, "shape must be 'radius' or 'sphere', got 'cube'"),
        ({"coefficients": [1], "resolution": 2}, "resolution must be at least 5"),
    ],
)
def test_what_does_not_fit_a_surface_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        viz.spherical_surface(**arguments)


# ---- charts


def test_a_slider_holds_every_frame_and_holds_the_axes_still(stored):
    frames = [go.Figure(go.Scatter(x=[0, 1], y=[0, top])) for top in (1, 10, 5)]
    figure = viz.slider(frames, [0.5, 1.0, 2.0], label="field", unit="eV", active=1)
    assert [frame.data[0].y[1] for frame in figure.frames] == [1, 10, 5]
    assert figure.data[0].y[1] == 10
    low, high = figure.layout.yaxis.range
    assert low < 0
    assert 10 < high < 12
    steps = figure.layout.sliders[0].steps
    assert [step.label for step in steps] == ["0.5", "1", "2"]
    assert [step.args[0] for step in steps] == [("0",), ("1",), ("2",)]
    assert stored(figure)[PLOTLY_MIME]["frames"][2]["name"] == "2"


def test_a_slider_leaves_a_range_that_is_set_and_follows_log_axes():
    frames = [go.Figure(go.Scatter(x=[1, 2], y=[top, 1e-3])) for top in (1, 10)]
    frames[0].update_xaxes(range=[0, 5]).update_yaxes(type="log")
    figure = viz.slider(frames, ["a", "b"], label="model")
    assert figure.layout.xaxis.range == (0, 5)
    assert np.allclose(figure.layout.yaxis.range, [-3.2, 1.2])


def test_every_frame_of_a_slider_lies_within_its_axes():
    """Also where None breaks a line, where points are drawn by WebGL, and where zero has no place."""
    lines = {
        "broken": [[1, 2, None, top] for top in (3, 22, 40)],
        "missing": [np.array([1.0, np.nan, top, 2]) for top in (3, 22, 40)],
        "zero on a log axis": [[0, 1, 10, top] for top in (30, 1e3, 1e5)],
    }
    for kind in (go.Scatter, go.Scattergl):
        for name, rows in lines.items():
            frames = [go.Figure(kind(x=[0, 1, 2, 3], y=row)) for row in rows]
            frames[0].update_yaxes(type="log" if "log" in name else "linear")
            low, high = viz.slider(frames, range(3), label="crystal").layout.yaxis.range
            values = np.array(rows, dtype=float)
            values = np.log10(values[values > 0]) if "log" in name else values[np.isfinite(values)]
            assert low < values.min() < values.max() < high < 2 * values.max(), (kind, name)


def test_points_in_a_plane_take_no_webgl(stored):
    frames = [go.Figure(go.Scattergl(x=np.arange(50), y=np.arange(50) + i, mode="markers")) for i in (0, 1)]
    spec = stored(viz.slider(frames, [0, 1], label="step"))[PLOTLY_MIME]
    traces = [*spec["data"], *(trace for frame in spec["frames"] for trace in frame["data"])]
    assert [trace["type"] for trace in traces] == ["scatter"] * 3
    assert np.array_equal(numbers(spec["data"][0]["y"]), np.arange(50))


def test_log_axes_have_two_to_eight_labels_that_do_not_collide(stored):
    for low, high in ((3e-7, 2), (0.011, 0.09), (8, 13), (1, 2e4), (1e-12, 1e12)):
        fig = go.Figure(go.Scatter(x=[1, 2], y=[low, high]), {"yaxis_type": "log"})
        ticks = np.array(stored(fig)[PLOTLY_MIME]["layout"]["yaxis"]["tickvals"])
        shown = ticks[(ticks > 0.8 * low) & (ticks < 1.25 * high)]
        assert 2 <= len(shown) <= 8, (low, high, shown)
        assert (np.diff(np.log10(shown)) >= 0.04 * np.log10(high / low)).all()


def test_a_slider_of_surfaces_holds_the_scene_still():
    figure = viz.slider([viz.spherical_surface(c, resolution=8) for c in np.eye(4)], range(4), label="m")
    assert len(figure.frames) == 4
    assert figure.layout.scene.xaxis.range is not None


@pytest.mark.parametrize(
    ("frames", "values", "active", "message"),
    [
        ([], [], 0, "got 0 and 0"),
        ([wave()], [1, 2], 0, "got 1 and 2"),
        ([wave(), go.Figure()], [1, 2], 0, "same number of traces"),
        ([wave()], [1], 1, "active must be a position from 0 to 0, got 1"),
    ],
)
def test_what_does_not_fit_a_slider_is_named(frames, values, active, message):
    with pytest.raises(ValueError, match=message):
        viz.slider(frames, values, label="x", active=active)


def test_labels_that_collide_move_apart_and_no_further():
    places = np.array([3.0, 0.0, 3.1, 2.95])
    free = viz.spread(places, 0.5)
    assert (np.diff(free[np.argsort(places)]) > 0.5 - 1e-9).all() and free[1] == 0
    assert free[[0, 2, 3]].mean() == pytest.approx(places[[0, 2, 3]].mean())
    np.testing.assert_array_equal(viz.spread([2.0, 1.0], 0.5), [2.0, 1.0])


def test_a_learning_curve_shows_the_mean_and_the_extremes_of_the_seeds():
    rows = [(10, "a", 1.0), (10, "a", 4.0), (10, "a", 1.0), (100, "a", 0.5), (10, "b", 3.0)]
    table = pd.DataFrame(rows, columns=["n", "model", "error"])
    a, b = viz.learning_curve(table, x="n", y="error", by="model", x_label="geometries").data
    assert (a.name, b.name) == ("a", "b")
    assert list(a.x) == [10, 100]
    assert list(a.y) == [2, 0.5]
    assert a.error_y.array[0] == 2
    assert a.error_y.arrayminus[0] == 1


def test_what_does_not_fit_a_learning_curve_is_named():
    table = pd.DataFrame({"n": [1, 2], "error": [0.0, 1.0]})
    with pytest.raises(ValueError, match="table has no column 'loss'; it has n, error"):
        viz.learning_curve(table, x="n", y="loss")
    with pytest.raises(ValueError, match="must be positive numbers"):
        viz.learning_curve(table, x="n", y="error")


# ---- the page of the book


def test_a_figure_on_a_page_cannot_end_its_own_script():
    figure = {"data": [{"text": ["</script><script>alert(1)</script>"]}], "layout": {"meta": {"alt": ALT}}}
    page = figure_html(figure)
    assert page.count("</script>") == 1
    data = re.search(r'<script type="application/json">(.*)</script>', page, re.S)[1]
    found = json.loads(data)
    assert found.pop("data") == figure["data"]
    assert found["layout"]["meta"] == figure["layout"]["meta"]


def test_a_stored_figure_gets_the_look_of_today():
    page = figure_html({"data": [], "layout": {"meta": {"alt": ALT}, "template": {"layout": {"height": 9}}}})
    data = json.loads(re.search(r'<script type="application/json">(.*)</script>', page, re.S)[1])
    assert data["layout"]["template"] == json.loads(json.dumps(viz.TEMPLATE.to_plotly_json()))
    assert f"height:{viz.TEMPLATE.layout.height}px" in page


def luminance(color):
    parts = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(parts > 0.04045, ((parts + 0.055) / 1.055) ** 2.4, parts / 12.92) @ [
        0.2126,
        0.7152,
        0.0722,
    ]


@pytest.mark.parametrize("page", ["#ffffff", "#121212"])
def test_what_a_figure_does_not_colour_is_seen_on_light_and_dark_pages(page):
    """Lines of reference, arrows and error bars; 3 is what WCAG asks of graphics."""
    look = viz.TEMPLATE
    for color in (
        look.layout.shapedefaults.line.color,
        look.layout.annotationdefaults.arrowcolor,
        look.data.bar[0].error_y.color,
    ):
        low, high = sorted((luminance(color), luminance(page)))
        assert (high + 0.05) / (low + 0.05) > 3


def test_the_versions_of_3dmol_agree():
    tool = (Path(__file__).parents[1] / "tools/vendor.py").read_text(encoding="utf-8")
    assert re.search(r'"3dmol": \(\s*"([\d.]+)"', tool)[1] == THREE_D_MOL


PAGE = """<section><h2>1 · Begin<a class="headerlink" href="#x">#</a></h2>
<blockquote><div><p><strong>Predict, then run.</strong> How many?</p>
<ul><li>one</li><li>two <!-- right --></li></ul></div></blockquote>
<div class="cell tag_setup"><div class="cell_input"><pre>import x</pre></div></div>
<div class="cell"><div class="cell_output"><pre>error: 0.1 eV (live run within 30 %)</pre></div></div>
<blockquote><div><p><strong>Pitfall.</strong> Beware.</p></div></blockquote>
<p><strong>Exercise 1.2</strong> Turn it.</p>FIGURE</section>
<section><h2>2 · Going further: more</h2></section>"""


def test_a_page_of_the_book_gets_captions_anchors_and_badges():
    figure = {"data": [], "layout": {"meta": {"alt": ALT}}}
    page = BeautifulSoup(dressed(PAGE.replace("FIGURE", figure_html(figure)), "1"), "html.parser")
    assert page.select_one(".course-figure .course-caption").get_text() == f"Figure 1.1 · {ALT}"
    for name in ("section-1", "section-2", "figure-1", "exercise-1-2", "pitfall-1"):
        assert len(page.select(f"#{name}")) == 1
    assert [badge.get_text() for badge in page.select("h2 > .course-badge")] == ["core", "further"]
    assert len(page.select("section.course-further")) == 1
    assert [choice.get_text().strip() for choice in page.select("li[data-right=yes]")] == ["two"]
    assert page.select_one(".course-live").get_text() == "(live run within 30 %)"
    assert page.select_one("details.course-setup .tag_setup") is not None


def test_the_books_slider_names_every_step_and_gives_back_the_room_of_plotlys(stored):
    frames = [go.Figure(go.Scatter(x=[0, 1], y=[0, i])) for i in range(3)]
    spec = stored(viz.slider(frames, [0.5, 1.0, 2.0], label="field", unit="eV", active=1))[PLOTLY_MIME]
    page = BeautifulSoup(figure_html(spec), "html.parser")
    knob = page.select_one("input[type=range]")
    assert json.loads(knob["data-names"]) == ["0.5 eV", "1 eV", "2 eV"]
    assert (knob["value"], knob["max"], knob["aria-label"]) == ("1", "2", "field")
    assert page.select_one(".course-plotly")["style"] == "height:400px"
    assert "sliders" not in json.loads(page.script.string)["layout"]
