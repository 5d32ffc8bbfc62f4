"""Structures and planted cases for the exercises of session 4."""

from functools import cache

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from torch import Tensor

from tutorial_utils import graphs


@cache
def sites() -> dict[str, Tensor]:
    """First neighbours (Å) in four lattices."""
    close = 3.61 / 2**0.5
    crystals = {
        "fcc": (bulk("Cu", "fcc", a=3.61), 3.0),
        "bcc": (bulk("Fe", "bcc", a=2.87), 2.6),
        "hcp": (bulk("Cu", "hcp", a=close, c=close * (8 / 3) ** 0.5), 3.0),
        "diamond": (bulk("Si", "diamond", a=5.43), 2.5),
    }
    return {name: neighbours(atoms, cutoff) for name, (atoms, cutoff) in crystals.items()}


def neighbours(atoms: Atoms, cutoff: float) -> Tensor:
    """Return the vectors (Å) from atom 0 to its neighbours, images included."""
    graph = graphs.to_graph(atoms, cutoff)
    return graphs.edge_vectors(graph)[graph.edge_index[1] == 0]


def cloud(atoms: int, shortest: float, longest: float, *, seed: int = 0) -> Tensor:
    """Return neighbours (Å) in random directions, at distances between the two given."""
    rng = np.random.default_rng(seed)
    v = rng.normal(size=(atoms, 3))
    lengths = rng.uniform(shortest, longest, size=(atoms, 1))
    return torch.tensor(v / np.linalg.norm(v, axis=1, keepdims=True) * lengths)


def polygon(corners: tuple[int, ...], sides: int) -> Tensor:
    """Return corners (Å) of a regular polygon, numbered around a circle of 1.5 Å."""
    angles = 2 * torch.pi * torch.tensor(corners, dtype=torch.float64) / sides
    return 1.5 * torch.stack([angles.cos(), angles.sin(), 0 * angles], dim=1)
