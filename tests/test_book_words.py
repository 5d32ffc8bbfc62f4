"""What the pages say about the sessions is so: places they link to, terms they explain, numbers they name."""

import json
import re
import sys
from pathlib import Path

import notebook_rules as rules
import pytest
import torch

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"
NOTEBOOKS = {int(path.stem[:2]): path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
CONTENT = {number: json.loads(path.read_text(encoding="utf-8")) for number, path in NOTEBOOKS.items()}
WORDS = {"two": 2, "three": 3, "four": 4, "five": 5}


def prose(content: dict) -> str:
    cells = [cell for cell in content["cells"] if cell["cell_type"] == "markdown"]
    return "\n\n".join("".join(cell["source"]) for cell in cells)


PROSE = {number: prose(content) for number, content in CONTENT.items()}
SECTIONS = {
    number: {int(n): text for n, text in re.findall(r"^## (\d+) · (.*?)(?=^## |\Z)", page, re.M | re.S)}
    for number, page in PROSE.items()
}
PAGES = {path.name: path.read_text(encoding="utf-8") for path in BOOK.glob("*.md")}
PAGES |= {NOTEBOOKS[number].name: page for number, page in PROSE.items()}
LINK = re.compile(r"\[([^]\[]+)\]\((?:\.\./notebooks/)?(\d\d)_\w+\.ipynb#([a-z]+)-([\d-]+)\)")


def mistaken(page: str) -> list[str]:
    """Return the deep links of a page whose words and address differ, or that lead to no section."""
    found = []
    for words, session, kind, place in LINK.findall(page):
        number = int(session)
        if kind == "figure":  # tests/browser/test_links.py knows whether it is there
            good = words == f"figure {number}.{place}"
        elif kind == "exercise":
            good = words == f"exercise {place.replace('-', '.')}" and words.capitalize() in PROSE[number]
        else:
            named = re.fullmatch(rf"session {number}, sections? (\d+)(?: and \d+)?", words, re.I)
            good = bool(named) and named[1] == place and int(place) in SECTIONS[number]
        if not good:
            found.append(f"[{words}] {session}#{kind}-{place}")
    return found


@pytest.mark.parametrize("name", PAGES)
def test_a_link_into_a_session_leads_where_its_words_say(name):
    assert mistaken(PAGES[name]) == []


def figures(content: dict) -> list[int]:
    """Return the section of each figure of a notebook, in the order in which the book numbers them."""
    section, found = 0, []
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            headings = re.findall(r"^## (\d+) · ", "".join(cell["source"]), re.M)
            section = int(headings[-1]) if headings else section
        for output in cell.get("outputs", []):
            kinds = output.get("data", {})
            drawn = re.search(r"course-(structure|figure)", "".join(kinds.get("text/html", "")))
            found += [section] if drawn or "application/vnd.plotly.v1+json" in kinds else []
    return found


def test_a_figure_named_beside_a_section_stands_in_it():
    beside = re.compile(r"section (\d+)\]\([^)]*\) \(\[figure (\d+)\.(\d+)\]")
    named = [tuple(map(int, each)) for each in beside.findall("\n".join(PAGES.values()))]
    assert len(named) > 5
    for section, session, number in named:
        assert figures(CONTENT[session])[number - 1] == section, f"figure {session}.{number}"


@pytest.mark.parametrize(
    ("words", "anchor"),
    [
        ("session 2, section 3", "section-4"),
        ("session 3, section 4", "section-4"),
        ("session 2, section 99", "section-99"),
        ("exercise 2.9", "exercise-2-9"),
        ("figure 2.1", "figure-2"),
    ],
)
def test_a_mistaken_link_is_found(words, anchor):
    assert len(mistaken(f"[{words}](../notebooks/02_group_theory.ipynb#{anchor})")) == 1


def test_sessions_link_to_each_others_sections():
    assert all(LINK.search(page) for page in PROSE.values())


def test_the_section_behind_a_term_of_the_glossary_uses_the_term():
    entries = re.findall(r"^(\w.*)\n  (.*)$", PAGES["glossary.md"].split("```")[1], re.M)
    assert len(entries) > 90
    for term, text in entries:
        ((session, place),) = re.findall(r"\[Session (\d+), section (\d+)\]\([^)]*\)$", text)
        section = SECTIONS[int(session)][int(place)].lower()
        stems = [word[:5] for word in re.findall(r"\w{3,}", term.lower())] or [term]
        assert any(stem in section for stem in stems), f"{term}: not in section {place} of session {session}"


def test_each_open_question_has_works_a_place_in_the_course_and_a_next_step():
    opening, *questions = PAGES["open_questions.md"].split("\n## ")
    assert opening.split("\n\n")[1].startswith("Thirteen questions") and len(questions) == 13
    for text in questions:
        title, _, body = text.partition("\n")
        works = [work for group in re.findall(r"\{cite\}`([^`]+)`", body) for work in group.split(",")]
        assert len(set(works)) >= 2, title
        here = re.search(r"^\*Closest here:\* (.*)$", body, re.M)
        assert here and LINK.search(here[1]), title
        assert re.search(r"^\*Next:\* \w", body, re.M), title


# ---- README, set-up, CONTRIBUTING


def test_what_the_readme_says_about_time_and_memory_covers_every_session():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    minutes, memory = re.search(r"Each session runs in at most (\w+) minutes and (\d+) GB", readme).groups()
    measured = [content["metadata"]["course"]["measured"] for content in CONTENT.values()]
    assert max(each["seconds"] for each in measured) <= 60 * WORDS[minutes]
    assert max(each["memory_gb"] for each in measured) <= float(memory)


def test_the_disk_that_the_course_takes_is_the_stated_one():
    venv = ROOT / ".venv"
    if Path(sys.prefix) != venv or torch.version.cuda:
        pytest.skip("the page is about the environment of `make lab` with PyTorch's CPU build")
    taken = sum(512 * path.lstat().st_blocks for path in venv.rglob("*")) / 1e9
    assert float(re.search(r"(\d+) GB of disk", PAGES["setup.md"])[1]) == pytest.approx(taken, rel=0.25)


def test_what_is_said_to_be_counted_is_what_the_rules_count():
    low, high = rules.CELLS
    words = f"{low}–{high} cells, {rules.WORDS[0]:,}–{rules.WORDS[1]:,} words"
    rest = f"{rules.LONGEST_LINES} lines at most, {rules.MEMORY_GB} GB, {rules.SECONDS // 60} minutes"
    said = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert f"{words}, code cells of {rest}" in said


# ---- the instructor's plans


def plans() -> dict[int, str]:
    parts = re.split(r"^### Session ", PAGES["instructor.md"].split("\n(goals)=")[0], flags=re.M)[1:]
    return {int(part.split()[0]): part for part in parts}


@pytest.mark.parametrize("number", NOTEBOOKS)
def test_the_numbers_and_exercises_of_a_plan_are_those_of_the_notebook(number):
    everything = NOTEBOOKS[number].read_text(encoding="utf-8")
    say = re.sub(r"^\| \d+–\d+ \| .*? \|", "", plans()[number], flags=re.M)
    for told in re.findall(r"\d{2,}", say):
        assert re.search(rf"(?<!\d){told}(?!\d)", everything), f"{told} is not in the notebook"
    for exercise in re.findall(rf"\b{number}\.\d\b", plans()[number]):
        assert f"Exercise {exercise}" in PROSE[number]


@pytest.mark.parametrize("number", NOTEBOOKS)
def test_a_plan_goes_through_the_core_section_by_section_in_an_hour(number):
    rows = re.findall(r"^\| (\d+)–(\d+) \| ([^|]+) \|", plans()[number], re.M)
    begin, end = ([int(row[k]) for row in rows] for k in (0, 1))
    assert begin == [0, *end[:-1]] and end[-1] == 60 and begin == sorted(begin)
    *taught, _, _ = (row[2] for row in rows)  # then exercises, then the summary
    core = [
        n for n, text in SECTIONS[number].items() if not re.match("Going further|Failure gallery|Bring", text)
    ]
    assert [int(n) for each in taught for n in each.split(",")] == core
    for exercise, section in re.findall(r"(\d+\.\d+) \(section (\d+)\)", plans()[number]):
        assert f"Exercise {exercise} " in SECTIONS[number][int(section)]


@pytest.mark.parametrize("number", NOTEBOOKS)
def test_a_plan_leaves_time_for_exercises_and_says_what_to_skip(number):
    begin, end = map(int, re.search(r"^\| (\d+)–(\d+) \| exercises ", plans()[number], re.M).groups())
    assert "at least 15 of exercises" in PAGES["instructor.md"] and end - begin >= 15
    assert "**If behind at minute " in plans()[number]
