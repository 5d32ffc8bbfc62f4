"""The engine of the exercises: whatever a learner hands in, a verdict comes back that helps."""

import functools
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType

import numpy as np
import pytest
import torch
from ase.build import molecule

from tutorial_utils import exercises
from tutorial_utils.exercises import engine
from tutorial_utils.exercises.engine import exercise, require, verdict
from tutorial_utils.exercises.reading import Wrong
from tutorial_utils.exercises.verdict import KINDS, Verdict
from tutorial_utils.exercises.watching import alike, numbers_in
from tutorial_utils.graphs import to_graph
from tutorial_utils.symmetry import equivariance_report

SESSION = "tutorial_utils.exercises.session_99"


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A session 99 with one exercise, which asks for a function that doubles; gone after the test."""
    monkeypatch.setitem(sys.modules, SESSION, ModuleType(SESSION))
    monkeypatch.setattr(engine, "_REGISTER", {})
    monkeypatch.setattr(engine, "_HINTS_GIVEN", {})

    @exercise("99.1", title="Double it", hint=["What is twice 2?", "Add it to itself."])
    def double(answer) -> str:
        found = answer(torch.tensor(2.0))
        if abs(found - 4) > 1e-10:
            raise Wrong(
                f"doubling fails: f(2) = {found:g}, expected 4. Suspect a square or <nothing> at all."
            )
        return "Twice as good."

    yield


def test_a_right_answer_is_praised() -> None:
    assert verdict("99.1", lambda x: 2 * x) == Verdict("correct", "99.1 Double it", "Twice as good.")


def test_a_wrong_answer_learns_why() -> None:
    found = verdict("99.1", lambda x: x)
    assert found.kind == "wrong"
    assert "f(2) = 2, expected 4" in found.text


def test_check_and_hint_show_and_return_nothing(capsys: pytest.CaptureFixture) -> None:
    assert exercises.check("99.1", lambda x: x + x) is None
    assert capsys.readouterr().out == "✔ Correct — 99.1 Double it\nTwice as good.\n"
    assert exercises.hint("99.1") is None
    assert "What is twice 2?" in capsys.readouterr().out


@pytest.mark.parametrize(
    "nan", [float("nan"), np.float32("nan"), np.array(np.nan), torch.tensor(float("nan"))], ids=type
)
def test_nan_passes_no_check(nan) -> None:
    """`error > tolerance` is false for NaN, so this judge alone would praise it."""
    for answer in (lambda x: nan, lambda x: nan if (x > 0).all() else x):
        found = verdict("99.1", answer)
        assert found.kind == "wrong" and "NaN" in found.text


def test_where_nan_may_be_right_it_is_not_blamed_for_an_error() -> None:
    @exercise("99.4", title="Nothing to find", hint="nan", nan=True)
    def nothing(answer) -> str:
        answer(0)
        return str(answer(1))

    assert verdict("99.4", lambda x: float("nan")).kind == "correct"
    broken = verdict("99.4", lambda x: {}["key"] if x else float("nan"))
    assert broken.kind == "error" and "NaN" not in broken.text


def test_nan_is_named_where_a_judge_breaks_on_it_and_found_inside_answers() -> None:
    @exercise("99.2", title="Diagonalise", hint="eigh")
    def diagonalise(answer) -> str:
        torch.linalg.eigvalsh(torch.as_tensor(answer["matrix"] if isinstance(answer, dict) else answer()))
        return "Done."

    nan = torch.full((3, 3), torch.nan)
    for broken in (lambda: nan, {"matrix": nan}, {"matrix": torch.eye(3), "other": [1.0, (np.nan,)]}):
        found = verdict("99.2", broken)
        assert found.kind == "wrong" and "NaN" in found.text
    for sound in (lambda: torch.eye(3), {"matrix": torch.eye(3), "other": [1, "nan", None, float("inf")]}):
        assert verdict("99.2", sound).kind == "correct"


# --- stubs ---


def stub(x): ...


def stub_with_docstring(x):
    """Return twice x."""


def stub_returning_ellipsis(x):
    return ...


class StubModule(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, x): ...


def half_done(x):
    factor = ...
    return factor * x


STUBS = [
    ...,
    (1, ...),
    {"a": ...},
    [stub],
    stub,
    stub_with_docstring,
    stub_returning_ellipsis,
    StubModule,
    half_done,
    lambda x: ...,
]


@pytest.mark.parametrize("answer", STUBS)
def test_untouched_stubs_are_not_attempted_yet(answer) -> None:
    found = verdict("99.1", answer)
    assert found.kind == "untouched"
    assert "Not attempted yet" in repr(found)


def ellipsis_as_index(x):
    return 2 * x[..., None].sum()


@pytest.mark.parametrize("answer", [ellipsis_as_index, lambda x: 4.0])
def test_answers_are_not_taken_for_stubs(answer) -> None:
    assert verdict("99.1", answer).kind == "correct"


# --- answers that break ---


def learner_divides(x):
    return x / np.array("two")


def learner_asks_the_standard_library(x):
    return json.loads("}")


def learner_exits(x):
    sys.exit(3)


def learner_recurses(x):
    return learner_recurses(x)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def learner_is_unprintable(x):
    raise Unprintable


class Hostile:
    def __call__(self, x):
        raise ValueError("I am hostile")

    def __repr__(self) -> str:
        raise RuntimeError("no words")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not comparable")

    __hash__ = None


BROKEN = [learner_divides, learner_exits, learner_recurses, learner_is_unprintable, Hostile()]
WRONG_TYPES = [
    None,
    "4",
    4,
    np.zeros(3),
    torch.zeros(3),
    [],
    {},
    object(),
    np.array([None]),
]


def test_a_function_that_returns_nothing_is_told_so() -> None:
    assert "Suspect a missing return" in verdict("99.1", lambda x: {}.get(x)).text
    assert "put return in the place of print" in verdict("99.1", lambda x: print(x)).text


def test_not_implemented_is_not_attempted() -> None:
    def later(x):
        raise NotImplementedError("soon")

    assert verdict("99.1", later).kind == "untouched"


def test_a_function_is_not_what_it_returns_nor_a_class() -> None:
    @exercise("99.5", title="A function", hint="f")
    def wants_a_function(answer: Callable[[int], int]) -> str:
        return str(answer(1))

    @exercise("99.6", title="A list", hint="[]")
    def wants_a_list(answer: Sequence[int]) -> str:
        return str(answer[0])

    assert 'itself, check("99.5"' in verdict("99.5", 2.0).text
    assert 'check("99.5", Hostile())' in verdict("99.5", Hostile).text
    assert "what your function returns" in verdict("99.6", lambda: [1]).text
    for right in (abs, functools.partial(max, 0), lambda n, *, more=0: n + more):
        assert verdict("99.5", right).kind == "correct"


def test_arguments_may_be_by_keyword_only_but_not_too_few() -> None:
    @exercise("99.7", title="A difference", hint="-")
    def difference(answer: Callable[[int, int], int]) -> str:
        if answer(5, 3) != 2:
            raise Wrong("Suspect the order.")
        return "Right."

    for right in (lambda a, *, b: a - b, lambda *, a, b: a - b, lambda *both: both[0] - both[1]):
        assert verdict("99.7", right).kind == "correct"
    for wrong in (lambda a: a, lambda a, b, c: a - b):
        assert "hands your function 2 arguments" in verdict("99.7", wrong).text


def test_objects_that_are_called_are_watched_as_functions_are() -> None:
    class Spoils:
        def __call__(self, x):
            return x.mul_(2)

    assert "changes its argument" in verdict("99.1", Spoils()).text


@pytest.mark.parametrize("answer", BROKEN, ids=lambda answer: type(answer).__name__)
def test_broken_answers_become_verdicts(answer, capsys: pytest.CaptureFixture) -> None:
    assert verdict("99.1", answer).kind == "error"
    exercises.check("99.1", answer)
    assert "Your answer raised an error" in capsys.readouterr().out


def test_the_learners_line_is_quoted() -> None:
    assert 'in your line: return json.loads("}")' in verdict("99.1", learner_asks_the_standard_library).text
    assert 'x / np.array("two")' in verdict("99.1", learner_divides).text


@pytest.mark.parametrize("answer", WRONG_TYPES, ids=lambda answer: type(answer).__name__)
def test_wrong_types_become_verdicts(answer) -> None:
    found = verdict("99.1", answer)
    assert found.kind == "error"
    assert "kind that was asked for" in found.text


def test_an_interruption_is_the_learners_own() -> None:
    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verdict("99.1", interrupted)


def test_a_check_leaves_random_numbers_alone() -> None:
    def draws(x):
        return 4 + 0 * torch.rand(())

    torch.manual_seed(5)
    expected = torch.rand(())
    torch.manual_seed(5)
    assert verdict("99.1", draws).kind == "correct"
    assert torch.rand(()) == expected


# --- which exercise ---


@pytest.mark.parametrize(
    ("id", "text"),
    [
        ("99.7", "Session 99 has no exercise 99.7. It has: 99.1."),
        ("98.1", "Session 98 has no exercise 98.1. It has: none."),
        ("dipole", 'as in check("1.2", answer)'),
        (99.1, 'as in check("1.2", answer)'),
        (None, 'as in check("1.2", answer)'),
    ],
)
def test_unknown_exercises_are_answered(id, text: str, capsys: pytest.CaptureFixture) -> None:
    exercises.check(id, 1)
    exercises.hint(id)
    assert capsys.readouterr().out.count(text) == 2


def test_one_id_one_judge() -> None:
    with pytest.raises(ValueError, match=r"exercise 99.1 is already judged by .*double"):

        @exercise("99.1", title="Another", hint="none")
        def another(answer) -> str:
            return ""


def test_reloading_a_session_replaces_its_exercises() -> None:
    for title in ("old", "new"):

        @exercise("99.2", title=title, hint="none")
        def same_name(answer) -> str:
            return ""

    assert [str(known) for known in engine.of_session(99)] == ["99.1 Double it", "99.2 new"]


def test_a_broken_session_module_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing library inside session_97 must not read as "session 97 has no exercises"."""

    def fails(name: str) -> None:
        raise ModuleNotFoundError("No module named 'spam'", name="spam")

    monkeypatch.setattr("importlib.import_module", fails)
    with pytest.raises(ModuleNotFoundError, match="spam"):
        engine.of_session(97)


def test_hints_come_one_by_one(capsys: pytest.CaptureFixture) -> None:
    for expected in ("What is twice 2?", "Add it to itself.", "Add it to itself."):
        exercises.hint("99.1")
        assert expected in capsys.readouterr().out


# --- reports become messages ---


def test_a_failed_report_names_law_irrep_and_size() -> None:
    x = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    require(equivariance_report(lambda v: 2 * v, x, "1o", irreps_in="1o"))
    with pytest.raises(Wrong, match=r"rotation fails for 1o, relative error \d\.\de[-+]\d\d\. \w+"):
        require(equivariance_report(torch.relu, x, "1o", irreps_in="1o"))
    with pytest.raises(Wrong, match="vacuously for 1o"):
        require(equivariance_report(torch.zeros_like, x, "1o", irreps_in="1o"))


# --- how it looks ---


def test_html_is_escaped_and_says_its_kind_in_words() -> None:
    html = verdict("99.1", lambda x: x)._repr_html_()
    assert "&lt;nothing&gt;" in html
    assert "Not yet" in html


@pytest.mark.parametrize("kind", KINDS)
def test_badges_are_readable(kind: str) -> None:
    """White on the badge has the contrast 4.5 that WCAG AA asks for."""
    word, icon, colour = KINDS[kind]
    channels = [int(value, 16) / 255 for value in re.findall("..", colour[1:])]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = np.dot([0.2126, 0.7152, 0.0722], linear)
    assert 1.05 / (luminance + 0.05) >= 4.5
    assert word
    assert icon


# --- arguments ---


def test_an_answer_may_not_change_what_it_is_given() -> None:
    def moves(thing) -> None:
        thing.positions += 1.0

    def turns(thing) -> None:
        thing.pos = -thing.pos

    def loses(thing) -> None:
        thing.pop()

    def there_and_back(thing) -> None:
        thing += 0.1
        thing -= 0.1

    atoms = molecule("H2O")
    for spoil, thing in (
        (torch.Tensor.zero_, torch.ones(3)),
        (np.ndarray.sort, np.array([2.0, 1.0])),
        (moves, atoms),
        (turns, to_graph(atoms, 3.0)),
        (loses, [1, 2]),
        (there_and_back, np.array([np.nan, 0.3])),
    ):
        exercise("99.3", title="Look at it", hint="Do not touch.", none=True)(_handing(thing))
        before = numbers_in(thing)
        found = verdict("99.3", lambda thing, spoil=spoil: spoil(thing))
        assert (found.kind == "correct") == (spoil is there_and_back)
        assert spoil is there_and_back or "changes its argument" in found.text
        assert spoil is loses or alike(before, numbers_in(thing))  # put back, for the next try


def _handing(thing):
    """A judge that hands one thing over and is content."""

    def judge(answer) -> str:
        answer(thing)
        return "Seen."

    return judge
