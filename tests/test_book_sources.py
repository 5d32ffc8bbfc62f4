"""The book's sources agree with what there is: sessions, modules, works cited."""

import json
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"
SESSIONS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


def listed() -> list[str]:
    """Return the pages in the table of contents."""
    contents = yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8"))
    return [contents["root"], *(page["file"] for part in contents["parts"] for page in part["chapters"])]


def test_every_page_and_every_session_is_in_the_table_of_contents():
    pages = [f"book/{path.stem}" for kind in ("*.md", "*.ipynb") for path in BOOK.glob(kind)]
    assert sorted(listed()) == sorted(pages + [f"notebooks/{name}" for name in SESSIONS])


def test_the_syllabus_links_the_sessions_that_exist_and_no_others():
    text = (BOOK / "syllabus.md").read_text(encoding="utf-8")
    rows = {int(row[1]): row[0] for row in re.finditer(r"^\| ([1-7]) \|.*$", text, re.M)}
    assert sorted(rows) == [1, 2, 3, 4, 5, 6, 7]
    there = {int(name[:2]): name for name in SESSIONS}
    for number, row in rows.items():
        assert (f"../notebooks/{there.get(number)}.ipynb" in row) == (number in there)
        assert ("in preparation" in row) == (number not in there)


def test_the_day_has_no_gap_and_every_session_an_hour():
    text = (BOOK / "syllabus.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+):(\d\d) \| (.*?) \|", text, re.M)
    start = [60 * int(hour) + int(minute) for hour, minute, _ in rows]
    assert (start[0], start[-1]) == (8 * 60 + 30, 17 * 60)
    assert start == sorted(start)
    length = {name: end - begin for (_, _, name), begin, end in zip(rows, start, start[1:], strict=False)}
    assert [length[f"**Session {n}**"] for n in range(1, 8)] == [60] * 7


def test_every_module_is_in_the_reference():
    text = (BOOK / "api.md").read_text(encoding="utf-8")
    modules = re.findall(r"automodule:: tutorial_utils\.([\w.]+)", text)
    assert len(modules) == len(set(modules))
    named = {module.split(".")[0] for module in modules}
    hooks = {"book_renderer", "lab_server"}
    rooms = {path.stem for path in (ROOT / "src/tutorial_utils").glob("[a-z]*.py")}
    rooms |= {path.parent.name for path in (ROOT / "src/tutorial_utils").glob("*/__init__.py")}
    assert named == rooms - hooks


def test_every_work_that_a_session_lists_is_in_the_bibliography():
    known = (BOOK / "references.bib").read_text(encoding="utf-8")
    for name in SESSIONS:
        cells = json.loads((ROOT / f"notebooks/{name}.ipynb").read_text(encoding="utf-8"))["cells"]
        prose = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        works = re.findall(r"(?:doi\.org|arxiv\.org/abs)/([^\s\])]+)", prose.split("## References")[-1])
        assert works
        assert [work for work in works if work not in known] == []
