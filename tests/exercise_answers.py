"""The tests that each session's exercises pass, made from a table of right and one of wrong answers."""

import pytest

from tutorial_utils.exercises import engine


def exercise_tests(session: int, right: list[tuple], wrong: list[tuple]) -> type:
    """Test class of a session: `right` holds (id, answer), `wrong` (id, answer, part of the message).

    Give it a name that pytest finds: `TestAnswers = exercise_tests(2, RIGHT, WRONG)`.
    """
    exercises = engine.of_session(session)

    class Answers:
        @pytest.mark.parametrize(("id", "answer"), right)
        def test_correct_answers_pass(self, id, answer):
            verdict = engine.verdict(id, answer)
            assert verdict.kind == "correct", verdict.text

        @pytest.mark.parametrize(("id", "answer", "message"), wrong)
        def test_mistakes_get_their_own_message(self, id, answer, message):
            verdict = engine.verdict(id, answer)
            assert verdict.kind == "wrong", verdict
            assert message in verdict.text

        @pytest.mark.parametrize("exercise", exercises, ids=lambda exercise: exercise.id)
        def test_each_exercise_knows_its_stub_and_its_answers(self, exercise):
            assert engine.verdict(exercise.id, ...).kind == "untouched"
            assert exercise.id in {id for id, _ in right}
            assert sum(id == exercise.id for id, _, _ in wrong) >= 2

    return Answers
