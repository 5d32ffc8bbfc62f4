"""Structures and planted cases for the exercises of session 4."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from torch import Tensor

from tutorial_utils import graphs, groups
from tutorial_utils.datasets import Dataset


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


@cache
def orbit_site(name: str) -> tuple[Tensor, Tensor]:
    """Return neighbours (Å), one or two orbits of a point group, and its operations (order, 3, 3)."""
    G = np.array(groups.molecular(name))
    points = {"Td": [[0.7, 0.7, 0.7]], "Oh": [[1.6, 0, 0]], "D3h": [[1.4, 0.3, 0.8], [0, 0, 1.9]]}
    rows: list[np.ndarray] = []
    for point in points.get(name, [[1.3, 0.4, 0.6], [0.5, 1.2, -1.1]]):
        for image in G @ np.array(point):
            if not any(np.abs(image - row).max() < 1e-6 for row in rows):
                rows.append(image)
    return torch.tensor(np.array(rows)), torch.tensor(G)


@cache
def eight_corners() -> dict[str, Tensor]:
    """Return a cube and a square antiprism (Å)."""
    signs = np.array([[i, j, k] for i in (1, -1) for j in (1, -1) for k in (1, -1)], dtype=float)
    angles = np.pi / 2 * np.arange(4)
    levels = [(0.55, angles), (-0.55, angles + np.pi / 4)]
    prism = np.array([[np.cos(a), np.sin(a), h] for h, around in levels for a in around])
    return {"cube": torch.tensor(1.7 / 3**0.5 * signs), "square antiprism": torch.tensor(1.75 * prism)}


def warm_frames(frames: Dataset) -> list[int]:
    """Return the frames of bulk metals at 0.6 and 0.9 of the melting point."""
    hot = (frames["temperature"] / frames["melting_point"]).round(1)
    return np.flatnonzero((frames["system"] == "bulk") & np.isin(hot, (0.6, 0.9))).tolist()


def unseen_metals(frames: Dataset, x: Mapping[int, Tensor], phases: tuple[str, ...]) -> tuple[float, str]:
    """Fit Fisher's discriminant to copper, magnesium and iron; return how many other atoms are right.

    Returns:
        share of right atoms, and the most common mistake in words.
    """
    known = [n for n in x if frames.structures[n].symbols[0] in ("Cu", "Mg", "Fe")]
    k = {n: torch.full((len(x[n]),), phases.index(frames["phase"][n])) for n in x}
    seen, label = torch.cat([x[n] for n in known]), torch.cat([k[n] for n in known])
    shift, scale = seen.mean(0), seen.std(0).clamp(min=1e-12)
    seen = (seen - shift) / scale
    mean = torch.stack([seen[label == phase].mean(0) for phase in range(len(phases))])
    within = seen - mean[label]
    covariance = within.T @ within / len(seen) + 1e-3 * torch.eye(seen.shape[1])
    w = torch.linalg.solve(covariance, mean.T)
    others = [n for n in x if n not in known]
    guess = (torch.cat([(x[n] - shift) / scale for n in others]) @ w - (mean.T * w).sum(0) / 2).argmax(1)
    truth = torch.cat([k[n] for n in others])
    table = torch.zeros(len(phases), len(phases)).index_put(
        (truth, guess), torch.ones(len(truth)), accumulate=True
    )
    right = (table.diagonal().sum() / table.sum()).item()
    wrong = divmod(int(table.fill_diagonal_(0).argmax()), len(phases))
    return right, f"{phases[wrong[0]]} is taken for {phases[wrong[1]]}"
