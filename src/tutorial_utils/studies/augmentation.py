"""How many random rotations replace a symmetry? The experiment of session 1, one point of its table each.

Forces of ethanol are learnt from n geometries. A rung of the ladder is one message-passing network; it shares
its weights between atoms, knows the elements and has a cutoff. From one rung to the next one thing changes:

* `COORDINATES`: an edge carries its distance and direction; a force is three plain outputs. Not equivariant:
  the symmetry has to be learnt.
* `ARROWS`: the same edges; a force is a weighted sum of directions. Not equivariant, since the weights still
  depend on directions.
* `INVARIANT`: an edge carries its distance alone; a force is a weighted sum of directions. Equivariant by
  construction.
* `EQUIVARIANT`: atoms also hold vectors; a force is a weighted sum of directions and of the atom's vectors.
  Equivariant by construction.

All are trained by one rule: Adam on the mean length of the error, a learning rate that falls to zero along a
cosine, and the weights that were best on the validation frames. The starting rate is the best of three for
`COORDINATES` on turned molecules. The test geometries are new, in random orientations.
"""

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tutorial_utils import symmetry, training
from tutorial_utils.datasets import Dataset
from tutorial_utils.nn.network import RadialBasis, envelope

TEST, VALID = 300, 100  # frames; 1000 of the others are there to train on
WIDTH, LAYERS, RADIAL, CUTOFF = 32, 2, 8, 4.0  # features of an atom, …, …, Å
BATCH, STEPS, LEARNING_RATE, LOOKS = 16, 2000, 5e-3, 20  # frames, …, at the start, validations
COORDINATES, ARROWS = "raw coordinates", "raw coordinates, forces from arrows"
INVARIANT, EQUIVARIANT = "invariant messages", "equivariant messages"
RUNGS = (COORDINATES, ARROWS, INVARIANT, EQUIVARIANT)
RIDGE, KERNEL = "ridge on coordinates", "kernel ridge on coordinates"


class MessagePassing(nn.Module):
    """Predict the forces on the atoms of molecules of one kind, by one rung of the ladder.

    With numbers h_i and vectors V_i of atom i, directions r̂_ij and functions b of the distance, a layer is

        m_ij = φ(h_i, h_j, b(r_ij) [, r̂_ij]) u(r_ij),   h_i <- h_i + ψ(h_i, Σ_j m_ij [, |V_i|]),
        [V_i <- V_i + Σ_j α(m_ij) r̂_ij + β(m_ij) V_j],
        F_i = Σ_j γ(m_ij) r̂_ij [+ W V_i]   or   F_i = χ(h_i),

    where u ends smoothly at the cutoff.
    """

    def __init__(self, rung: str, numbers: Int[Tensor, " atoms"], *, scale: float = 1.0):
        """Build it with random weights.

        Args:
            rung: one of `RUNGS`.
            numbers: atomic numbers of the molecule.
            scale: a typical force component, eV/Å; predictions are multiplied by it.

        Raises:
            ValueError: for an unknown rung.
        """
        super().__init__()
        if rung not in RUNGS:
            raise ValueError(f"rung: expected one of {RUNGS}, got {rung!r}")
        self.rung, self.scale = rung, scale
        elements, which = torch.unique(numbers, return_inverse=True)
        self.register_buffer("which", which, persistent=False)
        self.embedding = nn.Embedding(len(elements), WIDTH)
        self.basis = RadialBasis(RADIAL, CUTOFF)
        edge = 2 * WIDTH + RADIAL + 3 * (rung in (COORDINATES, ARROWS))
        node = WIDTH * (3 if rung == EQUIVARIANT else 2)
        self.φ = nn.ModuleList(two_layers(edge, WIDTH) for _ in range(LAYERS))
        self.ψ = nn.ModuleList(two_layers(node, WIDTH) for _ in range(LAYERS))
        if rung == EQUIVARIANT:
            self.αβ = nn.ModuleList(nn.Linear(WIDTH, 2 * WIDTH) for _ in range(LAYERS))
            self.W = nn.Linear(WIDTH, 1, bias=False)
        self.head = two_layers(WIDTH, 3 if rung == COORDINATES else 1)

    def forward(self, pos: Float[Tensor, "frames atoms 3"]) -> Float[Tensor, "frames atoms 3"]:
        """Predict forces, eV/Å, from positions, Å."""
        frames, atoms, _ = pos.shape
        pair = pos[:, None, :] - pos[:, :, None]  # (frames, i, j, 3), from atom i to atom j
        itself = torch.eye(atoms, dtype=torch.bool)
        r = pair.norm(dim=-1).masked_fill(itself, 2 * CUTOFF)  # an atom is not its own neighbour
        direction = pair / r[..., None]  # (frames, i, j, 3)
        u = envelope(r / CUTOFF)[..., None]  # (frames, i, j, 1)
        known = [self.basis(r.flatten()).unflatten(0, r.shape)]
        if self.rung in (COORDINATES, ARROWS):
            known.append(direction)
        h = self.embedding(self.which).expand(frames, -1, -1)  # (frames, atoms, WIDTH)
        V = pos.new_zeros(frames, atoms, WIDTH, 3)
        for layer in range(LAYERS):
            ends = [h[:, :, None].expand(-1, -1, atoms, -1), h[:, None].expand(-1, atoms, -1, -1)]
            message = self.φ[layer](torch.cat(ends + known, dim=-1)) * u  # (frames, i, j, WIDTH)
            heard = [h, message.sum(dim=2) / 8**0.5]
            if self.rung == EQUIVARIANT:
                α, β = (self.αβ[layer](message) * u).chunk(2, dim=-1)
                V = (
                    V
                    + (torch.einsum("fijw,fijx->fiwx", α, direction) + torch.einsum("fijw,fjwx->fiwx", β, V))
                    / 8**0.5
                )
                heard.append((V.square().sum(dim=-1) + 1e-6).sqrt())
            h = h + self.ψ[layer](torch.cat(heard, dim=-1))
        if self.rung == COORDINATES:
            return self.scale * self.head(h)
        F = torch.einsum("fijo,fijx->fix", self.head(message) * u, direction)
        return self.scale * (F if self.rung == INVARIANT or self.rung == ARROWS else F + self.W(V.mT)[..., 0])


def two_layers(inputs: int, outputs: int) -> nn.Sequential:
    """Stack two linear maps with silu between them."""
    return nn.Sequential(nn.Linear(inputs, WIDTH), nn.SiLU(), nn.Linear(WIDTH, outputs))


@dataclass(frozen=True, eq=False)
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
        R = torch.tensor(symmetry.random_rotations(k * len(self), rng)).to(self.pos)
        pos, forces = (x.repeat_interleave(k, dim=0) @ R.mT for x in (self.pos, self.forces))
        return Frames(pos, forces, self.numbers)


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


def error(model: nn.Module, frames: Frames) -> Float[Tensor, ""]:
    """Return the mean length of what is missing from a force, eV/Å; no choice of axes changes it."""
    return (model(frames.pos) - frames.forces).norm(dim=-1).mean()


def fit(model: nn.Module, seen: Frames, valid: Frames, *, steps: int = STEPS) -> None:
    """Train by the rule above; the model ends with the weights that were best on `valid`."""

    def loss() -> Tensor:
        return error(model, seen[torch.randint(len(seen), (BATCH,))])

    best, weights = math.inf, copy.deepcopy(model.state_dict())
    for step in training.descend(model, loss, steps=steps, learning_rate=LEARNING_RATE, decay=0.0):
        if step % max(1, steps // LOOKS):
            continue
        with torch.no_grad():
            now = error(model, valid).item()
        if now < best:
            best, weights = now, copy.deepcopy(model.state_dict())
    model.load_state_dict(weights)


def measure(dataset: Dataset, model: str, *, n: int, k: int = 1, seed: int = 0, steps: int = STEPS) -> float:
    """Train one model and test it on new geometries in random orientations.

    Args:
        dataset: ``ethanol_xtb``.
        model: one of `RUNGS`, or `RIDGE` or `KERNEL`, regularised fits to the list of coordinates.
        n: number of training geometries.
        k: number of random orientations in which it sees each of them; with 0 nothing is turned, not even the
            test geometries, which all stand in the same orientation.
        seed: of the choice of geometries, the rotations, the batches and the initial weights.
        steps: number of gradient steps of a network.

    Returns:
        Mean length of what is missing from a force on the test frames, eV/Å.

    Raises:
        ValueError: for an unknown model, or a negative k.
    """
    if model not in (*RUNGS, RIDGE, KERNEL):
        raise ValueError(f"model: expected one of {(*RUNGS, RIDGE, KERNEL)}, got {model!r}")
    if k < 0:
        raise ValueError(f"k: expected a number of orientations, 0 for none, got {k}")
    train, valid, test = split(dataset, n, seed=seed)
    seen = train
    if k:
        turns = np.random.default_rng(0)
        valid, test = valid.turned(1, turns), test.turned(1, turns)
        seen = train.turned(k, np.random.default_rng(seed))
    torch.manual_seed(seed)
    if model in RUNGS:
        network = MessagePassing(model, train.numbers, scale=train.forces.abs().mean().item())
        fit(network, seen, valid, steps=steps)
        with torch.no_grad():
            return error(network, test).item()
    return ridge(seen, valid, test, gaussian=model == KERNEL)


def ridge(seen: Frames, valid: Frames, test: Frames, *, gaussian: bool) -> float:
    """Fit forces to the list of coordinates, by ridge or kernel ridge regression.

    The penalty, and the width of the Gaussian kernel, are those with the smallest error on `valid`.

    Returns:
        Mean length of what is missing from a force on `test`, eV/Å.
    """
    X, V, T = ((f.pos - f.pos.mean(dim=1, keepdim=True)).flatten(1).double() for f in (seen, valid, test))
    mean, F = seen.forces.double().mean(dim=0), seen.forces.double()
    best = (math.inf, math.inf)
    spread = X.var(dim=0).sum().sqrt()
    for width in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2) if gaussian else (0.0,):

        def kernel(A: Tensor, width: float = width) -> Tensor:
            if gaussian:
                return (-torch.cdist(A, X).square() / (2 * (width * spread) ** 2)).exp()
            return (A - X.mean(dim=0)) @ (X - X.mean(dim=0)).T / spread**2

        values, vectors = torch.linalg.eigh(kernel(X))
        projected = vectors.T @ (F - mean).flatten(1)
        for penalty in 10.0 ** torch.arange(-8, 2):
            weights = vectors @ (projected / (values.clamp(min=0) + penalty)[:, None])
            errors = [
                ((kernel(A) @ weights).view_as(f.forces) + mean - f.forces).norm(dim=-1).mean().item()
                for A, f in ((V, valid), (T, test))
            ]
            best = min(best, (errors[0], errors[1]))
    return best[1]
