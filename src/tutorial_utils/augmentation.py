"""How many random rotations replace a symmetry? The experiment of session 1, one point of its grid at a time.

Forces of ethanol are learnt from n geometries. The raw-coordinate network sees each of them in k random
orientations; the others see it once. Geometries of the test are new, and stand in random orientations.
The rule is the same for all: Adam on the mean absolute error; where the validation error has stopped falling,
back to the best weights and on with a quarter of the learning rate; after the third quarter it ends.
Patience matters: on many turned copies the error stands nearly still for thousands of steps, then falls on.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from jaxtyping import Float
from scipy.spatial.transform import Rotation
from torch import Tensor, nn
from torch_geometric.data import Data

from tutorial_utils import graphs
from tutorial_utils.datasets import Dataset
from tutorial_utils.nn import CoordinateMLP, EquivariantNetwork, ScalarsTimesVectors, standardise

TEST, VALID = 300, 200  # frames; the others are there to train on
WIDTHS, BATCH, LEARNING_RATE = (256, 256), 64, 2e-3
CHECK = 250  # steps from one validation to the next
PATIENCE = (12, 4, 4, 4)  # validations without progress, at each of the four learning rates
STEPS = 40_000  # no more, even if the error still falls; PATIENT has practically no limit
# The equivariant network learns more in a step, and a step is dearer.
EQUIVARIANT_BATCH, EQUIVARIANT_LEARNING_RATE, EQUIVARIANT_CHECK, EQUIVARIANT_STEPS = 16, 2e-2, 50, 1500
CUTOFF = 4.0  # Å
COORDINATES, NEVER, PATIENT = "coordinates", "coordinates, never turned", "coordinates, without limit"
SCALARS, EQUIVARIANT = "scalars x vectors", "equivariant"
MODELS = (COORDINATES, NEVER, PATIENT, SCALARS, EQUIVARIANT)


@dataclass(frozen=True)
class Result:
    """What one training came to.

    Attributes:
        error: mean absolute error of a force component on the test frames, eV/Å.
        steps: number of gradient steps.
    """

    error: float
    steps: int


@dataclass(frozen=True)
class Frames:
    """Geometries and forces, as tensors.

    Attributes:
        pos: (frames, atoms, 3) Å.
        forces: (frames, atoms, 3) eV/Å.
        numbers: (atoms,) atomic numbers.
    """

    pos: Tensor
    forces: Tensor
    numbers: Tensor

    def __len__(self) -> int:
        return len(self.pos)

    def __getitem__(self, which: Tensor | slice) -> "Frames":
        return Frames(self.pos[which], self.forces[which], self.numbers)

    def turned(self, k: int, rng: np.random.Generator) -> "Frames":
        """Return k copies of each frame, each in a random orientation of its own."""
        R = torch.tensor(Rotation.random(k * len(self), random_state=rng).as_matrix()).to(self.pos)
        pos, forces = (x.repeat_interleave(k, dim=0) @ R.mT for x in (self.pos, self.forces))
        return Frames(pos, forces, self.numbers)

    def joined(self) -> Data:
        """Return all frames end to end, without edges; enough for the plain models, and quickly made."""
        return Data(pos=self.pos.flatten(end_dim=1), forces=self.forces.flatten(end_dim=1))

    def graphs(self) -> list[Data]:
        """Return a graph for each frame, edges up to `CUTOFF`, with its forces as targets."""
        return [
            graphs.to_graph(Atoms(self.numbers, positions), CUTOFF, atom={"forces": forces})
            for positions, forces in zip(self.pos.numpy(), self.forces, strict=True)
        ]


def split(dataset: Dataset, n: int, *, seed: int) -> tuple[Frames, Frames, Frames]:
    """Take n frames to train on, and the same frames for validation and test whatever n and seed.

    Args:
        dataset: ``ethanol_xtb``.
        n: number of training geometries.
        seed: which n.

    Returns:
        Training, validation and test frames.

    Raises:
        ValueError: if there are fewer than n left.
    """
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0))
    rest = order[TEST + VALID :]
    if not 0 < n <= len(rest):
        raise ValueError(f"n: expected 1 to {len(rest)} training geometries, got {n}")
    chosen = rest[torch.randperm(len(rest), generator=torch.Generator().manual_seed(seed))[:n]]
    pos = torch.tensor(np.array([atoms.positions for atoms in dataset.structures]))
    frames = Frames(
        pos.to(torch.get_default_dtype()),
        torch.tensor(dataset["forces"]).to(torch.get_default_dtype()),
        torch.tensor(dataset.structures[0].numbers),
    )
    return frames[chosen], frames[order[TEST : TEST + VALID]], frames[order[:TEST]]


def error(model: nn.Module, graph: Data) -> Float[Tensor, ""]:
    """Return the mean absolute error of a force component, eV/Å."""
    return (model(graph) - graph.forces).abs().mean()


def fit(
    model: nn.Module,
    draw: Callable[[], Data],
    *,
    valid: Data,
    learning_rate: float,
    most: int,
    check: int = CHECK,
) -> int:
    """Train by the rule above.

    Args:
        model: changed in place; ends with the weights that were best on `valid`.
        draw: gives the next training batch.
        valid: validation frames.
        learning_rate: the one Adam starts with.
        most: number of steps at which it ends in any case.
        check: steps from one look at `valid` to the next.

    Returns:
        Number of steps.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    best, weights = math.inf, copy.deepcopy(model.state_dict())
    idle, quarters = 0, 0
    for step in range(1, most + 1):
        optimizer.zero_grad()
        error(model, draw()).backward()
        optimizer.step()
        if step % check:
            continue
        now = _error_without_gradient(model, valid)
        idle = 0 if now < best else idle + 1
        if now < best:
            best, weights = now, copy.deepcopy(model.state_dict())
        if idle == PATIENCE[quarters]:
            model.load_state_dict(weights)
            idle, quarters = 0, quarters + 1
            optimizer.param_groups[0]["lr"] /= 4
        if quarters == len(PATIENCE):
            break
    model.load_state_dict(weights)
    return step


def measure(dataset: Dataset, model: str, *, n: int, k: int = 1, seed: int = 0) -> Result:
    """Train one model and test it on new geometries in random orientations.

    Args:
        dataset: ``ethanol_xtb``.
        model: one of `MODELS`; `NEVER` is neither trained nor tested on turned molecules.
        n: number of training geometries.
        k: number of random orientations in which `COORDINATES` and `PATIENT` see each of them.
        seed: of the choice of geometries, the rotations, the batches and the initial weights.

    Returns:
        Error and number of steps.

    Raises:
        ValueError: for an unknown model.
    """
    if model not in MODELS:
        raise ValueError(f"model: expected one of {MODELS}, got {model!r}")
    train, valid, test = split(dataset, n, seed=seed)
    if model != NEVER:
        turns = np.random.default_rng(0)
        valid, test = valid.turned(3, turns), test.turned(3, turns)
    torch.manual_seed(seed)
    if model == EQUIVARIANT:
        return _equivariant(train, valid, test)
    return _plain(model, train, valid, test, k=k, rng=np.random.default_rng(seed))


def _plain(
    model: str, train: Frames, valid: Frames, test: Frames, *, k: int, rng: np.random.Generator
) -> Result:
    """Train and test a model that needs no edges."""
    atoms = len(train.numbers)
    if model == SCALARS:
        network: CoordinateMLP | ScalarsTimesVectors = ScalarsTimesVectors(atoms, per="atom", hidden=WIDTHS)
    else:
        network = CoordinateMLP(atoms, 3, per="atom", hidden=WIDTHS)
    seen = train.turned(k, rng) if model in (COORDINATES, PATIENT) else train
    standardise(network, seen.joined())

    def draw() -> Data:
        return seen[torch.randint(len(seen), (BATCH,))].joined()

    most = 100 * STEPS if model == PATIENT else STEPS
    steps = fit(network, draw, valid=valid.joined(), learning_rate=LEARNING_RATE, most=most)
    return Result(_error_without_gradient(network, test.joined()), steps)


def _equivariant(train: Frames, valid: Frames, test: Frames) -> Result:
    """Train and test the equivariant network, on training frames as they are."""
    network = EquivariantNetwork(["H", "C", "O"], "1o", per="atom", cutoff=CUTOFF)
    seen = train.graphs()

    def draw() -> Data:
        return graphs.batch([seen[i] for i in torch.randint(len(seen), (EQUIVARIANT_BATCH,))])

    few = graphs.batch(valid[:100].graphs())  # dear to look at, and its errors differ little
    rate, check, most = EQUIVARIANT_LEARNING_RATE, EQUIVARIANT_CHECK, EQUIVARIANT_STEPS
    steps = fit(network, draw, valid=few, learning_rate=rate, check=check, most=most)
    return Result(_error_without_gradient(network, graphs.batch(test.graphs())), steps)


def _error_without_gradient(model: nn.Module, graph: Data) -> float:
    with torch.no_grad():
        return error(model, graph).item()


def orientations(resolution: float) -> float:
    """Count the cells that the space of rotations falls into, at a given angular resolution.

    Three numbers make a rotation. Measured so that a small rotation by δ has the length δ, all rotations
    together have the volume 8π², and a cell has δ³.

    Args:
        resolution: edge δ of a cell, degrees.

    Returns:
        8π²/δ³, with δ in radians.
    """
    return 8 * math.pi**2 / math.radians(resolution) ** 3
