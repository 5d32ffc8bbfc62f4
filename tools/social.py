"""Draw the picture that a link to the course shows in a chat or on a social network.

``python tools/social.py`` puts book/_static/turning.svg below the course's title, lets Chromium draw both,
and writes book/_static/social.png, 1200 × 630 pixels. Run it after ``tools/hero.py``.
"""

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

STATIC = Path(__file__).parents[1] / "book/_static"
SIZE = {"width": 1200, "height": 630}
QUARTER_TURN_MS = 4500  # the curves of the three networks lie far apart there
PAGE = """
<style>
  body { margin: 0; background: #00629a; color: #fff; font: 30px system-ui, sans-serif }
  header { padding: 34px 50px 26px } h1 { margin: 0 0 8px; font-size: 50px }
  svg { display: block; width: 1000px; margin: 0 auto }
</style>
<header><h1>Symmetry-aware neural networks</h1>for materials science: a course to run, with exercises</header>
"""


def main() -> None:
    """Write the picture."""
    browsers = ("chromium", "chromium-browser", "google-chrome")
    program = next((found for name in browsers if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        page = browser.new_page(viewport=SIZE)
        page.set_content(PAGE + (STATIC / "turning.svg").read_text(encoding="utf-8"))
        page.wait_for_timeout(QUARTER_TURN_MS)
        page.screenshot(path=STATIC / "social.png")
        browser.close()


if __name__ == "__main__":
    main()
