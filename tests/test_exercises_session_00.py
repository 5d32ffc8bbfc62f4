"""The exercise of the conventions page; its six programs differ from the course's conventions as it says."""

import numpy as np
import torch
from e3nn import o3
from exercise_answers import exercise_tests

from tutorial_utils import conventions
from tutorial_utils.exercises.session_00 import PROGRAMS

ANSWER = {
    "A": "inverse rotation",
    "B": "sign",
    "C": "sign",
    "D": "order",
    "E": "normalisation",
    "F": "nothing",
}
TestAnswers = exercise_tests(
    0,
    [("0.1", ANSWER), ("0.1", ANSWER | {"B": "Sign", "E": "normalization"})],
    [
        ("0.1", ANSWER | {"A": "nothing"}, "quarter turn about z"),
        ("0.1", ANSWER | {"F": "order"}, "compare with ASE"),
        ("0.1", ANSWER | {"D": "polar axis"}, "none of: nothing"),
        ("0.1", ANSWER | {"F": None}, "F: None is none of: nothing"),
        ("0.1", "sign", "one word for each program"),
    ],
)


def test_each_program_has_the_fault_that_the_answer_names():
    rng = np.random.default_rng(0)
    x, cell = rng.normal(size=(2, 3, 3))
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    np.testing.assert_allclose(PROGRAMS["A"](x, quarter), x @ np.linalg.inv(quarter).T)
    q = np.array([1.0, -1, 0])
    np.testing.assert_allclose(PROGRAMS["B"](q, x), -(q @ x))
    np.testing.assert_allclose(PROGRAMS["C"](x[0], x[1]), -(x[1] - x[0]))
    r = torch.tensor(x)
    Y1, Y2 = (o3.spherical_harmonics(l, r, True, "component") for l in (1, 2))
    torch.testing.assert_close(PROGRAMS["D"](r), Y1[:, [1, 2, 0]])
    torch.testing.assert_close(PROGRAMS["E"](r) * 5**0.5, Y2)
    np.testing.assert_allclose(PROGRAMS["F"](x, cell), conventions.cartesian(x, cell))
