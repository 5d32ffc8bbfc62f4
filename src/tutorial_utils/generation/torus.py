"""Flow matching for small crystals: fractional coordinates live on a torus, the volume on a line.

Elements and the shape of the cell are given; the flow finds where the atoms sit and how large the cell is.

    f_t = f₀ + t d,   log V_t = (1 - t) log V₀ + t log V₁

with the way d from f₀ to an image of f₁, its mean over the atoms taken off: a crystal has no origin. Noise
is uniform on the torus, with a volume that tabulated radii suggest. A network sees the crystal at time t and
learns the velocities of atoms (d times the cell, Å) and of log V.

f₁ stands for a family: moved, renumbered among equal elements, turned by what leaves the cell's shape as it
is, each atom in whichever cell. `assign` takes the member with the shortest way, as `flow.assign` does for
clusters. Sources: arXiv:2302.03660 (flows on a torus), arXiv:2406.04713 (crystals, the mean taken off).
"""

import itertools
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from ase import Atoms
from ase.data import covalent_radii
from e3nn.nn import FullyConnectedNet
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from tutorial_utils import datasets, graphs
from tutorial_utils.arguments import explain
from tutorial_utils.generation.flow import of_time
from tutorial_utils.nn.network import EquivariantNetwork, pool
from tutorial_utils.phonons.species import NAMES, descriptors
from tutorial_utils.structures import plain

VOLUME = 20.0  # Å³ an atom, at which the network sees crystals
CUTOFF = 5.0  # Å, at this volume: beyond the shortest lattice vectors, so that an atom sees its own images
VOLUME_SCALE = 0.6  # a typical difference of log V between noise and data: the unit of the network's answer
# for `training.fit`: the table's trainings, and the notebook's
TRAINING = {"epochs": 10, "batch_size": 64, "learning_rate": 1e-2, "decay": 0.02, "quiet": True}
EACH = 40  # lines for each crystal in a training


def crystals() -> tuple[list[Atoms], list[str], list[np.ndarray]]:
    """Return the crystals of `crystals_pbesol` with two or three atoms, their kinds, and five parts."""
    data = datasets.load("crystals_pbesol")
    kept = [n for n, atoms in enumerate(data.structures) if len(atoms) > 1]
    parts = np.array_split(np.random.default_rng(0).permutation(len(kept)), 5)
    return [data.structures[n] for n in kept], [str(data["kind"][n]) for n in kept], parts


def wrap(d: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Return differences of fractional coordinates on the shorter way round, between -1/2 and 1/2."""
    return d - np.round(d)


@cache
def _turns(metric: bytes) -> Int[np.ndarray, "turns 3 3"]:
    G = np.frombuffer(metric).reshape(3, 3)
    every = np.array(list(itertools.product((-1, 0, 1), repeat=9))).reshape(-1, 3, 3)
    return every[np.abs(every @ G @ every.mT - G).max(axis=(1, 2)) < 1e-3]


def lattice_turns(cell: Float[np.ndarray, "3 3"]) -> Int[np.ndarray, "turns 3 3"]:
    """Return the rotations and reflections that leave a lattice as it is, as they act on f (f -> f @ W).

    They are the matrices of whole numbers with W G Wᵀ = G, G the cell's matrix of scalar products; those of a
    reduced cell, which has no short diagonals, consist of -1, 0 and 1.
    """
    G = np.asarray(cell, dtype=float) @ np.transpose(cell)
    if not np.linalg.det(G) > 0:
        raise ValueError(f"cell: expected three lattice vectors (3, 3) in Å that span a volume, got {cell}")
    return _turns(np.round(G / np.trace(G), 6).tobytes())


def orders(
    one: Int[np.ndarray, " atoms"], other: Int[np.ndarray, " others"], *, elements: bool = True
) -> Int[np.ndarray, "orders others"]:
    """Return all ways to renumber the atoms of a second crystal so that they fit those of the first.

    Args:
        one: atomic numbers of the first.
        other: of the second.
        elements: the same elements have to meet; False: only equal atoms equal ones, AB2 fits CD2.
    """
    every = np.array(list(itertools.permutations(range(len(other)))))
    if len(one) != len(other):
        return every[:0]
    if elements:
        return every[(other[every] == one).all(axis=1)]
    alike = other[every][:, :, None] == other[every][:, None]
    return every[(alike == (one[:, None] == one)).all(axis=(1, 2))]


def assign(
    f0: Float[np.ndarray, "atoms 3"],
    f1: Float[np.ndarray, "atoms 3"],
    *,
    cell: Float[np.ndarray, "3 3"],
    order: Int[np.ndarray, "orders atoms"],
) -> Float[np.ndarray, "atoms 3"]:
    """Return the shortest way from f₀ to an image of f₁, without its mean: fractions of the cell.

    Args:
        f0: fractional coordinates of the start.
        f1: of the end.
        cell: lattice vectors in rows, Å; the way is shortest in Å.
        order: in which the atoms of f₁ may be numbered, as `orders` gives.
    """
    images = np.einsum("pia,gab->pgib", f1[order], lattice_turns(cell)).reshape(-1, *f1.shape)
    # One atom after the other is put on its goal, which fixes the origin; the others go the shorter way.
    d = images[:, None] - images[:, :, None] - (f0[None] - f0[:, None])  # (images, put there, atoms, 3)
    d = _nearest(d.reshape(-1, *f1.shape), cell)
    d = d - d.mean(axis=1, keepdims=True)
    return d[np.square(d @ cell).sum(axis=(1, 2)).argmin()]


def _nearest(d: Float[np.ndarray, "ways atoms 3"], cell: Float[np.ndarray, "3 3"]) -> np.ndarray:
    """Add whole numbers so that each step is short in Å; in a skew cell `wrap` alone does not do that."""
    shifts = np.array(list(itertools.product((0, -1, 1), repeat=3)))
    near = wrap(d)[..., None, :] + shifts  # (ways, atoms, 27, 3)
    best = np.square(near @ cell).sum(axis=-1).round(9).argmin(axis=-1)
    return np.take_along_axis(near, best[..., None, None], axis=2)[..., 0, :]


def distance(one: Atoms, other: Atoms, *, elements: bool = True) -> float:
    """Return how far the atoms of two crystals lie apart, whatever their volumes and origins.

    It is the root mean square of the shortest way, in units of the cube root of the volume of an atom;
    infinite if the shapes of the cells differ, or the elements (see `orders`).

    Raises:
        ValueError: for what is no crystal, periodic along all axes.
    """
    for name, each in (("one", one), ("other", other)):
        if not plain(each, argument=name).pbc.all():
            raise ValueError(
                f"{name}: expected a crystal, periodic along all axes, got pbc {each.pbc.tolist()}"
            )
    cells = [c.cell.array * (len(c) / c.get_volume()) ** (1 / 3) for c in (one, other)]
    order = orders(one.numbers, other.numbers, elements=elements)
    if not len(order) or not np.allclose(cells[0] @ cells[0].T, cells[1] @ cells[1].T, atol=1e-3):
        return np.inf
    way = assign(one.get_scaled_positions(), other.get_scaled_positions(), cell=cells[0], order=order)
    return float(np.sqrt(np.square(way @ cells[0]).sum(axis=1).mean()))


def expected_volume(numbers: Int[np.ndarray, " atoms"]) -> float:
    """Return log of the sum of the cubed covalent radii, Å³: what is known of a volume in advance."""
    return float(np.log((covalent_radii[numbers] ** 3).sum()))


class Prior:
    """Noise for crystals: positions uniform in the cell, log V normal around what radii suggest."""

    def __init__(self, crystals: Sequence[Atoms]):
        """Learn two numbers from training crystals: mean and spread of log V less `expected_volume`."""
        excess = [np.log(c.get_volume()) - expected_volume(c.numbers) for c in crystals]
        self.mean, self.spread = float(np.mean(excess)), float(np.std(excess))

    def sample(self, crystal: Atoms, rng: np.random.Generator) -> Atoms:
        """Draw noise for the elements and the shape of the cell of a crystal."""
        log_volume = expected_volume(crystal.numbers) + rng.normal(self.mean, self.spread)
        return placed(crystal, rng.random((len(crystal), 3)), log_volume)


def placed(crystal: Atoms, f: Float[np.ndarray, "atoms 3"], log_volume: float) -> Atoms:
    """Return a crystal with other fractional coordinates and another volume (log of Å³)."""
    new = crystal.copy()
    new.set_cell(crystal.cell.array * np.exp((log_volume - np.log(crystal.get_volume())) / 3))
    new.set_scaled_positions(f)
    return new


@cache
def _species() -> Float[np.ndarray, "numbers properties"]:
    return descriptors()


def graph_at(crystal: Atoms, t: float, *, way: np.ndarray | None = None, rate: float = 0.0) -> Data:
    """Turn a crystal at time t into a graph, with velocities to learn if there is a way.

    The network sees all crystals at one volume an atom, so that one arrangement looks alike whatever it is
    made of; the volume is a number beside it. Elements enter by numbers, too, so that a rare one learns from
    its neighbours in the periodic table: to the graph all atoms are one element.
    """
    alike = placed(crystal, crystal.get_scaled_positions(), np.log(VOLUME * len(crystal)))
    alike.numbers[:] = 1
    excess = np.log(crystal.get_volume()) - expected_volume(crystal.numbers)
    return graphs.to_graph(
        alike,
        CUTOFF,
        system={"time": of_time(torch.tensor([t]))[0], "volume": [excess], "rate": [rate]},
        atom={
            "species": _species()[crystal.numbers],
            "velocity": np.zeros((len(crystal), 3)) if way is None else way @ alike.cell.array,
        },
    )


def lines(crystals: Sequence[Atoms], prior: Prior, *, each: int = EACH, seed: int = 0) -> list[Data]:
    """Draw noise for each crystal, join it to the nearest image of the crystal, and stop at a random time.

    Args:
        crystals: to learn from.
        prior: of the noise.
        each: lines a crystal.
        seed: of noise and times.
    """
    rng, found = np.random.default_rng(seed), []
    for crystal in crystals:
        f1, order = crystal.get_scaled_positions(), orders(crystal.numbers, crystal.numbers)
        for _ in range(each):
            # more early times than late ones: later the positions themselves show where the atoms go
            noise, t = prior.sample(crystal, rng), float(rng.random()) ** 2
            f0 = noise.get_scaled_positions()
            way = assign(f0, f1, cell=crystal.cell.array, order=order)
            before, after = np.log(noise.get_volume()), np.log(crystal.get_volume())
            now = placed(crystal, f0 + t * way, (1 - t) * before + t * after)
            found.append(graph_at(now, t, way=way, rate=after - before))
    return found


def nearest_copy(crystal: Atoms, known: Sequence[Atoms]) -> Atoms:
    """Put the elements of a crystal into the known crystal with the nearest ones: a model without training.

    Near is what has similar `descriptors`; shape of the cell and pattern of equal atoms have to agree. The
    volume is scaled by `expected_volume`.

    Raises:
        ValueError: if no known crystal fits.
    """
    best, found = np.inf, None
    for other in known:
        if not np.isfinite(distance(crystal, other, elements=False)):
            continue
        for order in orders(crystal.numbers, other.numbers, elements=False):
            far = np.abs(_species()[crystal.numbers] - _species()[other.numbers[order]]).sum()
            if far < best:
                volume = np.log(other.get_volume()) + expected_volume(crystal.numbers)
                best, found = (
                    far,
                    (other.get_scaled_positions()[order], volume - expected_volume(other.numbers)),
                )
    if found is None:
        raise ValueError(f"known: none has the cell and the pattern of equal atoms of {crystal.symbols}")
    return placed(crystal, *found)


class CrystalField(nn.Module):
    """Velocities of atoms (Å) and of log V, for crystals at a time.

    * Velocities turn with the crystal; moved, renumbered, or written with atoms in other cells it has the
      same ones. Their sum is zero.
    """

    def __init__(self, irreps_hidden: str = "16x0e+8x1o+4x2e"):
        """Build it with random weights."""
        super().__init__()
        self.known = FullyConnectedNet([3 * len(NAMES) + 6, 64, 16], nn.functional.silu)  # of order 1
        self.network = EquivariantNetwork(
            ["H"], "1o+0e", irreps_hidden=irreps_hidden, cutoff=CUTOFF, neighbours=24.0, per="atom",
            inputs={"known": "16x0e"},
        )  # fmt: skip

    def forward(self, graph: Data) -> tuple[Float[Tensor, "atoms 3"], Float[Tensor, "graphs 1"]]:
        """Return the velocities of the atoms, Å, and of log V."""
        graph = graphs.follow(graph, self)
        which = graph.batch if "batch" in graph else torch.zeros_like(graph.atomic_numbers)
        own = graph.species
        mean, square = (pool(x, graph, "mean")[which] for x in (own, own**2))
        known = torch.cat([own, mean, square - mean**2, graph.time[which], graph.volume[which]], dim=1)
        out = self.network(graph.__copy__().update({"known": self.known(known)}))
        mean = pool(out, graph, "mean")
        return (out[:, :3] - mean[which, :3]), VOLUME_SCALE * mean[:, 3:]


def loss(field: nn.Module, batch: Batch) -> Tensor:
    """Return the mean squared errors of velocity (Å) and of the rate of log V over `VOLUME_SCALE`, added."""
    velocity, rate = field(batch)
    return (velocity - batch.velocity).square().mean() + ((rate - batch.rate) / VOLUME_SCALE).square().mean()


@torch.no_grad()
def generate(field: nn.Module, noise: Sequence[Atoms], *, steps: int = 20) -> list[list[Atoms]]:
    """Carry noise from t = 0 to t = 1 by steps of equal length.

    Returns:
        the crystals at each time, those of the noise first: (steps + 1) lists.
    """
    path = [list(noise)]
    for k in range(steps):
        batch = graphs.batch([graph_at(crystal, (k + 0.5) / steps) for crystal in path[-1]])
        velocity, rate = field(batch)
        moved, begin = [], 0
        for crystal, change in zip(path[-1], rate[:, 0].tolist(), strict=True):
            at_standard = crystal.cell.array * (VOLUME * len(crystal) / crystal.get_volume()) ** (1 / 3)
            v = velocity[begin : begin + len(crystal)].double().cpu().numpy() @ np.linalg.inv(at_standard)
            f = crystal.get_scaled_positions() + v / steps
            moved.append(placed(crystal, f, np.log(crystal.get_volume()) + change / steps))
            begin += len(crystal)
        path.append(moved)
    return path


explain(globals())
