"""Plain models of one molecule, to hold a symmetric network against.

All take a graph or a batch of one and the same molecule, atoms in a fixed order, and need no edges.

======================= ========== ======== ============ ==========================================
model                   translated turned   mirrored     what it can output
======================= ========== ======== ============ ==========================================
`CoordinateMLP`         exact      learnt   learnt       anything
`InvariantMLP`          exact      exact    exact        scalars only: components do not turn along
`ScalarsTimesVectors`   exact      exact    exact        vectors
======================= ========== ======== ============ ==========================================

None of them knows that like atoms may be exchanged.
"""

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.data import Data

from tutorial_utils.graphs import follow


class CoordinateMLP(nn.Module):
    """Read the positions, as seen from their mean, as a plain list of numbers."""

    def __init__(self, atoms: int, outputs: int, *, per: str = "system", hidden: Sequence[int] = (128, 128)):
        """Build it with random weights.

        Args:
            atoms: number of atoms of the molecule.
            outputs: numbers it predicts for each system or atom.
            per: ``"system"`` or ``"atom"``.
            hidden: widths of the hidden layers.
        """
        super().__init__()
        self.atoms, self.outputs = atoms, outputs
        self.inputs = Standardise(3 * atoms)
        self.mlp = perceptron(3 * atoms, outputs * rows(atoms, per), hidden=hidden)

    def features(self, graph: Data) -> Float[Tensor, "graphs coordinates"]:
        """Return the flattened positions, Å."""
        positions = molecules(graph.pos, self.atoms)
        return (positions - positions.mean(dim=1, keepdim=True)).flatten(start_dim=1)

    def forward(self, graph: Data) -> Float[Tensor, "graphs_or_atoms outputs"]:
        """Predict, one row a system or one an atom."""
        return self.mlp(self.inputs(self.features(follow(graph, self)))).reshape(-1, self.outputs)


class InvariantMLP(nn.Module):
    """Read the distances between all pairs of atoms, so that the output cannot notice a rotation."""

    def __init__(self, atoms: int, outputs: int, *, per: str = "system", hidden: Sequence[int] = (128, 128)):
        """Build it with random weights; arguments as in `CoordinateMLP`."""
        super().__init__()
        self.atoms, self.outputs = atoms, outputs
        pairs = atoms * (atoms - 1) // 2
        self.inputs = Standardise(pairs)
        self.mlp = perceptron(pairs, outputs * rows(atoms, per), hidden=hidden)

    def features(self, graph: Data) -> Float[Tensor, "graphs pairs"]:
        """Return the distances, Å."""
        return pair_vectors(graph.pos, self.atoms).norm(dim=-1)

    def forward(self, graph: Data) -> Float[Tensor, "graphs_or_atoms outputs"]:
        """Predict, one row a system or one an atom."""
        return self.mlp(self.inputs(self.features(follow(graph, self)))).reshape(-1, self.outputs)


class ScalarsTimesVectors(nn.Module):
    """Predict vectors as sums of relative positions, weighted by functions of the distances.

    A dipole is Σ c_ij (r_i - r_j) over pairs, a force F_i = Σ_j c_ij (r_i - r_j) over the other atoms, with
    c_ij = c_ji a function of all distances. Every force that is the gradient of an energy has this form, with
    c_ij = -∂E/∂r_ij / r_ij; forces and torques add up to zero.
    Source: "Scalars are universal" (arXiv:2106.06610).
    """

    def __init__(self, atoms: int, *, per: str = "system", hidden: Sequence[int] = (128, 128)):
        """Build it with random weights; arguments as in `CoordinateMLP`, the output is one vector."""
        super().__init__()
        self.atoms = atoms
        pairs = atoms * (atoms - 1) // 2
        self.inputs = Standardise(pairs)
        self.mlp = perceptron(pairs, pairs, hidden=hidden)
        # +1 where a pair's vector ends at an atom, -1 where it starts: action and reaction
        start, end = torch.triu_indices(atoms, atoms, offset=1)
        identity = torch.eye(atoms, dtype=torch.get_default_dtype())
        share = identity[end] - identity[start] if rows(atoms, per) > 1 else torch.ones(pairs, 1).to(identity)
        self.register_buffer("share", share, persistent=False)

    def features(self, graph: Data) -> Float[Tensor, "graphs pairs"]:
        """Return the distances, Å."""
        return pair_vectors(graph.pos, self.atoms).norm(dim=-1)

    def forward(self, graph: Data) -> Float[Tensor, "graphs_or_atoms 3"]:
        """Predict vectors, one row a system or one an atom."""
        r = pair_vectors(follow(graph, self).pos, self.atoms)  # (graphs, pairs, 3)
        c = self.mlp(self.inputs(r.norm(dim=-1)))  # (graphs, pairs)
        return torch.einsum("gp,gpx,pa->gax", c, r, self.share).flatten(end_dim=1)


class Standardise(nn.Module):
    """Subtract a mean and divide by a spread: fixed numbers that `standardise` takes from training data."""

    mean: Tensor
    spread: Tensor

    def __init__(self, size: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(size, dtype=torch.get_default_dtype()))
        self.register_buffer("spread", torch.ones(size, dtype=torch.get_default_dtype()))

    def forward(self, x: Float[Tensor, "graphs features"]) -> Float[Tensor, "graphs features"]:
        """Give features a mean of 0 and a spread of 1."""
        return (x - self.mean) / self.spread


def standardise(model: CoordinateMLP | InvariantMLP | ScalarsTimesVectors, graph: Data) -> None:
    """Fit the first layer of a baseline to training data: bonds vibrate by 0.03 Å, methyl groups turn.

    Args:
        model: changed in place.
        graph: a batch of training molecules.
    """
    x = model.features(graph)
    model.inputs.mean, model.inputs.spread = x.mean(dim=0), x.std(dim=0).clamp(min=1e-6)


def perceptron(inputs: int, outputs: int, *, hidden: Sequence[int]) -> nn.Sequential:
    """Stack linear maps with silu between them.

    Args:
        inputs: numbers that come in.
        outputs: numbers that go out.
        hidden: widths of the layers between.

    Returns:
        The layers, with random weights.
    """
    widths: list[int] = [inputs, *hidden]
    layers: list[nn.Module] = []
    for width, following in itertools.pairwise(widths):
        layers += [nn.Linear(width, following), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], outputs))


def molecules(pos: Float[Tensor, "atoms_of_all 3"], atoms: int) -> Float[Tensor, "graphs atoms 3"]:
    """Split positions by molecule.

    Args:
        pos: positions of one or many molecules, end to end.
        atoms: number of atoms of each.

    Raises:
        ValueError: if they cannot all have so many atoms.
    """
    if len(pos) % atoms:
        raise ValueError(
            f"graph: {len(pos)} atoms are no multiple of {atoms}, the size this model is built for"
        )
    return pos.reshape(-1, atoms, 3)


def pair_vectors(pos: Float[Tensor, "atoms_of_all 3"], atoms: int) -> Float[Tensor, "graphs pairs 3"]:
    """Give r_j - r_i for all pairs i < j of each molecule, Å."""
    positions = molecules(pos, atoms)
    i, j = torch.triu_indices(atoms, atoms, offset=1, device=pos.device)
    return positions[:, j] - positions[:, i]


def rows(atoms: int, per: str) -> int:
    """Return how many rows of output a molecule has."""
    if per not in ("system", "atom"):
        raise ValueError(f'per: expected "system" or "atom", got {per!r}')
    return atoms if per == "atom" else 1
