"""The book's sources agree with what there is: sessions, modules, works cited."""

import json
import re
import runpy
from pathlib import Path

import torch
import yaml

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"
OF_THE_DAY = 7  # the sessions beyond are encores
SESSIONS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


def listed() -> list[str]:
    """Return the pages in the table of contents."""
    contents = yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [page for part in contents["parts"] for page in part["chapters"]]
    below = [page["file"] for chapter in chapters for page in chapter.get("sections", [])]
    return [contents["root"], *(page["file"] for page in chapters), *below]


def test_every_page_and_every_session_is_in_the_table_of_contents():
    found = [path for kind in ("*.md", "*/*.md", "*.ipynb") for path in BOOK.glob(kind)]
    pages = [path.relative_to(ROOT).with_suffix("").as_posix() for path in found]
    assert sorted(listed()) == sorted(pages + [f"notebooks/{name}" for name in SESSIONS])


def test_every_session_has_its_row_wherever_sessions_are_listed():
    for page, folder in ((ROOT / "README.md", ""), (BOOK / "intro.md", "../"), (BOOK / "syllabus.md", "../")):
        rows = re.findall(
            rf"^\| (\d+) \| \[[^\]]+\]\({folder}notebooks/(\w+)\.ipynb\)", page.read_text("utf-8"), re.M
        )
        assert [(int(number), name) for number, name in rows] == [(int(s[:2]), s) for s in SESSIONS], (
            page.name
        )


def test_the_day_has_no_gap_and_every_session_an_hour():
    text = (BOOK / "syllabus.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+):(\d\d) \| (.*?) \|", text, re.M)
    start = [60 * int(hour) + int(minute) for hour, minute, _ in rows]
    assert start == sorted(start)
    length = {name: end - begin for (_, _, name), begin, end in zip(rows, start, start[1:], strict=False)}
    hours = {name: minutes for name, minutes in length.items() if "Session" in name}
    assert hours.keys() >= {
        f"**Session {int(name[:2])}**" for name in SESSIONS if int(name[:2]) <= OF_THE_DAY
    }
    assert set(hours.values()) == {60}


def test_the_example_of_the_readme_runs_as_printed(tmp_path, capsys):
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    (tmp_path / "example.py").write_text(program, encoding="utf-8")
    torch.set_default_dtype(torch.float32)  # as it is where Python begins
    runpy.run_path(str(tmp_path / "example.py"))
    assert "FAILED: translation" in capsys.readouterr().out


def test_the_glossary_is_in_alphabetical_order():
    body = (BOOK / "glossary.md").read_text(encoding="utf-8").split("```")[1]
    terms = re.findall(r"^(\w.*)$", body.removeprefix("{glossary}"), re.M)
    assert terms == sorted(terms, key=lambda term: term.lower().replace("–", "-"))


def test_every_work_of_the_bibliography_has_its_place_on_the_page():
    bibliography = (BOOK / "references.bib").read_text(encoding="utf-8")
    page = (BOOK / "references.md").read_text(encoding="utf-8")
    places = re.findall(r'keywords % "([^"]+)"', page)
    found = re.findall(r"keywords = \{([^}]+)\}", bibliography)
    assert len(found) == len(re.findall(r"^@", bibliography, re.M))
    assert set(found) == set(places)


def test_a_work_stands_under_the_session_that_cites_it_first():
    pages = {
        f"session {int(name[:2])}": (ROOT / f"notebooks/{name}.ipynb").read_text("utf-8") for name in SESSIONS
    }
    questions = (BOOK / "open_questions.md").read_text(encoding="utf-8")
    bibliography = (BOOK / "references.bib").read_text(encoding="utf-8")
    for entry in re.split(r"^@", bibliography, flags=re.M)[1:]:
        key, place = re.search(r"\{([^,]+),.*keywords = \{([^}]+)\}", entry, re.S).groups()
        names = re.findall(r"^  (?:doi|eprint|url) = \{(?:https?://doi\.org/)?([^}]+)\}", entry, re.M)
        found = [
            session for session, page in pages.items() if any(name.lower() in page.lower() for name in names)
        ]
        found += ["open questions"] if re.search(rf"[`,]{key}[`,]", questions) else []
        assert found[:1] == [place], key


def test_every_module_is_in_the_reference():
    text = "".join(path.read_text(encoding="utf-8") for path in (BOOK / "api").glob("*.md"))
    modules = re.findall(r"automodule:: tutorial_utils\.([\w.]+)", text)
    assert len(modules) == len(set(modules))
    named = {module.split(".")[0] for module in modules}
    hooks = {"book_renderer", "lab_server", "extras"}  # called by programs, not by readers
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
