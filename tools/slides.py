"""Make slides of each session out of the book's pages: questions, figures with their messages, no code.

    python tools/slides.py        _build/html/slides/index.html and one file for each session

The notebook's structure and its cell tags decide. The core is shown, not what goes further. Every slide has
the title of its section. A section begins with its first words; a "Predict, then run" is a slide, and what
its cell shows is the next one; a figure is a slide with its caption as the message; so are pitfalls,
take-aways and the summary. Cells tagged setup, solution or hide-cell are left out, and so are exercises and
references.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import zip_longest
from pathlib import Path
from urllib.parse import urlparse

from bs4 import BeautifulSoup, Tag

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "_build/html"
LEFT_OUT = ("Exercise", "Quiz", "References", "Bring your own", "What’s next")
NEVER = {"tag_setup", "tag_solution", "tag_hide-cell"}
WORDS = 420  # letters that one slide holds in the room's last row
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<link rel="stylesheet" href="../_static/slides.css">{scripts}
<script src="../_static/slides.js" defer></script></head>
<body class="deck"><main>{slides}</main><div class="progress" aria-hidden="true"></div></body></html>
"""


@dataclass(frozen=True)
class Slide:
    """One screen.

    Attributes:
        title: of the section.
        body: what is shown, in order.
        message: one sentence to take away, or nothing.
        asked: the question that the slide answers, or nothing.
        kind: what the style sheet calls it.
    """

    title: str
    body: list[Tag]
    message: str = ""
    kind: str = "words"
    asked: str = ""

    def html(self, number: int, of: int) -> str:
        """Write the slide; the first one's title is the session's."""
        level = "h1" if number == 1 else "h2"
        below = f'<p class="message">{self.message}</p>' if self.message else ""
        asked = f'<p class="asked">{self.asked}</p>' if self.asked else ""
        return (
            f'<section id="{number}" class="{self.kind}"><{level}>{escape(self.title)}</{level}>{asked}'
            f'<div class="body">{"".join(map(str, self.body))}</div>{below}'
            f'<p class="number">{number} / {of}</p></section>'
        )


def classes(element: Tag) -> set[str]:
    """Return the classes of an element: the tags of its cell are among them."""
    return set(element.get("class") or ())


def heading(section: Tag) -> str:
    """Return the words of a section's heading."""
    found = section.find(["h1", "h2", "h3"], recursive=False)
    return found.get_text().rstrip("#").strip() if found else ""


def sections(section: Tag, number: str = "") -> Iterator[tuple[str, Tag]]:
    """Return the sections of the core with their titles, in order; those within one bear its number."""
    for part in section.find_all("section", recursive=False):
        title = heading(part)
        if not any(word in title for word in LEFT_OUT) and "course-further" not in classes(part):
            yield number + title, part
            begin, _, rest = title.partition(" · ")
            yield from sections(part, f"{begin} · " if rest else number)


def unfinished(part: Tag) -> bool:
    """Whether words announce what is not on the slide."""
    return part.get_text().strip().removesuffix("\\]").rstrip().endswith((":", ","))


def opening(parts: list[Tag]) -> list[Tag]:
    """Return the first words of a section, with their formulas and lists, as far as a slide holds them."""
    found: list[Tag] = []
    for part in parts:
        size = sum(len(other.get_text()) for other in [*found, part])
        if not (part.name in ("p", "ul", "ol") or "math" in classes(part)) or (found and size > WORDS):
            break
        found.append(part)
    while found and unfinished(found[-1]):
        found.pop()
    return found


def shown(cell: Tag) -> tuple[list[Tag], str]:
    """Return the figures of a cell, or else the words it printed, and the caption of its figure."""
    figures = cell.select(".course-figure, .course-structure")
    captions = [caption.extract() for caption in cell.select(".course-caption")]
    for caption in captions:
        if number := caption.find("strong"):
            number.decompose()
    message = captions[0].decode_contents().strip().lstrip("·").strip() if captions else ""
    return figures or cell.select("div.output pre, div.output table"), message


def the_question(box: Tag) -> str:
    """Return the words of a prediction, without its label and choices."""
    words = BeautifulSoup(str(box.find("p")), "html.parser").p
    words.find("strong").decompose()
    return words.decode_contents().strip()


def says(part: Tag | None) -> str:
    """Return the words below an output, if they are short enough to be its message."""
    fits = part is not None and part.name == "p" and not unfinished(part)
    return part.decode_contents() if part is not None and fits and len(part.get_text()) < WORDS / 2 else ""


def slides_of(title: str, section: Tag) -> Iterator[Slide]:
    """Return the slides of one section, without those of sections in it."""
    parts = section.find_all(lambda part: part.name not in ("section", "h2", "h3"), recursive=False)
    begin = opening(parts)
    if begin:
        yield Slide(title, begin)
    asked = ""
    rest = parts[len(begin) :]
    for part, following in zip_longest(rest, rest[1:]):
        if part.name == "blockquote":
            asked = the_question(part) if "box-predict-then-run" in classes(part) else ""
            yield Slide(title, [part], kind="question")
        elif "cell" in classes(part) and not classes(part) & NEVER:
            body, message = shown(part)
            pictures = any(classes(each) & {"course-figure", "course-structure"} for each in body)
            if body and (pictures or asked):
                kind = "figure" if pictures else "answer"
                yield Slide(title, body, message or says(following), kind, asked)
            asked = "" if body else asked


def first(article: Tag) -> Slide:
    """Return the slide with the session's title: what one does and learns, from the box at its top."""
    rows = [row.find_all(["td", "th"]) for row in article.section.select("table tr")[:3]]
    cells = [cell[1] for cell in rows if len(cell) == 2 and cell[1].get_text().strip()]
    words = cells[0].decode_contents() if cells else ""
    learnt = cells[1].get_text().split(" · ") if len(cells) > 1 else []
    items = "".join(f"<li>{escape(item)}</li>" for item in learnt)
    body = BeautifulSoup(f'<div class="do">{words}</div><ul>{items}</ul>', "html.parser")
    return Slide(heading(article.section), body.find_all(["div", "ul"], recursive=False), kind="title")


def deck(page: Path) -> str:
    """Return the slides of one page of the book."""
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    for part in soup.select("a.headerlink, button.copybtn, .course-badge, .course-anchor"):
        part.decompose()
    for link in soup.select("article a[href]"):  # slides lie in a folder of their own
        if not urlparse(link["href"]).scheme:
            own = page.name * link["href"].startswith("#")
            link["href"] = f"../notebooks/{own}{link['href']}"
    wanted = ("offline.js", "mathjax", "MathJax")
    scripts = [tag for tag in soup.find_all("script") if any(word in str(tag)[:400] for word in wanted)]
    scripts = [tag for tag in scripts if not tag.find_parent("article")]
    article = soup.select_one("article.bd-article")
    found = [first(article)]
    for title, section in sections(article.section):
        found += slides_of(title, section)
    body = "\n".join(slide.html(number, len(found)) for number, slide in enumerate(found, start=1))
    name = soup.title.get_text().split(" — ")[0]
    return PAGE.format(title=name, scripts="".join(map(str, scripts)), slides=body)


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
    listing = f"<section><h1>Slides</h1><div><ol>{''.join(links)}</ol><p>{keys}</p></div></section>"
    index = PAGE.format(title="Slides", scripts="", slides=listing)
    (folder / "index.html").write_text(index, encoding="utf-8")
    print(f"slides of {len(links)} sessions: {folder.relative_to(ROOT)}/index.html")


if __name__ == "__main__":
    main()
