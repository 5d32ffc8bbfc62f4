"""`make test` says what failed, runs the rest all the same, and ends with the right exit code."""

import re
import sys

import pytest
import run_checks
from run_checks import Part

MAKEFILE = """
good: ; @echo '== 7 passed in 1s =='
bad: ; @echo 'the reason'; echo '2 failed'; exit 1
alone: ; @mkdir lock; sleep 0.3; rmdir lock
first: ; @for i in $$(seq 100); do [ -e met ] && exit 0; sleep 0.1; done; exit 1
second: ; @touch met
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run parts in a folder whose Makefile knows the targets above; returns (code, output)."""
    (tmp_path / "Makefile").write_text(MAKEFILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["run_checks.py", "--workers", "2"])

    def run_parts(*parts):
        monkeypatch.setattr(run_checks, "PARTS", parts)
        code = run_checks.main()
        return code, capsys.readouterr().out

    return run_parts


def test_all_passed(run):
    code, output = run(Part("good", fills=False), Part("alone", fills=True))
    assert code == 0
    assert "good: passed after" in output
    assert "7 passed in 1s" in output  # the part's own closing line
    assert output.endswith("2 passed, 0 failed\n")


def test_a_failure_shows_its_log_and_the_rest_runs(run):
    code, output = run(Part("bad", fills=False), Part("good", fills=True))
    assert code == 1
    assert "the reason" in output
    assert re.search(r"bad: FAILED after \d+ s · 2 failed\n", output)
    assert "good: passed" in output
    assert output.endswith("1 passed, 1 failed\n")


def test_what_needs_a_failed_part_is_not_run(run):
    code, output = run(Part("bad", fills=False), Part("good", fills=True, needs="bad"))
    assert code == 1
    assert "good: not run, it needs bad" in output
    assert output.endswith("0 passed, 2 failed\n")


def test_beside_a_part_that_fills_the_cores_none_is_started(run):
    # two of them at once would meet in the folder that each makes
    code, _ = run(Part("alone", fills=True), Part("alone", fills=True), Part("alone", fills=False))
    assert code == 0


def test_a_part_that_fills_the_cores_waits_for_no_smaller_one(run):
    code, _ = run(Part("first", fills=False), Part("second", fills=True))
    assert code == 0


def test_a_part_that_hangs_is_stopped(run, monkeypatch):
    monkeypatch.setattr(run_checks, "LIMIT", 0.2)
    code, output = run(Part("alone", fills=True))
    assert code == 1
    assert "alone: stopped after 0.2 s" in output


def test_the_parts_are_targets_of_the_makefile():
    text = (run_checks.Path(__file__).parents[1] / "Makefile").read_text()
    assert all(f"\n{part.name}:" in text for part in run_checks.PARTS)
