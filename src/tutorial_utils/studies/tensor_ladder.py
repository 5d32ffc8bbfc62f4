"""Dipoles and polarizabilities of molecules: a ladder of models from raw coordinates to l ≤ 2.

A molecule has nine targets, ``1o+0e+2e``: the dipole (e·Å), the mean polarizability tr α/3 (Å³) and the
traceless part of the polarizability as the five components of an l = 2 (Å³, an isometry: the same norm).

All models learn from the same graphs by the same rule. What a least-squares sum over elements says about the
mean polarizability is taken off before and put back after, for all of them: nobody has to learn counting.
Only `COPIES` gets more, as a network without symmetry usually does: rotated copies of geometries, and time.
Models are tested on molecules they have never seen, and on a new geometry of those that they have.

Two comparisons are fair, each in its own way, and both are made: all networks on graphs have the same 32
scalars (`EQUAL_SCALARS`), or all have as many weights as the last rung, within 2 % (`EQUAL_WEIGHTS`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ase import Atoms
from e3nn import o3
from e3nn.io import CartesianTensor
from jaxtyping import Float
from scipy.spatial.transform import Rotation
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from tutorial_utils import graphs, training
from tutorial_utils.datasets import Dataset
from tutorial_utils.nn import EquivariantNetwork
from tutorial_utils.nn.baselines import perceptron
from tutorial_utils.nn.network import pool

ELEMENTS = ("H", "C", "N", "O", "S")
IRREPS = o3.Irreps("1o+0e+2e")
TARGETS = ("dipole", "mean polarizability", "anisotropy")
CUTOFF = 4.0  # Å
NEIGHBOURS = 4.0  # the sum of squared envelopes about an atom, averaged over the data set
LARGEST = 14  # atoms
TEST = 16  # molecules; the others are there to train on
BATCH, STEPS = 8, 500
RATES = ((2e-2, 0.6), (5e-3, 0.25), (1.25e-3, 0.15))  # of learning, and the share of steps for each
ORIENTATIONS, PATIENCE = 30, 12  # of `COPIES`: for each geometry; times the steps, at a tenth of the rates
MEAN, COUNTING = "mean", "sum over elements"
COORDINATES, COPIES = "coordinates", "coordinates, copies"
INVARIANT, CHARGES = "invariant head", "charges x positions"
VECTORS, TENSORS, FULL = "equivariant, l ≤ 1", "equivariant, l ≤ 2", "equivariant, l ≤ 2, uvw"
BASELINES, NETWORKS = (MEAN, COUNTING), (COORDINATES, COPIES, INVARIANT, CHARGES, VECTORS, TENSORS)
EQUAL_SCALARS, EQUAL_WEIGHTS = "equal scalars", "equal weights"
HIDDEN = {
    INVARIANT: {EQUAL_SCALARS: "32x0e", EQUAL_WEIGHTS: "56x0e"},
    CHARGES: {EQUAL_SCALARS: "32x0e", EQUAL_WEIGHTS: "56x0e"},
    VECTORS: {EQUAL_SCALARS: "32x0e+16x1o", EQUAL_WEIGHTS: "39x0e+20x1o"},
    TENSORS: dict.fromkeys((EQUAL_SCALARS, EQUAL_WEIGHTS), "32x0e+16x1o+8x2e"),
    FULL: {EQUAL_SCALARS: "32x0e+16x1o+8x2e"},  # ten times the weights, in its radial networks
}


class Coordinates(nn.Module):
    """Read elements and raw positions as one list of numbers, filled up with zeros; no symmetry at all."""

    def __init__(self):
        super().__init__()
        self.mlp = perceptron(LARGEST * (3 + len(ELEMENTS)), IRREPS.dim, hidden=(104, 104))

    def forward(self, graph: Batch) -> Float[Tensor, "graphs 9"]:
        """Predict the nine targets."""
        kinds = one_hot(graph.atomic_numbers)
        table = graph.pos.new_zeros(graph.num_graphs, LARGEST, 3 + len(ELEMENTS))
        place = torch.arange(len(graph.pos), device=graph.pos.device) - graph.ptr[graph.batch]
        table[graph.batch, place] = torch.cat([centred(graph), kinds], dim=1)
        return self.mlp(table.flatten(start_dim=1))


class ChargesTimesPositions(nn.Module):
    """Let an invariant network give each atom scalars q, a, b, and build the tensors from positions.

    μ = Σ (q - mean q) r,  tr α/3 = Σ a,  and Σ b (r ⊗ r) without its trace; r from the molecule's centre.
    """

    def __init__(self, hidden: str):
        super().__init__()
        self.network = _network("3x0e", hidden, per="atom")

    def forward(self, graph: Batch) -> Float[Tensor, "graphs 9"]:
        """Predict the nine targets."""
        q, a, b = self.network(graph).T[..., None]  # each (atoms, 1)
        # r already sums to zero, so that the mean of q drops out: no molecule is charged
        r = centred(graph)
        r2 = o3.spherical_harmonics("2e", r, normalize=False, normalization="component")
        return total(torch.cat([q * r, a, b * r2], dim=1), graph)


class Vectors(nn.Module):
    """Predict dipoles directly, and the l = 2 part as products of atomic vectors: features need no l = 2."""

    def __init__(self, hidden: str, *, vectors: int = 8):
        super().__init__()
        self.vectors = o3.Irreps([(vectors, "1o")])
        out = o3.Irreps("1o+0e") + self.vectors
        self.network = _network(out, hidden, per="atom")
        self.product = o3.FullyConnectedTensorProduct(self.vectors, self.vectors, "2e")

    def forward(self, graph: Batch) -> Float[Tensor, "graphs 9"]:
        """Predict the nine targets."""
        direct, v = self.network(graph).split([4, self.vectors.dim], dim=1)
        return total(torch.cat([direct, self.product(v, v)], dim=1), graph)


def full_product(
    irreps_in: o3.Irreps, irreps_edge: o3.Irreps, wanted: o3.Irreps
) -> o3.FullyConnectedTensorProduct:
    """Mix all channels on every edge (``uvw``), where the network would mix them once an atom."""
    outside = {"internal_weights": False, "shared_weights": False}
    return o3.FullyConnectedTensorProduct(irreps_in, irreps_edge, wanted, **outside)


def _network(out: str | o3.Irreps, hidden: str, **options: Any) -> EquivariantNetwork:
    return EquivariantNetwork(
        ELEMENTS, out, irreps_hidden=hidden, cutoff=CUTOFF, neighbours=NEIGHBOURS, **options
    )


def build(model: str, *, equal: str = EQUAL_SCALARS) -> nn.Module:
    """Build one of `NETWORKS` (or `FULL`) with random weights; it maps a batch to (graphs, 9).

    Args:
        model: its name.
        equal: what it shares with the last rung, `EQUAL_SCALARS` or `EQUAL_WEIGHTS`; coordinates have no
            scalars, and always as many weights.

    Raises:
        ValueError: for an unknown model, or one that there is not in this size.
    """
    if model in (COORDINATES, COPIES):
        return Coordinates()
    if model not in HIDDEN:
        raise ValueError(f"model: expected one of {(*NETWORKS, FULL)}, got {model!r}")
    if equal not in HIDDEN[model]:
        raise ValueError(f"equal: expected one of {tuple(HIDDEN[model])} for {model!r}, got {equal!r}")
    hidden = HIDDEN[model][equal]
    if model == CHARGES:
        return ChargesTimesPositions(hidden)
    if model == VECTORS:
        return Vectors(hidden)
    if model == INVARIANT:
        return _network(f"{IRREPS.dim}x0e", hidden)  # nine scalars, taken for the nine components
    return _network(IRREPS, hidden, product=full_product if model == FULL else None)


@dataclass(frozen=True)
class Split:
    """Graphs with the target ``y`` (1, 9), by what they are for."""

    train: list[Data]
    new_molecules: list[Data]
    new_geometries: list[Data]


def split(dataset: Dataset, molecules: int, *, seed: int) -> Split:
    """Take some molecules to train on; test molecules are the same whatever their number and the seed.

    Args:
        dataset: ``molecules_hf``.
        molecules: how many to train on, with all geometries but the last, which is for testing.
        seed: which ones.

    Raises:
        ValueError: if there are not so many left.
    """
    names = np.unique(dataset["name"])
    order = np.random.default_rng(0).permutation(names)
    rest = order[TEST:]
    if not 0 < molecules <= len(rest):
        raise ValueError(f"molecules: expected 1 to {len(rest)} to train on, got {molecules}")
    chosen = np.random.default_rng(seed).permutation(rest)[:molecules]
    y = targets(dataset["polarizability"], dataset["dipole"])
    where = {name: np.flatnonzero(dataset["name"] == name) for name in names}

    def take(frames: Sequence[np.ndarray]) -> list[Data]:
        return [as_graph(dataset.structures[i], y[i]) for i in np.concatenate(frames)]

    return Split(
        train=take([where[name][:-1] for name in chosen]),
        new_molecules=take([where[name] for name in order[:TEST]]),
        new_geometries=take([where[name][-1:] for name in chosen]),
    )


def as_graph(atoms: Atoms, y: Float[Tensor, "9"]) -> Data:
    """Make a graph that holds its targets."""
    return graphs.to_graph(atoms, CUTOFF, system={"y": y})


def targets(polarizability: np.ndarray, dipole: np.ndarray | None = None) -> Float[Tensor, "frames 9"]:
    """Order targets as ``1o+0e+2e``: dipole, tr α/3, traceless α; zeros where there is no dipole.

    Args:
        polarizability: (frames, 3, 3) Å³, symmetric.
        dipole: (frames, 3) e·Å.
    """
    alpha = torch.tensor(polarizability)
    irreps = CartesianTensor("ij=ji").from_cartesian(alpha)  # 0e+2e, the 0e is tr α/√3
    mu = torch.zeros(len(alpha), 3) if dipole is None else torch.tensor(dipole)
    return torch.cat([mu, irreps[:, :1] / 3**0.5, irreps[:, 1:]], dim=1).to(torch.get_default_dtype())


def rotated_copies(train: Sequence[Data], *, seed: int) -> list[Data]:
    """Show each geometry, with its targets, in `ORIENTATIONS` random orientations."""
    copies = []
    for rotation in Rotation.random(ORIENTATIONS, random_state=seed).as_matrix():
        R = torch.tensor(rotation, dtype=torch.get_default_dtype())
        D = IRREPS.D_from_matrix(R)
        for graph in train:
            copy = graph.clone()
            copy.pos, copy.cell, copy.y = graph.pos @ R.T, graph.cell @ R.T, graph.y @ D.T
            copies.append(copy)
    return copies


class Counting:
    """The mean polarizability as a sum over elements, fitted to training graphs; and the scale of targets."""

    def __init__(self, train: Sequence[Data]):
        batch = graphs.batch(train)
        counts = total(one_hot(batch.atomic_numbers), batch)
        # an element that the training set lacks gets 0, the least-squares solution of smallest norm
        self.share = torch.linalg.pinv(counts) @ batch.y[:, 3]  # Å³ an atom
        y = batch.y - self(batch)
        self.spread = torch.cat([y_part.square().mean().sqrt().expand(n) for y_part, n in _parts(y)])

    def __call__(self, graph: Batch) -> Float[Tensor, "graphs 9"]:
        """Predict: the sum in the place of the mean polarizability, zeros elsewhere."""
        y = graph.pos.new_zeros(graph.num_graphs, IRREPS.dim)
        y[:, 3] = total(one_hot(graph.atomic_numbers), graph) @ self.share
        return y


class Predictor:
    """A trained network together with what was taken off its targets."""

    def __init__(self, network: nn.Module, counting: Counting):
        self.network, self.counting = network, counting

    def __call__(self, graph: Batch) -> Float[Tensor, "graphs 9"]:
        """Predict dipole (e·Å), tr α/3 and the traceless part (Å³)."""
        return self.network(graph) * self.counting.spread + self.counting(graph)


def train(
    model: str, parts: Split, *, seed: int, steps: int = STEPS, equal: str = EQUAL_SCALARS
) -> Predictor:
    """Train a model by the rule that is the same for all: so many steps of Adam, with `RATES` of learning.

    Only `COPIES` gets more: rotated copies, and `PATIENCE` times the steps at a tenth of the rates.
    The loss adds up the mean lengths of the errors of dipole, trace and traceless part, each in units of its
    spread: it follows the errors that are reported, and no rotation changes it.

    Args:
        model: one of `NETWORKS`, or `FULL`.
        parts: from `split`.
        seed: of initial weights and batches.
        steps: of Adam.
        equal: see `build`.
    """
    torch.manual_seed(seed)
    network, counting = build(model, equal=equal), Counting(parts.train)

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        difference = network(batch) - (batch.y - counting(batch)) / counting.spread
        return torch.stack([part.norm(dim=1).mean() / n**0.5 for part, n in _parts(difference)]).sum()

    examples, slower = parts.train, 1
    if model == COPIES:
        examples, steps, slower = rotated_copies(parts.train, seed=seed), PATIENCE * steps, 10
    for rate, share in RATES:
        training.fit(
            network,
            loss,
            train=examples,
            valid=[],
            epochs=steps,  # more than enough
            max_steps=round(share * steps),
            batch_size=BATCH,
            learning_rate=rate / slower,
            seed=seed,
        )
    return Predictor(network, counting)


def baseline(model: str, parts: Split):
    """Return a predictor that has no network: the training mean of all targets, or the sum over elements."""
    if model == COUNTING:
        return Counting(parts.train)
    mean = graphs.batch(parts.train).y.mean(dim=0)
    return lambda graph: mean.expand(graph.num_graphs, -1)


def errors(predict, some: Sequence[Data]) -> dict[str, float]:
    """Measure a predictor by numbers that do not depend on the orientation.

    Returns:
        Mean length of the error of the dipole (e·Å), mean absolute error of tr α/3 (Å³), mean Frobenius norm
        of the error of the traceless part (Å³).
    """
    batch = graphs.batch(some)
    with torch.no_grad():
        difference = predict(batch) - batch.y
    return {
        name: part.norm(dim=1).mean().item()
        for name, (part, _) in zip(TARGETS, _parts(difference), strict=True)
    }


def weights(model: str, *, equal: str = EQUAL_SCALARS) -> int:
    """Count the trainable numbers of a model."""
    return 0 if model in BASELINES else sum(p.numel() for p in build(model, equal=equal).parameters())


def one_hot(numbers: Tensor) -> Float[Tensor, "atoms elements"]:
    """Mark each atom's element."""
    known = torch.tensor([Atoms(symbol).numbers[0] for symbol in ELEMENTS], device=numbers.device)
    return (numbers[:, None] == known).to(torch.get_default_dtype())


def centred(graph: Batch) -> Float[Tensor, "atoms 3"]:
    """Give positions as seen from the mean position of their molecule, Å."""
    size = graph.batch.bincount(minlength=graph.num_graphs)[:, None]
    return graph.pos - (total(graph.pos, graph) / size)[graph.batch]


def total(x: Float[Tensor, "atoms d"], graph: Batch) -> Float[Tensor, "graphs d"]:
    """Add up the atoms of each molecule."""
    return pool(x, graph, "sum")


def _parts(y: Float[Tensor, "graphs 9"]) -> list[tuple[Tensor, int]]:
    sizes = [ir.dim for _, ir in IRREPS]
    return list(zip(y.split(sizes, dim=1), sizes, strict=True))
