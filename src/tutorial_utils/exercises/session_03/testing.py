"""Exercise 3.6: a test of equivariance, tried on sound models and on broken ones."""

from collections.abc import Callable

import numpy as np
import torch
from ase.build import bulk
from e3nn import o3
from jaxtyping import Float
from torch import Tensor
from torch_geometric.data import Data

from tutorial_utils import graphs, symmetry
from tutorial_utils.exercises.engine import exercise
from tutorial_utils.exercises.reading import ROUNDING, Wrong, number
from tutorial_utils.exercises.session_03.layers import CUTOFF
from tutorial_utils.exercises.session_03.structures import CHIRAL


def sum_over_edges(graph: Data, order: int, *, decay: float = 1.0) -> Float[Tensor, "1 components"]:
    """Weigh the harmonics Y_l of all edges by element and length."""
    r = graphs.edge_vectors(graph)
    weight = graph.atomic_numbers[graph.edge_index[1]] ** 2 * torch.exp(-decay * r.norm(dim=1))
    return (weight[:, None] * o3.spherical_harmonics(order, r, normalize=True)).sum(dim=0, keepdim=True)


def _vector(graph: Data) -> Float[Tensor, "1 3"]:
    return sum_over_edges(graph, 1)


def _axial(graph: Data) -> Float[Tensor, "1 3"]:
    """Rotates like a vector and keeps its sign under inversion."""
    return torch.linalg.cross(_vector(graph), sum_over_edges(graph, 1, decay=3.0))


# model, what it is given, its irreps, what is wrong with a test that fails it
HEALTHY = (
    (lambda g: sum_over_edges(g, 0), "a molecule", "0e", "Distances changed: is your R orthogonal?"),
    (_vector, "a molecule", "1o", "Input and output turn differently: pos @ R.T goes with y @ D.T."),
    (
        lambda g: sum_over_edges(g, 2),
        "a molecule",
        "2e",
        "The output turns by D_from_matrix(R) of its irreps.",
    ),
    (_vector, "a crystal", "1o", "Does the cell turn with the atoms? Edges cross its border."),
    (
        _axial,
        "a molecule",
        "1e",
        "1e keeps its sign under inversion: take D of the irreps given.",
    ),
)
# what is wrong with it, model, what it is given, its irreps, what is wrong with a test that passes it
BROKEN = (
    (
        "calls an axial vector 1o",
        _axial,
        "a molecule",
        "1o",
        "Is the determinant of your R always +1? Try reflections too.",
    ),
    (
        "stretches the z axis",
        lambda g: _vector(g) * torch.tensor([1.0, 1.0, 2.0]),
        "a molecule",
        "1o",
        "Inversion leaves this fault alone: try rotations, random ones.",
    ),
    (
        "applies ReLU to a vector, in units that make it 1e-30",
        lambda g: 1e-30 * _vector(g).relu(),
        "a molecule",
        "1o",
        "Your error is absolute: divide by the size of the output.",
    ),
    (
        "calls one component of a vector 0e",
        lambda g: _vector(g)[:, :1],
        "a crystal",
        "0e",
        "Do you test for 1o only? For a scalar D is 1, and the test is the same.",
    ),
    (
        "hands out the components of a 2e in another order",
        lambda g: sum_over_edges(g, 2).flip(1),
        "a molecule",
        "2e",
        "Do you test for 1o only? The matrix D belongs to the irreps that are given.",
    ),
)

TestOf = Callable[[Callable[[Data], Tensor], Data, str], float | symmetry.Report]


@exercise(
    "3.6",
    title="A test to be trusted",
    hint=[
        "All of O(3): random rotations times +1 and -1. Which fields of a periodic graph are vectors?",
        "pos and cell turn as x @ R.T, the output as y @ D.T with D = o3.Irreps(irreps).D_from_matrix(R).",
    ],
)
def trusted_test(answer: TestOf) -> str:
    """Hand the learner's test sound and broken models; name the mistake behind each wrong verdict."""
    crystal = bulk("NaCl", "rocksalt", a=5.6)
    crystal.rattle(0.3, seed=0)
    specimens = {
        "a molecule": graphs.to_graph(CHIRAL, CUTOFF),
        "a crystal": graphs.to_graph(crystal, CUTOFF),
    }
    for model, where, irreps, suspect in HEALTHY:
        error = _judged(answer, model, specimens[where], irreps)
        if error is True:
            raise Wrong(
                f"Your test says True for a sound {irreps}. Return the largest error, about zero here."
            )
        if not error < ROUNDING:
            raise Wrong(f"Your test finds an error of {error:.1e} in a sound {irreps} of {where}. {suspect}")
    for fault, model, where, irreps, suspect in BROKEN:
        error = _judged(answer, model, specimens[where], irreps)
        if not error > 1e-3:
            raise Wrong(f"A model that {fault} passes your test with an error of {error:.1e}. {suspect}")
    return "Your test passes every sound model and finds the fault of every broken one."


def _judged(answer: TestOf, model: Callable[[Data], Tensor], graph: Data, irreps: str) -> float:
    try:
        found = answer(model, graph, irreps)
    except AssertionError as error:  # of e3nn, which takes no other matrices
        raise Wrong("e3nn refuses your R: it is no rotation, no reflection. Is it orthogonal?") from error
    if isinstance(found, symmetry.Report):  # the course's own test
        return max(found.errors.values())
    if isinstance(found, bool | np.bool_):
        return bool(found)
    return number(found, "The largest error, which your test returns,").real
