"""How the book shows a stored plotly figure: a named place, its alternative text, and its data.

Registered as a `myst_nb.mime_renderers` entry point; book/_static/offline.js draws the figure in the reader's browser.
"""

import hashlib
import html
import json
from typing import Any

from docutils import nodes

PLOTLY_MIME = "application/vnd.plotly.v1+json"


class PlotlyRenderer:
    """Turns plotly's JSON into HTML that holds no library."""

    mime_priority_overrides = (("html", PLOTLY_MIME, 1),)

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list[nodes.Element] | None:
        """Render one stored output.

        Args:
            renderer: The book's renderer of notebook cells.
            data: The output: `mime_type` and `content`.
            inline: Whether it stands in a line of text; figures do not.

        Returns:
            One raw HTML node, or None where this is no plotly figure.
        """
        if inline or data.mime_type != PLOTLY_MIME:
            return None
        return [nodes.raw(text=figure_html(data.content), format="html")]


def figure_html(figure: dict[str, Any]) -> str:
    """Write the place of a figure.

    Args:
        figure: plotly's dictionary; `layout.meta.alt` holds the alternative text.

    Returns:
        A named image for screen readers, its height reserved, and the data beside it.
    """
    layout = figure.get("layout", {})
    alt = layout.get("meta", {}).get("alt", "Figure")
    height = layout.get("height") or layout.get("template", {}).get("layout", {}).get("height", 400)
    data = json.dumps(figure, ensure_ascii=False, separators=(",", ":"))
    name = "figure-" + hashlib.sha256(data.encode()).hexdigest()[:12]
    text = data.replace("</", r"<\/")
    return (
        f'<div class="course-figure">'
        f'<div class="course-plotly" id="{name}" role="img" aria-label="{html.escape(alt)}" '
        f'style="height:{height}px"></div>'
        f'<script type="application/json">{text}</script></div>'
    )
