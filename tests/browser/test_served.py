"""The book on any server, how much it weighs, and the slides that are made from it."""

import functools
import http.server
import json
import re
import threading
from pathlib import Path

import pytest
from conftest import BOOK, PAGES, Quiet, open_page, unfold
from playwright.sync_api import Browser, expect
from trials.kit import page_weight

ROOT = Path(__file__).parents[2]
SESSIONS = [page for page in PAGES if page.startswith("notebooks/")]
FIGURES = ".course-plotly, [data-structure]"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_light_enough_for_a_telephone(path):
    assert page_weight(BOOK / path) < 3  # MB, beside the JavaScript that all pages share


@pytest.fixture(scope="module")
def below():
    """The book below another folder, as on a server that holds many books."""
    handler = functools.partial(Quiet, directory=str(BOOK.parent))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{BOOK.name}/"
    server.shutdown()


def clean(visit) -> None:
    visit.page.context.close()
    assert visit.outside == []
    assert visit.errors == []


def test_the_book_works_from_a_sub_path(browser: Browser, below):
    """Everything outside the book's own folder is refused, so an absolute address would be found."""
    visit = open_page(browser, below, SESSIONS[0])
    unfold(visit.page)
    for place in visit.page.locator(FIGURES).all()[:3]:
        place.scroll_into_view_if_needed()
        expect(place).to_have_attribute("data-drawn", "yes", timeout=120_000)
    expect(visit.page.locator("mjx-container").first).to_be_attached()
    visit.page.locator(".toctree-l1 a").nth(1).click()
    visit.page.wait_for_load_state()
    assert visit.page.url.startswith(below)
    clean(visit)


def sections(session: str) -> set[str]:
    """Numbers of the sections of the core."""
    notebook = ROOT / Path(session).with_suffix(".ipynb")
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    headings = [line for cell in cells for line in re.findall(r"^## \d.*$", "".join(cell["source"]), re.M)]
    left_out = ("Going further", "Bring your own")
    return {line.split()[1] for line in headings if not any(word in line for word in left_out)}


@pytest.mark.parametrize("session", SESSIONS)
def test_the_slides_of_a_session_open(browser: Browser, session):
    visit = open_page(browser, BOOK.as_uri() + "/", f"slides/{Path(session).name}")
    page = visit.page
    slides = page.locator("main > section")
    titles, asked = slides.locator("h2").all_text_contents(), slides.filter(has_text="Predict, then run")
    assert sections(session) <= {title.split()[0] for title in titles}
    assert asked.count() >= 3 and slides.locator("h2", has_text="Exercise ").count() == 0
    words = slides.locator(".body").evaluate_all("all => all.map(body => body.textContent.trim())")
    shown = slides.evaluate_all(f"all => all.map(slide => slide.querySelectorAll('{FIGURES}, img').length)")
    for number, (slide, pictures) in enumerate(zip(words, shown, strict=True), start=1):
        assert slide or pictures, f"slide {number} is empty"
        assert not slide.endswith(":"), f"slide {number} stops where it announces something"
    assert slides.last.locator(".number").text_content() == f"{len(words)} / {len(words)}"
    if any("\\(" in word or "\\[" in word for word in words) or page.locator(".math").count():
        expect(page.locator("mjx-container").first).to_be_attached()
    figure = page.locator(FIGURES).first
    figure.scroll_into_view_if_needed()
    expect(figure).to_have_attribute("data-drawn", "yes", timeout=120_000)
    clean(visit)


def test_keys_turn_the_slides(browser: Browser):
    visit = open_page(browser, BOOK.as_uri() + "/", f"slides/{Path(SESSIONS[0]).name}")
    for key, number in (("ArrowRight", 2), ("PageDown", 3), ("ArrowLeft", 2)):
        visit.page.keyboard.press(key)
        expect(visit.page.locator("main > section").nth(number - 1)).to_be_in_viewport(ratio=0.9)
        assert visit.page.url.endswith(f"#{number}")
    clean(visit)


def test_the_list_of_slides_names_every_session(browser: Browser):
    visit = open_page(browser, BOOK.as_uri() + "/", "slides/index.html")
    links = visit.page.locator("main a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert links == [Path(session).name for session in SESSIONS]
    clean(visit)


def test_results_of_a_search_show_words_instead_of_formulas(browser: Browser, below):
    visit = open_page(browser, below, "search.html?q=orthogonal+matrix")
    found = visit.page.locator("#search-results p.context")
    expect(found.nth(2)).to_be_visible(timeout=60_000)
    text = " ".join(found.all_text_contents())
    assert "matrix" in text and "\\(" not in text and "$" not in text
    clean(visit)


def test_a_scale_leaves_a_phone_the_map(browser: Browser, address: str):
    """It lies below the map, and its name below the scale."""
    visit = open_page(browser, address, "notebooks/03_e3nn.html", width=380)
    unfold(visit.page)
    figure = visit.page.locator(".course-plotly").first
    figure.scroll_into_view_if_needed()
    expect(figure).to_have_attribute("data-drawn", "yes", timeout=120_000)
    assert figure.evaluate("f => f._fullLayout._size.w / f.clientWidth") > 0.6
    expect(figure.locator("xpath=..").locator(".course-scale")).to_have_text("weight")
    clean(visit)
