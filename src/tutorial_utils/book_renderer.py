"""How the book shows stored plotly figures, and the package's docstrings.

A figure becomes a named place with its alternative text and its data (an entry point of myst_nb), which
book/_static/offline.js draws in the reader's browser. Docstrings are read as plain text (a Sphinx extension).
"""

import hashlib
import html
import json
import re
from pathlib import Path
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


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx read docstrings as plain text, and take from the pages what fails without a network.

    Args:
        app: The Sphinx application.

    Returns:
        That pages may be read in parallel.
    """
    # before napoleon (500), which finds the sections and adds reStructuredText of its own
    app.connect("autodoc-process-docstring", _escape, priority=400)
    app.connect("html-page-context", _drop_thebe, priority=900)
    app.connect("build-finished", _drop_font_preloads)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _drop_thebe(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave out thebe's scripts, which Jupyter Book adds (twice) where thebe is off too."""
    scripts = context.get("script_files", [])
    names = [f"{script} {script.attributes.get('body', '')}".lower() for script in scripts]
    context["script_files"] = [s for s, name in zip(scripts, names, strict=True) if "thebe" not in name]


def _drop_font_preloads(app: Any, exception: Exception | None) -> None:
    """Leave out the theme's font hints: a browser that reads the book from a folder refuses them."""
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        shorter = re.sub(r'<link rel="preload" as="font"[^>]*>\n?', "", text)
        if shorter != text:
            page.write_text(shorter, encoding="utf-8")


def _escape(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Keep |f|, *, a_ and `x` from being taken for markup; literal blocks and examples stay as they are."""
    margin = None  # of the paragraph whose literal block we are in
    for i, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if margin is not None and line.strip() and indent <= margin:
            margin = None
        if margin is None and not line.lstrip().startswith(">>>"):
            start = indent + 2 * line.lstrip().startswith(("* ", "- "))  # a bullet stays one
            parts = re.split(r"(``?[^`]+``?)", line[start:])
            lines[i] = line[:start] + "".join(_plain(part) for part in parts)
            if line.rstrip().endswith("::"):
                margin = indent


def _plain(part: str) -> str:
    if part.startswith("`") and part.endswith("`") and len(part) > 2:
        return f"``{part.strip('`')}``"
    return re.sub(r"([|*\\]|(?<=\w)_(?!\w))", r"\\\1", part)
