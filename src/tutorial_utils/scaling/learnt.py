"""Does a network learn a symmetry that nobody built in? A transformer on ethanol's forces, as it trains.

The transformer reads coordinates and sees every frame in a new random orientation. `split_loss` returns which
share of what is left of its loss is broken equivariance: see `symmetry.split_error`.
Source: Shen, Nowara, Maser, Cho, arXiv:2512.02303, where it is called the percent of loss due to
equivariance.
"""

from collections.abc import Collection, Iterator

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tutorial_utils import symmetry, training
from tutorial_utils.datasets import Dataset
from tutorial_utils.studies.augmentation import Frames

TRAIN, GAP = 1100, 100  # frames from the start; frames left out before the test frames, which are the last
TEST_FRAMES, ROTATIONS = 150, 16  # of the test frames, and random orientations of each, in a measurement
WIDTH, HEADS, LAYERS = 64, 4, 3
BATCH, LEARNING_RATE = 32, 2e-3
CONSTANT, COSINE = "constant", "cosine"
SCHEDULES = (CONSTANT, COSINE)


class Transformer(nn.Module):
    """Predict forces on the atoms of one kind of molecule from coordinates, by attention between all atoms.

    No symmetry but that of exchanging like atoms is built in.
    """

    def __init__(self, numbers: Int[Tensor, " atoms"], *, scale: float = 1.0):
        """Build it with random weights.

        Args:
            numbers: atomic numbers of the molecule.
            scale: a typical force component, eV/Å; predictions are multiplied by it.
        """
        super().__init__()
        elements, which = torch.unique(numbers, return_inverse=True)
        self.register_buffer("which", which, persistent=False)
        self.scale = scale
        self.element = nn.Embedding(len(elements), WIDTH)
        self.place = nn.Sequential(nn.Linear(3, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH))
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, 2 * WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.attention = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3))

    def forward(self, pos: Float[Tensor, "frames atoms 3"]) -> Float[Tensor, "frames atoms 3"]:
        """Predict forces, eV/Å, from positions, Å, whatever the origin."""
        centred = pos - pos.mean(dim=1, keepdim=True)
        return self.scale * self.head(self.attention(self.element(self.which) + self.place(centred)))


def in_time(dataset: Dataset) -> tuple[Frames, Frames]:
    """Split a trajectory in time: the early frames train, the late ones test, and a gap lies between.

    Args:
        dataset: ``ethanol_xtb``, 1500 frames 100 fs apart.

    Returns:
        Training frames, and `TEST_FRAMES` evenly spaced late ones.
    """
    dtype = torch.get_default_dtype()
    pos = torch.tensor(np.array([atoms.positions for atoms in dataset.structures])).to(dtype)
    frames = Frames(
        pos, torch.tensor(dataset["forces"]).to(dtype), torch.tensor(dataset.structures[0].numbers)
    )
    late = torch.linspace(TRAIN + GAP, len(dataset) - 1, TEST_FRAMES).round().long()
    return frames[:TRAIN], frames[late]


@torch.no_grad()
def split_loss(model: nn.Module, frames: Frames, *, rotations: int = ROTATIONS) -> tuple[float, float]:
    """Measure a loss, and how much of it is broken equivariance.

    Args:
        model: from positions (frames, atoms, 3), Å, to forces of the same shape, eV/Å.
        frames: what it has not seen.
        rotations: how many random orientations of each frame, the same ones at each call; at least 2.

    Returns:
        Mean square error of a force component, divided by that of predicting zero; and the share of it that
        is broken equivariance.

    Raises:
        ValueError: for fewer than two rotations.
    """
    n, rng = len(frames), np.random.default_rng(0)
    R = torch.tensor(symmetry.random_rotations(n * rotations, rng)).to(frames.pos)
    pos = frames.pos.repeat_interleave(rotations, dim=0) @ R.mT
    answers = torch.cat([model(part) for part in pos.split(1200)])
    return symmetry.split_error((answers @ R).unflatten(0, (n, rotations)), frames.forces)


def train(
    seen: Frames,
    held_out: Frames,
    *,
    steps: int,
    schedule: str = COSINE,
    seed: int = 0,
    looks: Collection[int] = (),
) -> Iterator[tuple[int, float, float]]:
    """Train a transformer, every batch in new random orientations, and look at it on the way.

    Args:
        seen: training frames.
        held_out: frames to measure on.
        steps: gradient steps, each on `BATCH` frames.
        schedule: one of `SCHEDULES`: the learning rate stays, or falls to zero along a cosine.
        seed: of the weights, the batches and the rotations.
        looks: steps after which to measure, besides the last.

    Yields:
        steps done, loss, share, as in `split_loss`.

    Raises:
        ValueError: for an unknown schedule.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f"schedule: expected one of {SCHEDULES}, got {schedule!r}")
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = Transformer(seen.numbers, scale=seen.forces.square().mean().sqrt().item())

    def loss() -> Tensor:
        batch = seen[torch.tensor(rng.integers(len(seen), size=BATCH))].turned(1, rng)
        return ((model(batch.pos) - batch.forces) / model.scale).square().mean()

    decay = 1.0 if schedule == CONSTANT else 0.0
    for step in training.descend(model, loss, steps=steps, learning_rate=LEARNING_RATE, decay=decay):
        if step == steps or step in looks:
            yield step, *split_loss(model, held_out)
