"""`setup` makes runs repeat themselves; `expect` holds live numbers to stored ones."""

import json
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from tutorial_utils import notebook
from tutorial_utils.exercises import engine
from tutorial_utils.exercises.engine import exercise


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave torch, and the exercises, as they were."""
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    monkeypatch.delenv("COURSE_RECORD", raising=False)
    monkeypatch.setattr(engine, "_REGISTER", {})
    monkeypatch.setitem(sys.modules, "tutorial_utils.exercises.session_99", ModuleType("session_99"))
    yield
    torch.set_default_dtype(dtype)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


@pytest.fixture
def expected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file of stored numbers of our own."""
    path = tmp_path / "expected.json"
    path.write_text(json.dumps({"99": {"force MAE": 0.0981234, "charge": -2.0}}))
    monkeypatch.setattr(notebook, "EXPECTED", path)
    return path


def test_setup_repeats_every_kind_of_random_number() -> None:
    def draw() -> tuple:
        notebook.setup(session=99)
        return random.random(), np.random.rand(), torch.rand(()).item()

    assert draw() == draw()


def test_a_page_without_exercises_needs_no_session(capsys: pytest.CaptureFixture) -> None:
    torch.set_default_dtype(torch.float32)
    notebook.setup()
    assert torch.get_default_dtype() == torch.float64
    assert "xercises" not in capsys.readouterr().out


def test_setup_brings_the_state_that_repeats() -> None:
    torch.set_default_dtype(torch.float32)
    course = notebook.setup(session=99)
    assert torch.get_default_dtype() == torch.float64
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()
    assert course.device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert "CUBLAS_WORKSPACE_CONFIG" in os.environ


def test_setup_lists_the_exercises(capsys: pytest.CaptureFixture) -> None:
    for id, title in (("99.1", "Turn a dipole"), ("99.2", "Mirror it"), ("98.1", "Not of this session")):
        exercise(id, title=title, hint="")(lambda answer: "")
    notebook.setup(session=99)
    out = capsys.readouterr().out
    assert out.startswith("Session 99 on ")
    assert out.endswith("Exercises: 2\n  ☐ 99.1 Turn a dipole\n  ☐ 99.2 Mirror it\n")


def course() -> notebook.Course:
    return notebook.Course(99, torch.device("cpu"))


@pytest.mark.parametrize("live", [0.0981234, 0.09, torch.tensor(0.107)])
def test_expect_prints_the_stored_number(expected: Path, live, capsys: pytest.CaptureFixture) -> None:
    course().expect("force MAE", live, rtol=0.1, unit="eV/Å")
    assert capsys.readouterr().out == "force MAE: 0.0981 eV/Å (live run within 10 %)\n"


def test_expect_of_a_negative_number_without_unit(expected: Path, capsys: pytest.CaptureFixture) -> None:
    course().expect("charge", -2.01, rtol=0.01)
    assert capsys.readouterr().out == "charge: -2 (live run within 1 %)\n"
    with pytest.raises(AssertionError, match=r"charge: live -2\.03"):
        course().expect("charge", -2.03, rtol=0.01)


@pytest.mark.parametrize("live", [0.0879, 0.1081, float("nan")])
def test_expect_refuses_what_lies_outside(expected: Path, live: float, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(
        AssertionError, match=r"live .* eV/Å, stored 0.09812 eV/Å, outside .* 0.08831 to 0.1079"
    ):
        course().expect("force MAE", live, rtol=0.1, unit="eV/Å")
    assert capsys.readouterr().out == ""


def test_a_number_never_stored_names_the_cure(expected: Path) -> None:
    with pytest.raises(
        LookupError, match=r"No number is stored for 'energy MAE' of session 99\. Run `make notebooks`"
    ):
        course().expect("energy MAE", 1.0, rtol=0.1)
    expected.unlink()
    with pytest.raises(LookupError, match="make notebooks"):
        course().expect("force MAE", 1.0, rtol=0.1)


def test_recording_stores_the_live_number(
    expected: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("COURSE_RECORD", "1")
    course().expect("force MAE", torch.tensor(0.2, dtype=torch.float64), rtol=0.1, unit="eV/Å")
    course().expect("new", 3.0, rtol=0.1)
    monkeypatch.delenv("COURSE_RECORD")
    course().expect("force MAE", 0.21, rtol=0.1, unit="eV/Å")
    first, _, again = capsys.readouterr().out.splitlines()
    assert first == again == "force MAE: 0.2 eV/Å (live run within 10 %)"
    assert json.loads(expected.read_text()) == {"99": {"charge": -2.0, "force MAE": 0.2, "new": 3.0}}
    assert list(expected.parent.iterdir()) == [expected]


def test_nonsense_is_not_recorded(expected: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_RECORD", "1")
    with pytest.raises(ValueError, match="live: new is nan"):
        course().expect("new", float("nan"), rtol=0.1)
