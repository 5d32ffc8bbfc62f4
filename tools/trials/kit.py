"""The offline kit, unpacked where there is no network: it installs, runs session 1 and opens the book."""

import json
import re
import shutil
import sys
import tarfile
import time
from pathlib import Path

import kit

from . import ROOT, Failed, Result, call, cut_off, execute, need, sessions

WHERE = "offline kit, network cut off"
BROWSER = "--headless --no-sandbox --use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader"
PAGE = "--window-size=1280,6000 --virtual-time-budget=30000 --dump-dom"


def browser() -> str:
    """Return the Chromium there is."""
    names = ("chromium", "chromium-browser", "google-chrome")
    need(next((name for name in names if shutil.which(name)), names[0]))
    return next(name for name in names if shutil.which(name))


def page_weight(page: Path) -> float:
    """Return the weight of a page of the book in MB: itself and its pictures, without the shared scripts."""
    pictures = set(re.findall(r'<img[^>]* src="((?!data:|https?:)[^"]+)"', page.read_text(encoding="utf-8")))
    files = [page, *((page.parent / picture).resolve() for picture in pictures)]
    return sum(path.stat().st_size for path in files) / 1e6


def weights(book: Path) -> list[Result]:
    """Return the weight of the whole book and of its heaviest page."""
    everything = sum(path.stat().st_size for path in book.rglob("*") if path.is_file()) / 1e6
    heaviest = max(map(page_weight, book.glob("*/*.html")))
    return [
        Result("book, all files", round(everything), "MB"),
        Result("heaviest page, shared JavaScript aside", round(heaviest, 1), "MB"),
    ]


def open_book(book: Path) -> None:
    """Open the page of session 1 from its folder: formulas are set and figures drawn."""
    page = (book / "notebooks/01_symmetry.html").as_uri()
    text = call(cut_off([browser(), *BROWSER.split(), *PAGE.split(), page]))
    for what, mark in {"figure": 'data-drawn="yes"', "formula": "<mjx-container"}.items():
        if mark not in text:
            raise Failed(f"no {what} on {page}")


def run(folder: Path) -> list[Result]:
    """Make, unpack, install, run, open."""
    need("unshare", "ip", browser(), root=True)
    call([sys.executable, ROOT / "tools/kit.py"])
    archive = kit.KIT.with_suffix(".tar")
    place = folder / kit.KIT.name
    shutil.rmtree(place, ignore_errors=True)
    with tarfile.open(archive) as packed:
        packed.extractall(folder)
    begun = time.monotonic()
    call(cut_off(["sh", place / "install.sh"]), PYTHON=sys.executable)
    installed = round(time.monotonic() - begun)
    report = folder / "report.json"
    notebook = place / "notebooks/01_symmetry.ipynb"
    call(cut_off(execute(place / "environment/bin/python", report, notebook)), CUDA_VISIBLE_DEVICES="")
    open_book(place / "book")
    size = Result("size", round(archive.stat().st_size / 1e6), "MB")
    found = sessions(json.loads(report.read_text()))
    opened = Result("book", "opens from its folder, figures drawn")
    return [size, Result("installed", installed, "s"), *found, opened, *weights(place / "book")]
