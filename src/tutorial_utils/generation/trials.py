"""The comparison of session 9: flow matching on LJ13, with and without symmetry and assignment.

* `ASSIGNED`: the equivariant field; each x₁ is renumbered and turned towards its x₀.
* `UNASSIGNED`: the same field, pairs as they come.
* `PLAIN`: a transformer on coordinates; pairs are assigned, then both are turned by one random rotation.

All are trained with Adam on batches of one size for the same processor time: the learning rate follows the
clock, not the steps.
"""

import math
import time
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from tutorial_utils import training
from tutorial_utils.datasets import Dataset
from tutorial_utils.generation import clusters, flow

ASSIGNED, UNASSIGNED = "equivariant, assigned pairs", "equivariant, random pairs"
PLAIN = "transformer, augmentation"
MODELS = (ASSIGNED, UNASSIGNED, PLAIN)
# of processor time, …, at the start; with 1e-3 and 2e-3 the transformer's W1 stays at 28 kT
SECONDS, BATCH, LEARNING_RATE = 15.0, 64, 4e-3
UNIT = 1e-4  # of the coordinates in the dataset `lj13`
SHIPPED = Path(__file__).with_name("lj13.pt")

Configurations = Float[Tensor, "samples particles 3"]


def split(lj13: Dataset) -> tuple[Configurations, Configurations]:
    """Return the samples to train on, and a fifth to compare with, as tensors of the default dtype."""
    x = clusters.centre(torch.tensor(lj13["coordinates"], dtype=torch.get_default_dtype()) * UNIT)
    return x[len(x) // 5 :], x[: len(x) // 5]


def new_field(model: str) -> nn.Module:
    """Build the network of one of `MODELS`, with random weights."""
    if model not in MODELS:
        raise ValueError(f"model: expected one of {MODELS}, got {model!r}")
    return flow.PlainField() if model == PLAIN else flow.EquivariantField()


def pairs(
    model: str, train: Configurations, *, generator: torch.Generator
) -> tuple[Configurations, Configurations]:
    """Draw a batch of pairs x₀, x₁, as the model wants them."""
    x1 = train[torch.randint(len(train), (BATCH,), generator=generator)]
    x0 = clusters.prior(BATCH, generator=generator).to(x1)
    if model != UNASSIGNED:
        x1 = flow.assign(x0, x1)
    if model == PLAIN:  # chosen assignments favour no direction, but finite batches do not know that
        R = random_turns(BATCH, generator).to(x1)
        x0, x1 = x0 @ R, x1 @ R
    return x0, x1


def random_turns(number: int, generator: torch.Generator) -> Float[Tensor, "number 3 3"]:
    """Return random rotations and reflections."""
    four = torch.randn(number, 4, generator=generator).double().numpy()
    sign = torch.where(torch.rand(number, generator=generator) < 0.5, -1.0, 1.0)
    return torch.tensor(Rotation.from_quat(four).as_matrix()) * sign[:, None, None]


def train(
    model: str, data: Configurations, *, seconds: float = SECONDS, steps: int | None = None, seed: int = 0
) -> tuple[nn.Module, int, float]:
    """Train one of `MODELS` for a time; the learning rate falls to zero along half a cosine.

    Args:
        model: one of `MODELS`.
        data: samples to train on.
        seconds: of processor time.
        steps: a number of steps instead, the same on any machine.
        seed: of weights, pairs and times.

    Returns:
        the field, how many steps it took, and the mean loss of the last tenth of them.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    field = new_field(model)
    optimizer = torch.optim.Adam(field.parameters(), lr=LEARNING_RATE)
    losses: list[float] = []
    start, done = time.process_time(), 0.0
    while done < 1:
        done = len(losses) / steps if steps else (time.process_time() - start) / seconds
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 + math.cos(math.pi * min(done, 1))) / 2
        x0, x1 = pairs(model, data, generator=generator)
        value = flow.loss(field, x0, x1, torch.rand(BATCH, generator=generator).to(x1))
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(field.parameters(), 1.0)
        optimizer.step()
        losses.append(value.item())
    return field.eval(), len(losses), float(np.mean(losses[-max(len(losses) // 10, 1) :]))


def evaluate(
    field: nn.Module, test: Configurations, *, likelihood: bool, seed: int
) -> tuple[float, float, float, float, float]:
    """Compare samples of a field with those of the Markov chain.

    Args:
        field: trained.
        test: configurations of the reference.
        likelihood: whether to integrate the exact divergence too.
        seed: of the prior's samples.

    Returns:
        W1 of the energies (kT; those above the reference's count as its largest), fraction of samples whose
        energy lies in the reference's range, mean length of a path over that of the straight line, effective
        sample size over the number of samples (NaN without likelihood), and the field's relative
        equivariance error.
    """
    generator = torch.Generator().manual_seed(seed)
    x0 = clusters.prior(256, generator=generator).to(test)
    path = flow.integrate(field, x0, steps=10)
    likely = flow.integrate(field, x0[:128], steps=8, divergence=flow.exact) if likelihood else None
    E, reference = clusters.energy(path.x), clusters.energy(test)
    inside = ((reference.min() <= E) & (reference.max() >= E)).float().mean().item()
    ess = math.nan
    if likely is not None and likely.log_p is not None:
        ess = round(flow.effective_size(-clusters.energy(likely.x) - likely.log_p), 4)
    detour = (path.length / path.straight).mean().item()
    return (
        round(wasserstein(E.clamp(max=reference.max()), reference), 3),
        round(inside, 4),
        round(detour, 3),
        ess,
        float(f"{violation(field, x0[:32], generator):.1e}"),
    )


def wasserstein(a: Float[Tensor, " some"], b: Float[Tensor, " others"]) -> float:
    """Return the Wasserstein-1 distance of two samples of numbers: the area between their quantiles."""
    q = (torch.arange(1000).to(a) + 0.5) / 1000
    return (torch.quantile(a, q) - torch.quantile(b, q)).abs().mean().item()


def violation(field: nn.Module, x: Configurations, generator: torch.Generator) -> float:
    """Return |v(x R) - v(x) R| over |v(x)| at t = 1/2."""
    R, t = random_turns(len(x), generator).to(x), torch.full((len(x),), 0.5).to(x)
    with torch.no_grad():
        v = field(x, t)
        return ((field(x @ R, t) - v @ R).norm() / v.norm()).item()


def save(field: nn.Module) -> None:
    """Write the weights that the package ships."""
    training.save(SHIPPED, field, made_by="reference_data/flow_matching.py")


def shipped() -> nn.Module:
    """Return the first network trained with assigned pairs, in the default dtype."""
    field = new_field(ASSIGNED)
    training.load(SHIPPED, field)
    return field.to(torch.get_default_dtype()).eval()
