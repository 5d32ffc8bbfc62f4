"""A browser that reads the built book with nothing but the book's own server to talk to."""

import functools
import http.server
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

BOOK = Path(__file__).parents[2] / "_build" / "html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PICTURE = "course-plotly|data-structure"
# WebGL in software, so that the tests see the same on every machine. Left out is what costs most there and no
# test looks at: smooth edges, and the page around the pictures drawn by WebGL too.
FLAGS = (
    "--no-sandbox --use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader --ignore-gpu-blocklist "
    "--disable-gpu-compositing --webgl-antialiasing-mode=none --webgl-msaa-sample-count=0"
)
PAGES = sorted(
    path.relative_to(BOOK).as_posix()
    for folder in ("book", "book/api", "notebooks")
    for path in (BOOK / folder).glob("*.html")
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""


# nothing fades or slides; what turns for ever does not count
STILL = """!document.getAnimations().some(
  a => a.playState === "running" && a.effect.getComputedTiming().endTime !== Infinity)"""


def unfold(page: Page) -> None:
    """Open every hint, solution and section, uncover every answer, and wait until all has faded in."""
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.evaluate("document.querySelectorAll('.cell_output[hidden]').forEach(o => o.reveal())")
    page.wait_for_function(STILL)


@dataclass
class Visit:
    """A page that has been opened.

    Attributes:
        page: playwright's page.
        address: where the book is served.
        outside: addresses asked for outside the book.
        errors: what the console and the scripts complained of.
    """

    page: Page
    address: str
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Record and refuse what goes outside, record errors."""
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "response", lambda r: self.errors.append(f"{r.status} {r.url}") if r.status >= 400 else None
        )
        self.page.route("**/*", self.guard)

    def become_a_phone_in_the_dark(self) -> None:
        """Narrow the page and darken it, with all that has been opened and drawn on it."""
        self.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        self.page.set_viewport_size({"width": 380, "height": 900})
        self.page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
        self.page.wait_for_timeout(100)
        self.page.wait_for_function(STILL)  # colours fade

    def guard(self, route: Route) -> None:
        """Let through what the book itself holds."""
        if route.request.url.startswith((self.address, "data:", "blob:")):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """The book, served as `python -m http.server` serves it."""
    assert (BOOK / "index.html").exists(), "there is no book in _build/html: run `make book` first"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(BOOK)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    assert program, "no Chromium or Chrome found: install chromium"
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=FLAGS.split())


# Keeps every WebGL view that a page asks for, so that those alive can be counted.
COUNT_VIEWS = """
window.webglViews = [];
const ask = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  const view = ask.call(this, kind, ...rest);
  if (view && kind.includes("webgl") && !window.webglViews.includes(view)) window.webglViews.push(view);
  return view;
};
"""


def open_page(
    browser: Browser,
    address: str,
    path: str,
    scheme: str = "light",
    width: int = 1280,
    motion: str = "reduce",
) -> Visit:
    """Open one page of the book, guarded; movies stand still, or each test would wait for their frames."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion=motion
    )
    context.set_default_timeout(120_000)  # ms: the machine may be busy with other tests
    context.add_init_script(COUNT_VIEWS)
    visit = Visit(context.new_page(), address)
    visit.watch()
    visit.page.goto(address + path, wait_until="load")
    return visit


@pytest.fixture(scope="module", params=PAGES)
def visit(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Visit]:
    """Each page of the book, on a wide light screen, opened once for all tests of a module."""
    opened = open_page(browser, address, request.param)
    yield opened
    opened.page.context.close()


@pytest.fixture(scope="module")
def phone(visit: Visit) -> Visit:
    """The same page on a narrow dark screen, for the last tests of a page."""
    unfold(visit.page)
    visit.become_a_phone_in_the_dark()
    return visit


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a page on one worker, so that it is opened once; drop vain ones."""
    pages = {item: item.callspec.params["visit"] for item in items if "visit" in item.fixturenames}
    for item, page in pages.items():
        item.add_marker(pytest.mark.xdist_group(page))
    items[:] = [
        item
        for item in items
        if not item.get_closest_marker("pictures")
        or re.search(PICTURE, (BOOK / pages[item]).read_text("utf-8"))
    ]
