"""Every page of the built book, on a wide light screen and then on a narrow dark one."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import unfold
from painted import Picture, changed, coloured, differing, picture
from playwright.sync_api import Locator, Page, expect

FIGURES = ".course-plotly"
STRUCTURES = "[data-structure]"
SLIDERS = ".course-slider input"
RANGES = "input[type=range]"
# where the axis z points on the screen: to the right, up; pixels for 0.1 Å about what is looked at
UPWARD = """box => {
  const [x, y, z] = box.viewer.getView().slice(0, 3).map(c => -c);
  const [low, high] = [-0.05, 0.05].map(d => box.viewer.modelToScreen({x, y, z: z + d}));
  return [high.x - low.x, low.y - high.y];
}"""
pictures = pytest.mark.pictures  # for pages that have some
FITS = "document.documentElement.scrollWidth <= window.innerWidth"
ALIVE = "window.webglViews.filter(view => !view.isContextLost()).length"


def each(places: Locator) -> list[Locator]:
    return [places.nth(i) for i in range(places.count())]


def drawn(place: Locator) -> Locator:
    """Return the element once its own script says that it has drawn it."""
    place.scroll_into_view_if_needed()
    expect(place).to_have_attribute("data-drawn", "yes", timeout=120_000)
    return place


def moves(before: Picture, look: Callable[[], Picture]) -> bool:
    """Wait until a second look shows something else; a busy machine draws slowly."""
    for _ in range(30):
        if changed(before, look()) > 0.001:
            return True
        time.sleep(0.3)
    return False


def test_predictions_cover_their_answers(visit):
    questions = visit.page.locator("blockquote.box-predict-then-run:visible")
    covers = visit.page.locator(".course-reveal:visible")
    if not questions.count() or not visit.page.locator(".cell_output").count():
        return  # a page without code only explains the sign
    hidden = visit.page.locator(".cell_output[hidden]").count()
    assert 0 < covers.count() <= questions.count()
    covers.first.click()
    assert visit.page.locator(".cell_output[hidden]").count() < hidden


def test_solutions_and_hints_fold_and_unfold(visit):
    folds = visit.page.locator("article details")
    heights = "all => all.map(fold => fold.getBoundingClientRect().height)"
    click = "all => all.forEach(fold => fold.querySelector(':scope > summary').click())"
    seen = []
    for _ in range(2):
        seen.append(folds.evaluate_all(heights))
        folds.evaluate_all(click)
    folded, unfolded = seen
    assert all(after > before + 10 for before, after in zip(folded, unfolded, strict=True))
    assert folds.evaluate_all(heights) == folded


def test_formulas_are_set(visit):
    formulas = visit.page.locator("article .math")
    if formulas.count():
        visit.page.wait_for_function("window.MathJax && MathJax.startup && MathJax.startup.promise")
        visit.page.evaluate("MathJax.startup.promise.then(() => null)")
    bare = "all => all.filter(m => !m.querySelector('mjx-container')).map(m => m.textContent)"
    assert formulas.evaluate_all(bare) == []
    assert visit.page.locator("mjx-merror, .MathJax_Error").count() == 0


def scrolls(place: Locator) -> None:
    """Turn the wheel over a picture and wait until the page has moved."""
    page = place.page
    place.hover()
    before = page.evaluate("window.scrollY")
    page.mouse.wheel(0, -100 if before else 100)
    page.wait_for_function(f"window.scrollY !== {before}")


def other_end(knob: Locator) -> list[str]:
    """Return keys that lead to another frame; where they go round, the last may look like the first."""
    if knob.input_value() != "0":
        return ["Home"]
    return ["End", "ArrowLeft"] if int(knob.get_attribute("max")) > 1 else ["End"]


@pictures
def test_figures_are_painted_and_named_and_their_sliders_move_by_keyboard(visit):
    """And few of them at a time keep a WebGL view, and a wheel over them scrolls the page."""
    unfold(visit.page)
    assert visit.page.locator(".slider-container").count() == 0  # plotly's own, which no key reaches
    moved = 0
    for number, figure in enumerate(each(visit.page.locator(FIGURES))):
        name = figure.get_attribute("aria-label")
        assert len(name) >= 20
        before = picture(drawn(figure))
        assert coloured(before) > 0.0005, name
        assert visit.page.evaluate(ALIVE) <= 8
        for knob in each(figure.locator("xpath=ancestor::*[@class='course-figure']").locator(SLIDERS)):
            for key in other_end(knob):
                knob.press(key)
            assert moves(before, lambda figure=figure: picture(figure)), name
            moved += 1
        if number < 2:  # the same scripts serve them all
            scrolls(figure)
    assert moved == visit.page.locator(SLIDERS).count()


@pictures
def test_structures_are_painted_and_named_and_their_sliders_move(visit):
    """And few of them at a time keep a WebGL view, and a wheel over them scrolls the page."""
    unfold(visit.page)
    moved = 0
    for number, box in enumerate(each(visit.page.locator(STRUCTURES))):
        name = box.locator("img").get_attribute("alt")
        assert len(name) >= 20
        canvas = drawn(box).locator("canvas").first
        right, up = box.evaluate(UPWARD)
        assert up > 10 * abs(right), "the still picture stands upright, and this one leans"
        expect(box.locator("img")).to_be_hidden()
        before = picture(canvas)
        assert differing(before) > 0.01, name
        assert visit.page.evaluate(ALIVE) <= 8
        whole = box.locator("xpath=ancestor::*[contains(@class, 'course-structure')]")
        for knob in each(whole.locator(RANGES)):
            middle = int(knob.get_attribute("max")) // 2 + 1
            knob.evaluate(f"k => {{ k.value = {middle}; k.dispatchEvent(new Event('input')); }}")
            assert moves(before, lambda canvas=canvas: picture(canvas)), name
            moved += 1
        if not number:
            scrolls(box)
    assert moved == visit.page.locator(f".course-structure {RANGES}").count()


# axe measures every element of a page, also those that it leaves out: the strokes of formulas, which have a
# text beside them, and of drawings are set aside meanwhile
SET_ASIDE = """document.querySelectorAll("mjx-math[aria-hidden=true], .main-svg").forEach(drawing => {
  drawing.kept = Array.from(drawing.childNodes);
  drawing.replaceChildren();
})"""
PUT_BACK = """document.querySelectorAll("mjx-math[aria-hidden=true], .main-svg").forEach(drawing => {
  if (drawing.kept) drawing.replaceChildren(...drawing.kept);  // one that came later was never emptied
})"""


def barriers(page: Page) -> list[str]:
    """Return what keeps a reader from reading an opened page."""
    # Formulas and drawings are named as a whole; the colours of code are judged on the book's own pages.
    left_out = ["mjx-container", ".main-svg"] + [".highlight"] * ("/notebooks/" in page.url)
    # preload: axe would fetch the style sheets anew, from wrong addresses
    options = {"preload": False, "resultTypes": ["violations"]}
    page.evaluate(SET_ASIDE)
    found = Axe().run(page, {"exclude": left_out}, options).response["violations"]
    page.evaluate(PUT_BACK)
    serious = [item for item in found if item["impact"] in ("serious", "critical")]
    return [
        f"{item['id']}: {node['html'][:200]} {node['failureSummary']}"
        for item in serious
        for node in item["nodes"]
    ]


def test_tables_show_their_headings(visit):
    unfold(visit.page)
    hidden = """[...document.querySelectorAll("thead")].map(
      head => getComputedStyle(head).display === "none" ? head.textContent.trim() : "").filter(Boolean)"""
    assert visit.page.evaluate(hidden) == []


def test_the_page_does_not_move_sideways(visit):
    unfold(visit.page)
    visit.page.wait_for_function(FITS, timeout=5_000)


def test_the_page_is_accessible(visit):
    unfold(visit.page)
    assert barriers(visit.page) == []


def test_a_phone_does_not_move_sideways(phone):
    phone.page.wait_for_function(FITS, timeout=60_000)  # figures follow the new width one after the other


@pictures
def test_pictures_are_painted_on_a_phone_in_the_dark(phone):
    """The first of each kind: the same scripts draw them all."""
    for figure in each(phone.page.locator(FIGURES))[:1]:
        assert coloured(picture(drawn(figure))) > 0.0005, figure.get_attribute("aria-label")
    for box in each(phone.page.locator(STRUCTURES))[:1]:
        assert differing(picture(drawn(box).locator("canvas").first)) > 0.01


def test_a_phone_in_the_dark_is_accessible(phone):
    assert barriers(phone.page) == []


def test_the_page_asked_for_nothing_outside_and_raised_no_error(visit):
    """Last: what the tests above did is recorded too."""
    assert visit.outside == []
    assert visit.errors == []


@pytest.mark.parametrize(
    ("shade", "is_data"), [((255, 255, 255), False), ((90, 90, 90), False), ((0, 114, 178), True)]
)
def test_axes_alone_do_not_pass_for_a_figure(shade, is_data):
    """The measure itself: a frame of axes with a line in one shade."""
    page = np.full((100, 100, 3), 255)
    page[:, 10] = page[90] = (122, 122, 122)
    page[50] = shade
    assert (coloured(page) > 0.0005) == is_data


def test_an_empty_place_does_not_pass_for_a_structure():
    page = np.full((100, 100, 3), 18)
    assert differing(page) == 0
    page[40:60, 40:60] = 144
    assert differing(page) > 0.01
