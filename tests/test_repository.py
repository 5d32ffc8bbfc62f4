"""The public address stands in one place, and everything that shows it is derived from there."""

import ast
import json
import re
import sys
import tomllib

import pytest
import repository
import yaml
from IPython.core.inputtransformer2 import TransformerManager

NAME = "someone/course"
LINKS = ("use_repository_button", "use_issues_button", "use_edit_page_button")
READ = {path: path.read_text(encoding="utf-8") for path in repository.derived(None)}


def test_everything_derived_is_up_to_date():
    for path, text in repository.derived(repository.address()).items():
        assert text == READ[path], f"{path.name}: make repository"


def test_nothing_else_holds_the_address():
    """An address that is not set must not be shown; one that is set stands only where it can be changed."""
    known = {repository.ROOT / "pyproject.toml", *READ}
    pages = [
        *repository.ROOT.glob("*.md"),
        *repository.ROOT.glob("book/*.md"),
        *repository.ROOT.glob("*.yml"),
    ]
    for path in set(pages) - known:
        assert not re.search(r"colab\.research|mybinder\.org/v2", path.read_text(encoding="utf-8")), path.name


def test_the_address_is_kept_in_pyproject_and_can_be_changed():
    settings = (repository.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    without = repository.project(settings, None)
    once = repository.project(without, NAME)
    assert tomllib.loads(once)["project"]["urls"] == {"Repository": f"https://github.com/{NAME}"}
    assert repository.project(repository.project(once, "other/place"), NAME) == once
    assert repository.project(once, None) == without
    assert tomllib.loads(once)["project"]["scripts"] == tomllib.loads(settings)["project"]["scripts"]


@pytest.mark.parametrize(
    ("file", "derive"),
    [
        ("README.md", repository.readme),
        ("_config.yml", repository.config),
        ("CITATION.cff", repository.citation),
    ],
)
def test_each_file_takes_the_address_and_gives_it_back(file, derive):
    text = (repository.ROOT / file).read_text(encoding="utf-8")
    without, with_it = derive(text, None), derive(text, NAME)
    assert NAME not in without
    assert NAME in with_it
    assert derive(with_it, NAME) == with_it
    assert derive(with_it, None) == without


def test_without_an_address_there_are_no_badges_and_no_buttons():
    assert "badge" not in repository.readme(READ[repository.ROOT / "README.md"], None).replace("badges", "")
    settings = yaml.safe_load(repository.config(READ[repository.ROOT / "_config.yml"], None))
    assert settings["launch_buttons"] == {"thebe": False}
    assert settings["repository"]["url"] == ""
    assert not any(settings["html"][button] for button in LINKS)


def test_with_an_address_the_book_opens_colab_and_binder_and_leads_to_its_sources():
    settings = yaml.safe_load(repository.config(READ[repository.ROOT / "_config.yml"], NAME))
    assert settings["repository"] == {"url": f"https://github.com/{NAME}", "branch": "main"}
    assert set(settings["launch_buttons"]) == {"thebe", "colab_url", "binderhub_url"}
    assert all(settings["html"][button] for button in LINKS)


def lesson() -> str:
    setup = "course = notebook.setup(session=3)"
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# A\n", "<!-- badges --><!-- /badges -->"]},
        {"cell_type": "code", "metadata": {"tags": ["setup"]}, "source": [setup], "outputs": []},
        {"cell_type": "code", "metadata": {}, "source": ["setup(session=4)"], "outputs": []},
    ]
    return json.dumps({"cells": cells})


def sources(text: str) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(text)["cells"]]


def test_without_an_address_the_set_up_cell_says_what_to_do():
    box, setup, other = sources(repository.notebook(lesson(), None, "notebooks/03_a.ipynb"))
    assert box == "# A\n<!-- badges --><!-- /badges -->"
    assert "run `make lab` in the course's folder" in setup
    assert setup.endswith("course = notebook.setup(session=3)")
    assert "pip" not in setup
    assert other == "setup(session=4)"


def test_with_an_address_the_set_up_cell_installs_but_keeps_torch_and_numpy():
    box, setup, _ = sources(repository.notebook(lesson(), NAME, "notebooks/03_a.ipynb"))
    assert f"https://colab.research.google.com/github/{NAME}/blob/main/notebooks/03_a.ipynb" in box
    assert f"https://mybinder.org/v2/gh/{NAME}/main?labpath=notebooks%2F03_a.ipynb" in box
    assert max(len(line) for line in setup.splitlines()) <= 80
    plain = TransformerManager().transform_cell(setup)  # as a kernel reads it
    install = re.sub(r"\s+", " ", next(line for line in plain.splitlines() if "pip" in line))
    assert f'--constraint kept.txt "tutorial-utils[md,dft] @ git+https://github.com/{NAME}"' in install
    assert '("torch", "numpy")' in setup
    assert setup.endswith("course = notebook.setup(session=3)")
    ast.parse(plain)


def run(monkeypatch, tmp_path, name):
    """Run the command with `name` on a copy of what it writes."""
    monkeypatch.setattr(repository, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["repository.py", name])
    repository.main()
    return {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir() if path.is_file()}


def test_the_command_sets_the_address_and_takes_it_away(monkeypatch, tmp_path):
    for file in ("pyproject.toml", "README.md", "_config.yml", "CITATION.cff"):
        (tmp_path / file).write_bytes((repository.ROOT / file).read_bytes())
    without = run(monkeypatch, tmp_path, "none")
    assert NAME not in "".join(without.values())
    assert all(NAME in text for text in run(monkeypatch, tmp_path, NAME).values())
    assert run(monkeypatch, tmp_path, "none") == without
    with pytest.raises(SystemExit, match="owner/name"):
        run(monkeypatch, tmp_path, "someone")


def test_a_notebook_takes_the_address_and_gives_it_back():
    without = repository.notebook(lesson(), None, "notebooks/03_a.ipynb")
    with_it = repository.notebook(without, NAME, "notebooks/03_a.ipynb")
    assert repository.notebook(with_it, NAME, "notebooks/03_a.ipynb") == with_it
    assert json.loads(repository.notebook(with_it, None, "notebooks/03_a.ipynb")) == json.loads(without)


@pytest.mark.parametrize(
    "path", [path for path in READ if path.suffix == ".ipynb"], ids=lambda path: path.stem
)
def test_every_notebook_installs_the_course_where_it_is_opened(path):
    code = [cell for cell in json.loads(READ[path])["cells"] if cell["cell_type"] == "code"]
    assert code[0]["metadata"].get("tags") == ["setup"]
    assert NAME in repository.notebook(READ[path], NAME, path.name)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/someone/course.git", NAME),
        ("git@github.com:someone/course.git", NAME),
        ("ssh://git@github.com/someone/course", NAME),
        ("https://example.org/someone/course", None),
        ("/somewhere/course", None),
    ],
)
def test_the_origin_counts_if_it_is_on_github(monkeypatch, url, name):
    class Done:
        stdout = url + "\n"

    monkeypatch.setattr(repository.subprocess, "run", lambda *_, **__: Done)
    assert repository.origin() == name
