"""One look for all figures: colours safe for all eyes, sizes for a phone and for a projector."""

import plotly.graph_objects as go

# Okabe and Ito, "Color Universal Design" (2008); their black is a grey here, so that it shows on a dark page.
OKABE_ITO = {
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "green": "#009E73",
    "orange": "#E69F00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "grey": "#7F7F7F",
    "yellow": "#F0E442",
}

# Negative, zero, positive.
DIVERGING = [[0.0, OKABE_ITO["blue"]], [0.5, "#E6E6E6"], [1.0, OKABE_ITO["vermillion"]]]

# Mid grey reads on white and on near-black alike: a stored figure does not know the reader's theme.
_INK = "#7A7A7A"
_FAINT = "rgba(128,128,128,0.28)"
_CLEAR = "rgba(0,0,0,0)"

# At the top of the figure, which makes room for it.
_TITLE = {
    "x": 0,
    "xanchor": "left",
    "y": 1,
    "yanchor": "top",
    "yref": "container",
    "automargin": True,
    "pad": {"t": 6},
}


def _flat_axis() -> dict:
    return {
        "automargin": True,
        "constrain": "domain",  # two axes of one scale: a smaller picture, not empty room
        "exponentformat": "power",
        "gridcolor": _FAINT,
        "linecolor": _INK,
        "showline": True,
        "ticks": "outside",
        "tickcolor": _INK,
        "zeroline": False,
        "title": {"standoff": 12},
    }


def _solid_axis() -> dict:
    return {
        "gridcolor": _FAINT,
        "linecolor": _INK,
        "nticks": 5,
        "showbackground": False,
        "tickfont": {"size": 12},
        "zeroline": False,
    }


def _template() -> go.layout.Template:
    layout = {
        "autosize": True,
        "height": 400,
        "colorway": list(OKABE_ITO.values()),
        "colorscale": {"sequential": "Cividis", "diverging": DIVERGING},
        "font": {"family": "system-ui, sans-serif", "size": 15, "color": _INK},
        "hoverlabel": {"font": {"size": 14}},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
        "margin": {"l": 60, "r": 20, "t": 20, "b": 50},
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
        # plotly's own are nearly black, which a dark page swallows
        "shapedefaults": {"line": {"color": _INK}},
        "annotationdefaults": {"arrowcolor": _INK},
        "title": {**_TITLE, "font": {"size": 17}},
        "xaxis": _flat_axis(),
        "yaxis": _flat_axis(),
        "scene": {"xaxis": _solid_axis(), "yaxis": _solid_axis(), "zaxis": _solid_axis()},
    }
    lines = [go.Scatter(line={"width": 2.5}, marker={"size": 8})]
    bars = [go.Bar(error_x={"color": _INK}, error_y={"color": _INK})]
    return go.layout.Template(layout=layout, data={"scatter": lines, "bar": bars})


TEMPLATE = _template()
