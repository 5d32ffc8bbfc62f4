"""The book where something is missing: a server, WebGL, a script, a mouse."""

import pytest
from conftest import BOOK, PAGES, open_page, unfold
from painted import differing, picture
from playwright.sync_api import Browser, Page, expect

SESSIONS = [page for page in PAGES if page.startswith("notebooks/")]


def with_structures() -> list[str]:
    return [page for page in PAGES if "data-structure" in (BOOK / page).read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", [SESSIONS[0], "book/intro.html", "book/api.html"])
def test_a_page_opens_from_a_folder(browser: Browser, path):
    visit = open_page(browser, BOOK.as_uri() + "/", path)
    page = visit.page
    unfold(page)
    for place in page.locator(".course-plotly, [data-structure]").all()[:3]:
        place.scroll_into_view_if_needed()
        expect(place).to_have_attribute("data-drawn", "yes", timeout=120_000)
    page.context.close()
    assert visit.outside == []
    assert visit.errors == []


def test_the_front_page_leads_into_the_book(browser: Browser, address):
    page = browser.new_page()
    page.set_default_timeout(120_000)  # ms
    page.goto(address)
    page.wait_for_url("**/book/intro.html")
    page.close()


def test_a_movie_plays_by_itself_where_motion_is_wanted(browser: Browser, address):
    path = next(page for page in PAGES if " data-playing" in (BOOK / page).read_text(encoding="utf-8"))
    for motion in ("no-preference", "reduce"):
        page = open_page(browser, address, path, motion=motion).page
        unfold(page)
        knob = page.locator(".course-structure input[data-playing]").first
        knob.locator("xpath=ancestor::*[contains(@class, 'course-structure')]").scroll_into_view_if_needed()
        first = knob.input_value()
        if motion == "reduce":
            page.wait_for_timeout(1000)
            assert knob.input_value() == first
        else:
            expect(knob).not_to_have_value(first, timeout=60_000)
        page.context.close()


@pytest.mark.parametrize("missing", ["WebGL", "3Dmol.js"])
def test_a_picture_stands_in(browser: Browser, address, missing):
    context = browser.new_context()
    context.set_default_timeout(120_000)  # ms
    if missing == "WebGL":
        context.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    else:
        context.route("**/3Dmol-min.js", lambda route: route.abort())
    page = context.new_page()
    page.goto(address + with_structures()[0])
    still = page.locator("[data-structure] img").first
    still.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)
    expect(still).to_be_visible()
    assert differing(picture(still)) > 0.01
    context.close()


def test_without_scripts_everything_is_shown(browser: Browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + SESSIONS[0])
    assert page.locator(".cell_output[hidden], .course-reveal, .course-further-fold").count() == 0
    assert page.locator("section.course-further .cell").last.is_visible()
    assert page.locator(".course-caption").first.is_visible()
    context.close()


def swipe(page: Page, x: float, y: float) -> float:
    """Move a finger up by 150 px; return how far the page went."""
    finger, before = page.context.new_cdp_session(page), page.evaluate("scrollY")
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 11):
        point = {"x": x, "y": y - 15 * step}
        finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
        page.wait_for_timeout(20)
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_timeout(400)
    return page.evaluate("scrollY") - before


def test_a_finger_that_starts_on_a_figure_scrolls_the_page(browser: Browser, address):
    """A flat figure and a solid one."""
    context = browser.new_context(viewport={"width": 380, "height": 800}, has_touch=True, is_mobile=True)
    page = context.new_page()
    for session in (SESSIONS[0], SESSIONS[3]):
        page.goto(address + session)
        unfold(page)
        figure = page.locator(".course-plotly:visible").first
        figure.scroll_into_view_if_needed()
        expect(figure).to_have_attribute("data-drawn", "yes", timeout=120_000)
        box = figure.bounding_box()
        assert swipe(page, box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) > 80, session
    context.close()


def test_a_link_opens_what_it_points_to(browser: Browser, address):
    """On a page that is open, and on one that opens with it."""
    page = browser.new_page()
    page.goto(address + SESSIONS[0])
    fold = "details.course-further-fold"
    # the last of all, the last that stands in no cell, and a section itself
    for kind, shown in (
        (f"{fold} .course-anchor", "+ *"),
        (f"{fold} > .course-anchor", "+ *"),
        (f".course-anchor:has(~ {fold})", f"~ {fold} > p"),
    ):
        page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = false)")
        name = page.locator(kind).last.get_attribute("id")
        target = page.locator(f"#{name} {shown}").first
        expect(target).to_be_hidden()
        page.evaluate(f"location.hash = '{name}'")
        expect(target).to_be_visible()
    page.reload()
    expect(target).to_be_visible()
    page.close()
