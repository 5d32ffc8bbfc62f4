"""Image, hub, Binder, Colab, workflows: what can be said about them without running them."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import everywhere
import execute
import kit
import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from trials import Failed, Result, colab, sessions

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
BINDER_GB = 2.0
GENERATED = {"runs"}


def pin() -> str:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith("torch=="))


# ---- the image


def test_the_dockerfile_is_clean():
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == ""
    assert done.returncode == 0


def instructions() -> list[str]:
    """Return the Dockerfile's instructions, each on one line."""
    lines = [line for line in DOCKERFILE.splitlines() if not line.startswith("#")]
    return [line for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines() if line]


def copied() -> list[str]:
    found = [line.split()[1:-1] for line in instructions() if line.startswith("COPY ")]
    return [name for names in found for name in names if not name.startswith("--")]


def in_context(name: str) -> bool:
    """Whether .dockerignore lets a file or folder into the build: the last line that matches decides."""
    allowed = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and fnmatch(name, pattern):
            allowed = line.startswith("!")
    return allowed


def test_every_file_that_the_image_copies_is_there_and_in_the_context():
    assert len(copied()) > 5
    for name in copied():
        assert (ROOT / name).exists(), name
        assert in_context(name), name
    assert not in_context(".git")
    assert not in_context("_build/html/index.html")


def test_the_image_works_as_a_user_and_torch_comes_before_the_sources():
    lines = instructions()
    users = [line for line in lines if line.startswith("USER ")]
    assert users == ["USER 1000"]
    torch, sources = (
        next(i for i, line in enumerate(lines) if mark in line) for mark in ("TORCH:-", "COPY src")
    )
    assert torch < sources
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    assert lines[-1].startswith("CMD")


def test_the_torch_that_is_named_in_words_is_the_pinned_one():
    for text in (DOCKERFILE, (ROOT / "book/anywhere.md").read_text(encoding="utf-8")):
        assert set(re.findall(r"torch==[\d.]+", text)) == {pin()}


# ---- Colab and Binder


def imported(path: Path) -> set[str]:
    """Return the top-level names that a notebook imports, without Python's own."""
    code = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    names = set()
    for node in ast.walk(ast.parse(re.sub(r"^\s*%.*$", "pass", "\n".join(code), flags=re.M))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - {"tutorial_utils", "IPython"}  # the kernel is IPython


def installed_by_the_first_cell() -> set[str]:
    """Return what `pip install tutorial-utils[md,dft]` asks for, and what that always needs itself."""
    extras = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *extras["md"], *extras["dft"]]
    asked = {Requirement(line).name.lower() for line in lines}
    needed = [Requirement(line) for name in asked for line in metadata.requires(name) or ()]
    return asked | {
        each.name.lower() for each in needed if not each.marker or each.marker.evaluate({"extra": ""})
    }


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_imports_only_what_its_first_cell_installs(path):
    owners = metadata.packages_distributions()
    for name in imported(path):
        names = {owner.lower() for owner in owners.get(name, [name])}
        assert names & installed_by_the_first_cell(), (
            f"{path.name}: nothing installs {name} in Colab and on Binder"
        )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_fits_into_binders_memory(path):
    measured = json.loads(path.read_text(encoding="utf-8"))["metadata"]["course"]["measured"]
    assert 0 < measured["memory_gb"] < BINDER_GB


def test_colabs_versions_lie_within_the_ranges_of_the_course():
    ranges = {Requirement(line).name: Requirement(line).specifier for line in PROJECT["dependencies"]}
    given = dict(line.split("==") for line in colab.VERSIONS if "==" in line and "*" not in line)
    for name in given.keys() & ranges.keys():
        assert ranges[name].contains(given[name]), name
    assert {"torch", "numpy"} <= set(colab.KEPT)


# ---- running notebooks elsewhere


def notebook(*outputs: dict) -> nbformat.NotebookNode:
    cell = nbformat.v4.new_code_cell("x", outputs=[nbformat.from_dict(output) for output in outputs])
    return nbformat.v4.new_notebook(cells=[cell])


FIGURE = {"output_type": "display_data", "data": {"text/html": "a"}, "metadata": {}}
WORDS = {"output_type": "stream", "name": "stdout", "text": "a"}
WARNING = {"output_type": "stream", "name": "stderr", "text": "a"}


def test_a_figure_that_stays_empty_is_found():
    assert execute.silent(notebook(FIGURE), notebook(WORDS)) == ["x"]
    assert execute.silent(notebook(WORDS), notebook(WARNING)) == ["x"]
    assert execute.silent(notebook(WORDS, FIGURE), notebook(WARNING, FIGURE, WORDS)) == []


def test_a_notebook_with_a_problem_fails_its_trial():
    good = {"notebook": "01_a", "seconds": 3, "python": "3.12.1", "torch": "2.6.0", "problem": None}
    assert sessions([good])[-1] == Result("01_a", 3, "s")
    with pytest.raises(Failed, match="01_a: it broke"):
        sessions([{**good, "problem": "it broke"}])


def test_a_notebook_is_run_and_a_broken_one_is_told(tmp_path):
    for name, source in {"good": "print(1)", "bad": "1 / 0"}.items():
        book = notebook(*([WORDS] if name == "good" else []))
        book.cells[0].source = source
        nbformat.write(book, tmp_path / f"{name}.ipynb")
    assert execute.execute(tmp_path / "good.ipynb")["problem"] is None
    assert "ZeroDivisionError" in execute.execute(tmp_path / "bad.ipynb")["problem"]


# ---- the table of runs


def test_the_books_table_holds_the_recorded_runs_and_nothing_else():
    text = everywhere.PAGE.read_text(encoding="utf-8")
    assert everywhere.with_tables(text) == text, "type: python tools/everywhere.py --table"


def test_a_run_becomes_a_row(tmp_path, monkeypatch):
    monkeypatch.setattr(everywhere, "RUNS", tmp_path)
    everywhere.store("here", "a room", "a machine", [Result("session 1", 12, "s"), Result("device", "a GPU")])
    (line,) = everywhere.table().splitlines()[2:]
    assert line.startswith("| a room | ")
    assert "| a machine | " in line
    assert "session 1: 12 s<br>device: a GPU |" in line


def test_a_run_on_a_gpu_stands_beside_that_on_cpus(tmp_path, monkeypatch):
    monkeypatch.setattr(everywhere, "RUNS", tmp_path)
    assert everywhere.sessions_table().count("| not run |") == len(NOTEBOOKS)
    everywhere.store(
        "gpu", "GPU", "a machine", [Result("device", "a GPU"), Result(NOTEBOOKS[0].stem, 7, "s")]
    )
    rows = everywhere.sessions_table().splitlines()[2:]
    assert rows[0].endswith("| 7 s |")
    assert all(row.endswith("| not run |") for row in rows[1:])


def test_every_record_belongs_to_a_trial():
    assert {path.stem for path in everywhere.RUNS.glob("*.json")} <= set(everywhere.TRIALS)
    for name in everywhere.TRIALS:
        assert (ROOT / f"tools/trials/{name}.py").is_file()


# ---- the hub


def settings() -> dict:
    return yaml.safe_load((ROOT / "deploy/kubernetes.yaml").read_text(encoding="utf-8"))


def test_the_clusters_values_hold_what_a_workshop_needs():
    values = settings()
    assert set(values) <= {"hub", "proxy", "singleuser", "prePuller", "scheduling", "cull", "ingress"}
    profiles = {profile["slug"]: profile for profile in values["singleuser"]["profileList"]}
    assert profiles["cpu"]["default"]
    assert profiles["gpu"]["kubespawner_override"]["extra_resource_limits"] == {"nvidia.com/gpu": "1"}
    assert values["prePuller"]["hook"]["enabled"]
    assert values["prePuller"]["continuous"]["enabled"]
    assert values["scheduling"]["userPlaceholder"]["replicas"] > 0
    assert values["scheduling"]["podPriority"]["enabled"]  # without it placeholders are never pushed out
    assert values["cull"]["enabled"]
    assert values["hub"]["concurrentSpawnLimit"] >= values["hub"]["activeServerLimit"] > 0
    assert "DummyAuthenticator" not in values["hub"]["config"]  # no password in the repository


def gigabytes(text: str) -> float:
    return float(re.fullmatch(r"([\d.]+)G", text)[1])


def test_a_seat_on_the_cluster_holds_every_notebook():
    values = settings()
    largest = max(
        json.loads(path.read_text(encoding="utf-8"))["metadata"]["course"]["measured"]["memory_gb"]
        for path in NOTEBOOKS
    )
    assert gigabytes(values["singleuser"]["memory"]["limit"]) > largest + 0.5
    assert values["singleuser"]["image"]["tag"] == PROJECT["version"]
    quota = yaml.safe_load((ROOT / "deploy/quota.yaml").read_text(encoding="utf-8"))["spec"]["hard"]
    seats = values["hub"]["activeServerLimit"]
    assert gigabytes(quota["limits.memory"]) >= seats * gigabytes(values["singleuser"]["memory"]["limit"])
    assert int(quota["requests.cpu"]) >= seats * values["singleuser"]["cpu"]["guarantee"]
    assert int(quota["persistentvolumeclaims"]) >= seats


def test_a_home_on_a_volume_is_where_the_image_has_its_user():
    assert "useradd --create-home --uid 1000" in DOCKERFILE
    assert settings()["singleuser"]["storage"]["homeMountPath"] == "/home/learner"
    assert 'cp -r "$COURSE/notebooks"' in (ROOT / "deploy/start.sh").read_text()


def test_the_entry_point_brings_the_notebooks_once(tmp_path):
    course, home, programs = tmp_path / "course", tmp_path / "home", tmp_path / "bin"
    for folder in (course / "notebooks", home, programs):
        folder.mkdir(parents=True)
    (course / "notebooks/01_a.ipynb").write_text("new")
    (programs / "jupyter").write_text("#!/bin/sh\n")
    (programs / "jupyter").chmod(0o755)
    command = [ROOT / "deploy/start.sh", "cat", "notebooks/01_a.ipynb"]
    variables = {"HOME": str(home), "COURSE": str(course), "PATH": f"{programs}:/usr/bin:/bin"}

    def start() -> str:
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout

    assert start() == "new"
    (home / "notebooks/01_a.ipynb").write_text("mine")
    assert start() == "mine"  # a learner's own work is never written over


# ---- the kit


def test_checksums_are_those_that_sha256sum_reads(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b.txt").write_text("c")
    (tmp_path / "SHA256SUMS").write_text(kit.checksums(tmp_path))
    check = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=tmp_path).returncode == 0
    (tmp_path / "a/b.txt").write_text("d")
    assert subprocess.run(check, cwd=tmp_path, capture_output=True).returncode == 1


def test_the_installer_knows_the_python_of_its_wheels():
    text = kit.install_script((ROOT / "deploy/install.sh").read_text(encoding="utf-8"))
    assert "@" not in re.sub(r'"\$@"', "", text)
    assert f"python{sys.version_info.major}.{sys.version_info.minor}" in text
    assert "--no-index" in text


# ---- workflows


def workflows() -> dict[str, dict]:
    return {
        path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in (ROOT / ".github/workflows").glob("*.yml")
    }


def test_workflows_call_make_targets_that_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    called = set()
    for content in workflows().values():
        for job in content["jobs"].values():
            for step in job["steps"]:
                called |= set(re.findall(r"\bmake ([a-z-]+)", step.get("run", "")))
    assert {"test", "book"} <= called <= targets


def test_the_test_workflow_covers_the_range_of_pythons_and_torches():
    strategy = workflows()["test"]["jobs"]["versions"]["strategy"]["matrix"]["include"]
    assert {row["python"] for row in strategy} == {"3.11", "3.12", "3.13"}
    (wanted,) = [Requirement(line) for line in PROJECT["dependencies"] if line.startswith("torch>")]
    oldest = str(wanted.specifier).removeprefix(">=")
    assert {row["torch"] for row in strategy} >= {f"torch=={oldest}.*", "torch"}


# ---- the instructor's plan


def plans() -> dict[int, list[tuple[str, str]]]:
    text = (ROOT / "book/instructor.md").read_text(encoding="utf-8")
    found = {}
    for part in re.split(r"^### Session ", text, flags=re.M)[1:]:
        rows = re.findall(r"^\| (\d+–\d+) \| (.*?) \|", part.split("\n## ")[0], re.M)
        found[int(part.split()[0])] = rows
    return found


def test_every_hour_is_planned_to_the_minute():
    assert sorted(plans()) == sorted(int(path.stem[:2]) for path in NOTEBOOKS)
    for number, rows in plans().items():
        times = [tuple(map(int, minutes.split("–"))) for minutes, _ in rows]
        assert times[0][0] == 0
        assert times[-1][1] == 60
        assert all(before[1] == after[0] for before, after in pairwise(times)), number


def test_the_sections_of_a_plan_exist():
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        prose = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        there = set(re.findall(r"^## (\d+) ·", prose, re.M))
        named = {n for _, part in plans()[int(path.stem[:2])] if part[0].isdigit() for n in part.split(", ")}
        assert named <= there, path.name


def test_the_instructors_day_is_that_of_the_syllabus():
    row = r"^\| (\d+:\d\d) \|"
    day = (ROOT / "book/instructor.md").read_text(encoding="utf-8")
    assert re.findall(row, day, re.M) == re.findall(row, (ROOT / "book/syllabus.md").read_text(), re.M)
