"""Exercises 3.2 and 3.4: a gate, and a layer that makes axial vectors."""

from collections.abc import Callable

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from e3nn import o3
from jaxtyping import Float
from torch import Tensor
from torch_geometric.data import Data

from tutorial_utils import graphs, symmetry
from tutorial_utils.exercises.engine import exercise, require
from tutorial_utils.exercises.reading import ROUNDING, Wrong, tensor

CUTOFF = 4.0  # Å, of the graphs that answers are given

_GATE_IN = o3.Irreps("4x0e+2x0o+3x0e+2x1o+1x2e")
_GATE_OUT = o3.Irreps("4x0e+2x0o+2x1o+1x2e")


@exercise(
    "3.2",
    title="Write the gate",
    hint=[
        "Any function suits 0e, an odd one 0o; a vector may be multiplied by a function of a scalar.",
        "scalars, pseudo, gates, vectors, tensor = x.split([4, 2, 3, 6, 5], dim=-1); "
        "vectors.reshape(-1, 2, 3) * torch.sigmoid(gates[:, :2, None])",
    ],
)
def write_the_gate(answer: Callable[[Tensor], Tensor]) -> str:
    """Ask for all laws of O(3), and for something nonlinear in every irrep."""
    rng = np.random.default_rng(0)
    x, y = (torch.tensor(rng.normal(size=(7, _GATE_IN.dim))) for _ in range(2))

    def gate(x: Tensor) -> Tensor:
        found = tensor(answer(x), "The result")
        if found.shape == x.shape:
            raise Wrong("All 20 numbers of a row come back: the three gates are used up and do not come out.")
        return tensor(found, f"The result, {_GATE_OUT},", (len(x), _GATE_OUT.dim))

    gate(x)
    report = symmetry.equivariance_report(answer, x, _GATE_OUT, irreps_in=_GATE_IN)
    if not report.passed:
        _refuse_sorted_input(answer, x)
    _require_whole_vectors(report)
    if not torch.allclose(gate(x[:1]), gate(x)[:1], rtol=ROUNDING, atol=ROUNDING):
        raise Wrong(
            "A row comes out differently when it is given alone: rows are different atoms, and a gate acts "
            "on each by itself. Suspect a norm or a mean over the whole of x."
        )
    bend = gate(x + y) + gate(torch.zeros_like(x)) - gate(x) - gate(y)
    for (mul, ir), part in zip(_GATE_OUT, _GATE_OUT.slices(), strict=True):
        if bend[:, part].abs().max() < ROUNDING:
            raise Wrong(
                f"All laws hold, but {mul}x{ir} passes linearly: f(x + y) = f(x) + f(y). "
                "Without a nonlinearity two layers are one; let a scalar gate it."
            )
    return "Every irrep is nonlinear and equivariant; e3nn's Gate does the same and divides by typical sizes."


def _require_whole_vectors(report: symmetry.Report) -> None:
    """Say of a gate that breaks rotations what gates do wrong besides."""
    law, irrep = report.first_failure or ("", "")
    try:
        require(report)
    except Wrong as reason:
        if law != "rotation":
            raise
        raise Wrong(
            f"{reason} Or a gate that meets single components of {irrep}, or is added to them: it multiplies "
            "a whole vector, vectors.reshape(-1, 2, 3) * gates[:, :2, None]."
        ) from None


def _refuse_sorted_input(answer: Callable[[Tensor], Tensor], x: Float[Tensor, "rows irreps"]) -> None:
    """Recognise a function, such as e3nn's own Gate, that is right for rows whose irreps are sorted."""
    slices = _GATE_IN.slices()
    irreps, _, order = _GATE_IN.sort()
    moved = torch.cat([x[:, slices[k]] for k in order], dim=1)
    if symmetry.equivariance_report(answer, moved, _GATE_OUT, irreps_in=irreps).passed:
        raise Wrong(
            f"Your function is a gate for rows that hold {irreps}, which is sorted; ours hold {_GATE_IN}. "
            "e3nn.nn.Gate sorts its irreps: look at gate.irreps_in. Sorting moves the labels only, so "
            "move the blocks of x into that order before you call it."
        )


@exercise(
    "3.4",
    title="An axial vector for every atom",
    hint=[
        "Sums of directions are vectors; the cross product of two vectors is axial.",
        "Weight one sum with the envelope, the other with the envelope times the distance.",
    ],
)
def axial(answer: Callable[[Data], Tensor]) -> str:
    """Every law with 1e for a shaken crystal, its supercell, and an atom that crosses the cutoff."""
    salt = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    salt.rattle(0.3, seed=0)
    with torch.no_grad():
        _one_for_each_atom(answer, salt)
        require(symmetry.equivariance_report(lambda atoms: on_graph(answer, atoms), salt, "1e", per="atom"))
        once, twice = on_graph(answer, salt), on_graph(answer, salt.repeat((2, 1, 1)))
        error = float((twice - once.repeat(2, 1)).abs().max() / once.abs().max())
        if error > ROUNDING:
            raise Wrong(
                f"supercell fails for 1e, relative error {error:.1e}: an atom of a repeated cell has the "
                "same surroundings. Suspect a mean over the graph, or images that are left out."
            )
        _hear_no_strangers(answer)
        _smooth(answer)
    return "Axial, equivariant and smooth: it keeps its sign under inversion, where every direction flips."


def on_graph(answer: Callable[[Data], Tensor], atoms: Atoms) -> Float[Tensor, "..."]:
    """Hand an answer the graph of a structure."""
    return torch.as_tensor(answer(graphs.to_graph(atoms, CUTOFF)))


def _one_for_each_atom(answer: Callable[[Data], Tensor], atoms: Atoms) -> Float[Tensor, "atoms 3"]:
    """Evaluate, and name what has another shape, or says the same of all atoms."""
    graph = graphs.to_graph(atoms, CUTOFF)
    found = tensor(answer(graph), "Your layer's output")
    if found.shape == (graph.num_edges, 3):
        raise Wrong("You return a vector for each edge: add them up at the centres, with index_add.")
    if found.shape in ((3,), (1, 3)):
        raise Wrong("You return one vector for the whole graph. Each atom adds up its own edges: index_add.")
    tensor(found, "Your layer's output, a vector for each atom,", (len(atoms), 3))
    if len(atoms) > 1 and (found - found.mean(dim=0)).abs().max() < ROUNDING * found.abs().max():
        raise Wrong("All atoms get one vector, though no two see the same. Suspect a mean over the graph.")
    return found


def _hear_no_strangers(answer: Callable[[Data], Tensor]) -> None:
    """An atom may not notice what happens in another molecule, far beyond the cutoff."""
    near = Atoms("HOCN", [[0, 0, 0], [1.0, 0.3, 0], [-0.4, 1.6, 0.5], [1.1, 0.2, 1.5]])
    far = near.copy()
    far.positions += [50.0, 0, 0]
    bent = far.copy()
    bent.positions[1] += [0.0, 0.4, 0.3]
    before, after = (on_graph(answer, near + other)[:4] for other in (far, bent))
    error = float((after - before).abs().max() / before.abs().max())
    if error > ROUNDING:
        raise Wrong(
            f"An atom's vector changes by {error:.1e} of its size when another molecule, 50 Å away, is bent. "
            "A layer passes messages along edges: suspect a mean or a norm over the whole graph."
        )


def _smooth(answer: Callable[[Data], Tensor]) -> None:
    """Let a fourth atom cross the cutoff of the first: neither a jump nor a kink may remain.

    The slopes on both sides of the cutoff need not vanish: in a deep network the fourth atom still acts
    through the others. They have to be equal.
    """

    def first(x: float) -> Float[Tensor, "3"]:
        atoms = Atoms("HOCN", [[0, 0, 0], [1.0, 0.3, 0], [-0.4, 1.6, 0.5], [x * 0.6, 0, x * 0.8]])
        return on_graph(answer, atoms)[0]

    size, edge, step = float(first(3.0).norm()), 1e-6, 1e-4  # Å
    inside, outside = first(CUTOFF - edge), first(CUTOFF + edge)
    jump = float((inside - outside).norm()) / size
    if jump > 1e-3:
        raise Wrong(
            f"The 1e output jumps by {100 * jump:.0f} % where an atom crosses the cutoff. Multiply each edge "
            "by a function that ends at zero there, such as nn.network.envelope."
        )
    before, after = inside - first(CUTOFF - edge - step), first(CUTOFF + edge + step) - outside
    kink = float((after - before).norm()) / (step * size)
    if kink > 0.01:
        raise Wrong(
            f"The 1e output has a kink at the cutoff: its slope changes by {kink:.2g} per Å there, so that "
            "forces would jump. Take a function of the distance whose slope ends at zero, too."
        )
