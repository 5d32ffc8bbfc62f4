"""How the book shows notebooks, and the package's docstrings.

A figure becomes a named place with its alternative text and its data (an entry point of myst_nb), which
book/_static/offline.js draws in the reader's browser. Pages are dressed: captions, anchors, badges, boxes.
Docstrings are read as plain text (a Sphinx extension).
"""

import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Comment
from docutils import nodes
from sphinx import addnodes

from tutorial_utils.viz.theme import TEMPLATE

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
        A named image for screen readers, its height reserved, the data beside it, and the browser's own
        slider in the place of plotly's.
    """
    # one look for all, also for figures that were stored before it changed
    layout = {**figure.get("layout", {}), "template": TEMPLATE.to_plotly_json()}
    alt = layout.get("meta", {}).get("alt", "Figure")
    sliders = layout.pop("sliders", [])
    layout.pop("updatemenus", None)
    height = layout.get("height") or TEMPLATE.layout.height
    if sliders:  # without the room that `slider` made below the axes
        height -= max(0, layout.get("margin", {}).get("b", 50) - 50)
        layout["margin"] = {**layout.get("margin", {}), "b": 50}
        layout["height"] = height
    data = json.dumps({**figure, "layout": layout}, ensure_ascii=False, separators=(",", ":"))
    name = "data-" + hashlib.sha256(data.encode()).hexdigest()[:12]
    text = data.replace("</", r"<\/")
    return (
        f'<div class="course-figure">'
        f'<div class="course-plotly" id="{name}" role="img" aria-label="{html.escape(alt)}" '
        f'style="height:{height}px"></div>'
        f'<script type="application/json">{text}</script>{"".join(map(_slider, sliders))}</div>'
    )


def _slider(slider: dict[str, Any]) -> str:
    """Write a slider that keys reach, hidden where no script runs."""
    now = slider.get("currentvalue", {})
    label = html.escape(now.get("prefix", "").rstrip(": ") or "frame")
    names = [f"{step['label']}{now.get('suffix', '')}" for step in slider["steps"]]
    active = slider.get("active", 0)
    listed = html.escape(json.dumps(names, ensure_ascii=False))
    return (
        f'<label class="course-slider" hidden>{label}: <output>{html.escape(names[active])}</output>'
        f'<input type="range" min="0" max="{len(names) - 1}" value="{active}" aria-label="{label}" '
        f'aria-valuetext="{html.escape(names[active])}" data-names="{listed}"></label>'
        f'<button class="course-play" type="button" hidden>&#9654;&#65038; play</button>'
    )


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx read docstrings as plain text, and take from the pages what fails offline.

    Args:
        app: The Sphinx application.

    Returns:
        That pages may be read in parallel.
    """
    # before napoleon (500), which finds the sections and adds reStructuredText of its own
    app.connect("autodoc-process-docstring", _escape, priority=400)
    app.connect("doctree-read", _keep_anchors)
    app.connect("html-page-context", _drop_thebe, priority=900)
    app.connect("html-page-context", _name_page, priority=900)
    app.connect("html-page-context", _dress_page, priority=900)
    app.connect("build-finished", _lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _keep_anchors(app: Any, doctree: Any) -> None:
    """Let 02_group_theory.ipynb#exercise-2-4 lead there: Sphinx does not know the anchors of `dressed`."""
    for link in list(doctree.findall(addnodes.pending_xref)):
        page, anchor = link.get("reftarget", ""), link.get("reftargetid")
        if anchor and page.startswith("notebooks/"):
            address = f"{app.builder.get_relative_uri(app.env.docname, page)}#{anchor}"
            link.replace_self(nodes.reference("", "", *link.children, refuri=address, internal=True))


def _drop_thebe(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave out thebe's scripts, which Jupyter Book adds (twice) where thebe is off too."""
    scripts = context.get("script_files", [])
    names = [f"{script} {script.attributes.get('body', '')}".lower() for script in scripts]
    context["script_files"] = [s for s, name in zip(scripts, names, strict=True) if "thebe" not in name]


def _lighten(app: Any, exception: Exception | None) -> None:
    """Leave out font hints, which a browser refuses in a folder, the second set of icons, a doubled title."""
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        shorter = re.sub(r'<link rel="preload" as="font"[^>]*>\n?', "", text)
        shorter = re.sub(r"<title>(.+?) &#8212; \1</title>", r"<title>\1</title>", shorter)
        shorter = re.sub(r'<script src="[^"]*fontawesome[^"]*"></script>\n?', "", shorter)
        shorter = re.sub(
            r'<link rel="preload" as="script" href="[^"]*fontawesome[^"]*"[^>]*>\n?', "", shorter
        )
        if shorter != text:
            page.write_text(shorter, encoding="utf-8")


def _name_page(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Give a page its description, and what a link to it shows elsewhere."""
    body, title = BeautifulSoup(context.get("body", ""), "html.parser"), context.get("title", "")
    for part in body(["script", "h1"]):
        part.decompose()
    words = re.sub(r"\s+", " ", " ".join(body.stripped_strings))[:200].rsplit(" ", 1)[0]
    tags = [("name", "description", words), ("property", "og:description", words)]
    tags += [("property", "og:title", BeautifulSoup(title, "html.parser").get_text())]
    tags += [("property", "og:type", "website")]
    # a picture needs a whole address, which is known once the repository's is
    repository = app.config.html_theme_options.get("repository_url", "")
    if found := re.fullmatch(r"https://github\.com/([^/]+)/([^/]+)", repository or ""):
        picture = f"https://{found[1]}.github.io/{found[2]}/_static/social.png"
        tags += [("property", "og:image", picture), ("name", "twitter:card", "summary_large_image")]
    context["metatags"] = context.get("metatags", "") + "".join(
        f'<meta {kind}="{name}" content="{html.escape(value)}">' for kind, name, value in tags
    )


def _dress_page(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Add what a notebook's plain Markdown does not say to the book: `dressed`."""
    if doctree is not None and context.get("body"):
        number = re.match(r"notebooks/0*(\d+)_", page)
        context["body"] = dressed(context["body"], number[1] if number else "")


def dressed(body: str, session: str = "") -> str:
    """Add captions, anchors, badges and boxes to a page.

    Args:
        body: HTML of the page.
        session: number of the session; "" on other pages.

    Returns:
        The same page: each figure with a numbered caption; each section, figure, exercise and pitfall with an
        anchor that stays (#section-4, #figure-3, #exercise-1-2, #pitfall-2); sections marked as core or
        going further.
    """
    soup: Any = BeautifulSoup(body, "html.parser")
    for number, figure in enumerate(soup.select(".course-figure, .course-structure"), start=1):
        _caption(soup, figure, f"{session}.{number}" if session else f"{number}", number)
    _boxes(soup)
    for start in soup.select("h2, h3, h4, p > strong:first-child"):
        found = re.match(r"Exercise (\d+)\.(\d+)", start.get_text())
        if found:
            _anchor(soup, start, f"exercise-{found[1]}-{found[2]}")
    if session:
        _badges(soup)
        _fold_setup(soup)
    for text in soup.select(".cell_output pre"):
        for part in text.find_all(string=re.compile("live run within")):
            marked = re.sub(
                r"(\(live run within [^)]*\))", r'<span class="course-live">\1</span>', html.escape(part)
            )
            part.replace_with(BeautifulSoup(marked, "html.parser"))
    return str(soup)


def _anchor(soup: Any, place: Any, name: str) -> None:
    if not soup.find(id=name):
        place.insert_before(soup.new_tag("span", id=name, attrs={"class": "course-anchor"}))


def _caption(soup: Any, figure: Any, label: str, number: int) -> None:
    named = figure.select_one("[role=img], img")
    text = (named.get("aria-label") or named.get("alt") or "") if named else ""
    _anchor(soup, figure, f"figure-{number}")
    # a screen reader has heard the sentence already, as the figure's name
    caption = soup.new_tag("p", attrs={"class": "course-caption", "aria-hidden": "true"})
    word = soup.new_tag("strong")
    word.string = f"Figure {label}"
    caption.extend([word, f" · {text}"])
    figure.append(caption)


def _boxes(soup: Any) -> None:
    """Let "> **Pitfall.** …" be a box of its kind, and mark the right choices of a prediction."""
    pitfalls = 0
    for quote in soup.find_all("blockquote"):
        word = quote.select_one("p:first-child > strong:first-child")
        if not word:
            continue
        kind = re.sub(r"[^a-z]+", "-", word.get_text().lower()).strip("-")
        quote["class"] = ["box", f"box-{kind}"]
        if kind == "pitfall":
            pitfalls += 1
            _anchor(soup, quote, f"pitfall-{pitfalls}")
        for remark in quote.find_all(
            string=lambda text: isinstance(text, Comment) and text.strip() == "right"
        ):
            choice = remark.find_parent("li")
            if choice:
                choice["data-right"] = "yes"
            remark.extract()


def _badges(soup: Any) -> None:
    """Say of each numbered section whether it is core or goes further."""
    for heading in soup.find_all(["h2", "h3"]):
        text, section = heading.get_text(), heading.parent
        if number := re.match(r"(\d+) · ", text):
            _anchor(soup, heading, f"section-{number[1]}")
        further = "Going further" in text
        if further and section.name == "section":
            section["class"] = [*section.get("class", []), "course-further"]
        core = heading.name == "h2" and re.match(r"\d+ · ", text) and "Failure gallery" not in text
        if further or (core and "Bring your own" not in text):
            badge = soup.new_tag("span", attrs={"class": "course-badge" + " further" * further})
            badge.string = "further" if further else "core"
            heading.extend([" ", badge])


def _fold_setup(soup: Any) -> None:
    """Put the set-up, and the imports below it, behind one line."""
    first = soup.select_one(".tag_setup")
    if not first:
        return
    fold, summary = soup.new_tag("details", attrs={"class": "course-setup"}), soup.new_tag("summary")
    summary.string = "Set-up: imports, seeds, the list of exercises"
    first.insert_before(fold)
    following = first.find_next_sibling()
    fold.extend([summary, first])
    code = (
        following.select_one(".cell_input pre")
        if following and "cell" in following.get("class", [])
        else None
    )
    if (
        code
        and code.get_text().lstrip().startswith(("import ", "from "))
        and not following.select(".cell_output")
    ):
        fold.append(following)


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
