"""Make slides of each session out of the book's pages: headings, formulas, predictions, figures, no code.

    python tools/slides.py        _build/html/slides/index.html and one file for each session

The notebook's structure and its cell tags decide: a heading and a "Predict, then run" begin a slide, what the
cell after a prediction prints is the next slide, a cell tagged hide-input is a slide with its figure; cells
tagged setup, solution or hide-cell are left out, and so are exercises and references.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from bs4 import BeautifulSoup, Tag

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "_build/html"
LEFT_OUT = ("Exercise", "Quiz", "References", "Bring your own")
NEVER = {"tag_setup", "tag_solution", "tag_hide-cell"}
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<link rel="stylesheet" href="../_static/slides.css">{scripts}
<script src="../_static/slides.js" defer></script></head>
<body class="deck"><main>{slides}</main></body></html>
"""


def classes(element: Tag) -> set[str]:
    """Return the classes of an element: the tags of its cell are among them."""
    return set(element.get("class") or ())


def heading(section: Tag) -> str:
    """Return the words of a section's heading."""
    found = section.find(["h1", "h2", "h3"], recursive=False)
    return found.get_text().rstrip("#").strip() if found else ""


def parts(section: Tag) -> Iterator[Tag]:
    """Return what stands in a section, in order, without what is left out."""
    for part in section.find_all(True, recursive=False):
        if part.name != "section":
            yield part
        elif not heading(part).startswith(LEFT_OUT):
            yield from parts(part)


def printed(cell: Tag) -> list[Tag]:
    """Return the words that a cell printed."""
    return cell.select("div.output pre, div.output table")


def slides(article: Tag) -> list[list[Tag]]:
    """Return the slides: lists of what stands on each."""
    found: list[list[Tag]] = []
    predicted = False
    for part in parts(article.section):
        if part.name in ("h1", "h2", "h3"):
            found.append([part])
        elif part.name == "blockquote" and part.get_text().strip().startswith("Predict"):
            found.append([part])
            predicted = True
        elif "cell" in classes(part) and not classes(part) & NEVER:
            figure = part.select_one("div.cell_output")
            if "tag_hide-input" in classes(part) and figure:
                found.append([figure])
            elif predicted and printed(part):
                found.append(printed(part))
                predicted = False
        elif "math" in classes(part) or (part.name == "p" and len(found[-1]) == 1 and begins(found[-1])):
            found[-1].append(part)
    return found


def begins(slide: list[Tag]) -> bool:
    """Whether a slide holds a heading, which takes the first words below it along."""
    return slide[0].name in ("h1", "h2", "h3")


def deck(page: Path) -> str:
    """Return the slides of one page of the book."""
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    for link in soup.select("a.headerlink, button"):
        link.decompose()
    wanted = ("offline.js", "mathjax", "MathJax")
    scripts = [tag for tag in soup.find_all("script") if any(word in str(tag)[:400] for word in wanted)]
    scripts = [tag for tag in scripts if not tag.find_parent("article")]
    found = slides(soup.select_one("article.bd-article"))
    body = "\n".join(
        f'<section id="{number}">{"".join(map(str, parts))}</section>'
        for number, parts in enumerate(found, start=1)
    )
    title = soup.title.get_text().split(" — ")[0]
    return PAGE.format(title=title, scripts="".join(map(str, scripts)), slides=body)


def main() -> None:
    """Write all decks and the page that lists them."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    folder = BOOK / "slides"
    folder.mkdir(exist_ok=True)
    links = []
    for page in sorted((BOOK / "notebooks").glob("*.html")):
        text = deck(page)
        (folder / page.name).write_text(text, encoding="utf-8")
        title = BeautifulSoup(text, "html.parser").title.get_text()
        links.append(f'<li><a href="{page.name}">{title}</a></li>')
    keys = "Arrow keys, space or a swipe go on; the number in the address is the slide."
    listing = f"<section><h1>Slides</h1><ol>{''.join(links)}</ol><p>{keys}</p></section>"
    index = PAGE.format(title="Slides", scripts="", slides=listing)
    (folder / "index.html").write_text(index, encoding="utf-8")
    print(f"slides of {len(links)} sessions: {folder.relative_to(ROOT)}/index.html")


if __name__ == "__main__":
    main()
