"""Every link of the built book, slides included, leads to a page and to an anchor that are there."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from conftest import BOOK


class Links(HTMLParser):
    """Collects the anchors of a page, and what it links to or loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.targets: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one element's id and addresses."""
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.targets.append(value)


def broken(folder: Path) -> list[str]:
    """Return the links within a folder of pages that lead nowhere, each with its page."""
    paths = [path for path in folder.rglob("*.html") if "_static" not in path.parts]
    pages = {path.resolve(): Links(path.read_text(encoding="utf-8")) for path in paths}
    found = []
    for page, links in pages.items():
        for target in links.targets:
            parts = urlparse(target)
            if parts.scheme or parts.netloc:
                continue
            place = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            anchored = parts.fragment and place in pages
            if not place.exists() or (anchored and unquote(parts.fragment) not in pages[place].anchors):
                found.append(f"{page.name}: {target}")
    return found


def test_every_link_within_the_book_leads_somewhere():
    assert broken(BOOK) == []


@pytest.mark.parametrize("link", ["b.html", "#there", "a.html#there", "picture.svg"])
def test_a_link_that_leads_nowhere_is_found(tmp_path, link):
    (tmp_path / "a.html").write_text('<p id="here">', encoding="utf-8")
    (tmp_path / "c.html").write_text(f'<a href="a.html#here">x</a><img src="{link}">', encoding="utf-8")
    assert broken(tmp_path) == [f"c.html: {link}"]
