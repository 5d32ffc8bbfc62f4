"""Matter in an expanding universe: a particle-mesh simulation, and what positions say about velocities.

Positions x are comoving (Mpc/h), momenta p = a² dx/dt with the Hubble constant as unit of frequency, in an
Einstein-de Sitter universe (matter only), where small overdensities grow like the scale factor a:

    dx/da = p a^(-3/2),      dp/da = -3/2 a^(-1/2) g,      g = ∇∇⁻²δ

Source: R. W. Hockney, J. W. Eastwood, Computer simulation using particles (1988); the spectrum is that of
J. M. Bardeen, J. R. Bond, N. Kaiser, A. S. Szalay, Astrophys. J. 304, 15 (1986).
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from ase import Atoms
from e3nn import o3
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from torch import Tensor
from torch_geometric.data import Data

from tutorial_utils import graphs, training
from tutorial_utils.arguments import explain
from tutorial_utils.datasets import Dataset
from tutorial_utils.fields.fluid import wave_vectors
from tutorial_utils.nn import EquivariantNetwork

BOX = 100.0  # Mpc/h, the edge of a periodic cube
KM_S = 100.0  # a velocity of 1 Mpc/h times the Hubble constant, in km/s
SIGMA8, SHAPE = 0.8, 0.2  # amplitude and shape of the spectrum of the first overdensities
START, STEPS = 0.02, 40  # scale factor at the start; steps to a = 1
LINK, FEWEST = 0.2, 25  # of friends of friends: in mean separations; particles of the smallest halo
RINGS = (0.0, 2.5, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0)  # Mpc/h, edges of the shells around a halo
MASS_POWERS = (0.0, 0.5, 1.0)
EPOCHS = 25  # of the networks
SOFTEN = 4.0  # Mpc/h, of one-number gravity; this and what follows serve the training boxes best
SMOOTH, MASS_POWER = 3.0, 0.75  # Mpc/h, and how halos are weighted by mass, in linear theory

Points = Float[Tensor, "points 3"]
Mesh = Float[Tensor, "n n n"]


# ---- particle mesh


def corners(x: Points, n: int) -> tuple[Int[Tensor, "points 8"], Float[Tensor, "points 8"]]:
    """Return the eight mesh points around each particle, and the particle's share in each."""
    scaled = x * (n / BOX)
    low = scaled.floor()
    part, low = scaled - low, low.long()
    index, weight = [], []
    for corner in range(8):
        up = torch.tensor([corner >> 2 & 1, corner >> 1 & 1, corner & 1])
        i = (low + up) % n
        index.append((i[:, 0] * n + i[:, 1]) * n + i[:, 2])
        weight.append(torch.where(up == 1, part, 1 - part).prod(dim=1))
    return torch.stack(index, dim=1), torch.stack(weight, dim=1)


def overdensity(x: Points, n: int, *, mass: Float[Tensor, " points"] | None = None) -> Mesh:
    """Return δ, the density over its mean less one, on n³ mesh points."""
    index, weight = corners(x, n)
    if mass is not None:
        weight = weight * mass[:, None]
    ρ = torch.zeros(n**3, dtype=x.dtype).index_add_(0, index.flatten(), weight.flatten())
    return (ρ / ρ.mean() - 1).view(n, n, n)


def field(δ: Mesh, *, smooth: float = 0.0) -> Float[Tensor, "3 n n n"]:
    """Return g = ∇∇⁻²δ (Mpc/h): in linear theory, minus the displacement.

    Args:
        δ: overdensity.
        smooth: standard deviation of a Gaussian, Mpc/h.
    """
    n = len(δ)
    k = wave_vectors(n).to(δ) * (2 * math.pi / BOX)
    square = k.square().sum(dim=0)
    waves = torch.fft.rfftn(δ) * torch.exp(-square * smooth**2 / 2) / square.clamp(min=1e-9)
    waves[0, 0, 0] = 0
    k = torch.where(k.abs() < k.max(), k, 0)  # the shortest wave has no slope: it might run either way
    return torch.fft.irfftn(-1j * k * waves, s=δ.shape, dim=(1, 2, 3))


def at(values: Float[Tensor, "3 n n n"], x: Points) -> Points:
    """Return a field at points, from the mesh points around."""
    index, weight = corners(x, values.shape[-1])
    return torch.stack([(v.flatten()[index] * weight).sum(dim=1) for v in values], dim=1)


def evolve(x: Points, p: Points, *, mesh: int, a: Sequence[float]) -> tuple[Points, Points]:
    """Follow particles from a[0] to a[-1], by kick, drift and kick at the scale factors of `a`.

    Args:
        x: positions, Mpc/h.
        p: momenta.
        mesh: points along an edge of the mesh.
        a: increasing scale factors.
    """
    g = at(field(overdensity(x, mesh)), x)
    for first, last in pairwise(a):
        middle = (first + last) / 2
        p = p - 3 * (middle**0.5 - first**0.5) * g
        x = (x + 2 * (first**-0.5 - last**-0.5) * p) % BOX
        g = at(field(overdensity(x, mesh)), x)
        p = p - 3 * (last**0.5 - middle**0.5) * g
    return x, p


# ---- beginning and end


def spectrum(k: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Return the power of the first overdensities at a = 1, (Mpc/h)³, up to a factor; k in h/Mpc."""
    q = (k / SHAPE).clamp(min=1e-9)
    poly = 1 + 3.89 * q + (16.1 * q) ** 2 + (5.46 * q) ** 3 + (6.71 * q) ** 4
    return k * (torch.log1p(2.34 * q) / (2.34 * q)) ** 2 * poly**-0.5


def amplitude() -> float:
    """Return the factor of `spectrum` that gives spheres of 8 Mpc/h a spread of `SIGMA8`."""
    k = torch.logspace(-4, 1.5, 4000, dtype=torch.float64)
    y = 8 * k
    window = 3 * (y.sin() - y * y.cos()) / y**3
    spread = torch.trapezoid(k**3 * spectrum(k) * window**2, k.log()) / (2 * math.pi**2)
    return SIGMA8**2 / spread.item()


def begin(particles: int, *, seed: int, a: float = START) -> tuple[Points, Points]:
    """Return positions and momenta of particles³ particles on a grid, displaced by a random linear field."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((particles,) * 3, generator=generator, dtype=torch.float64)
    k = wave_vectors(particles).square().sum(dim=0).sqrt() * (2 * math.pi / BOX)
    power = amplitude() * spectrum(k.double()) * (particles / BOX) ** 3
    δ = torch.fft.irfftn(torch.fft.rfftn(noise) * power.sqrt(), s=noise.shape)
    ψ = -field(δ).flatten(1).T.to(torch.get_default_dtype())
    grid = torch.arange(particles) * (BOX / particles)
    x = torch.stack(torch.meshgrid(grid, grid, grid, indexing="ij")).flatten(1).T
    return (x + a * ψ) % BOX, a**1.5 * ψ


def halos(x: Points, p: Points) -> tuple[Points, Float[Tensor, " halos"], Points, Float[Tensor, "halos 3 3"]]:
    """Find groups of particles in which everybody has a friend nearby.

    Returns:
        positions of the centres (Mpc/h), masses (particles), velocities (km/s, at a = 1), and the shapes:
        the trace-free second moment of the particles over its trace.
    """
    place, speed = x.double().numpy() % BOX, p.double().numpy()
    pairs = cKDTree(place, boxsize=BOX).query_pairs(LINK * BOX / len(place) ** (1 / 3), output_type="ndarray")
    links = coo_array((np.ones(len(pairs), dtype=bool), tuple(pairs.T)), shape=(len(place),) * 2)
    _, group = connected_components(links, directed=False)
    sizes = np.bincount(group)
    rows = []
    order = np.argsort(group, kind="stable")
    for members in np.split(order, np.cumsum(sizes)[:-1]):
        if len(members) < FEWEST:
            continue
        first = place[members[0]]
        near = place[members] - first
        near -= BOX * np.round(near / BOX)
        centre = near.mean(axis=0)
        M = (near - centre).T @ (near - centre)
        shape = M / M.trace() - np.eye(3) / 3
        rows.append(((first + centre) % BOX, float(len(members)), KM_S * speed[members].mean(axis=0), shape))
    position, mass, velocity, shapes = (torch.tensor(np.array(c)) for c in zip(*rows, strict=True))
    return position, mass, velocity, shapes


# ---- what positions say


def separations(x: Points) -> Float[Tensor, "points points 3"]:
    """Return the vectors from each halo to every other, to its nearest image."""
    if x.ndim != 2 or x.shape[1] != 3:
        raise ValueError(f"x: expected points (points, 3), got the shape {tuple(x.shape)}")
    d = x[None] - x[:, None]
    return d - BOX * torch.round(d / BOX)


def sums(x: Points, mass: Float[Tensor, " points"], l: int) -> Float[Tensor, "points shells dim"]:
    """Return what each halo sees: sums of Y_l of the directions to the others, over shells and mass powers.

    Args:
        x: positions, Mpc/h, in a periodic box.
        mass: of the halos.
        l: 1 for vectors, 2 for tensors.

    Returns:
        For each halo, shells × mass powers (shells first), the nearest shells first.
    """
    d = separations(x)
    r = d.norm(dim=2)
    Y = o3.spherical_harmonics(l, d, True, "component")
    found = []
    for low, high in pairwise(RINGS):
        inside = ((r > low) & (r <= high)).to(x)
        found += [torch.einsum("ij,j,ijm->im", inside, (mass / mass.mean()) ** α, Y) for α in MASS_POWERS]
    return torch.stack(found, dim=1)


def gravity(x: Points, mass: Float[Tensor, " points"], *, soften: float = 0.0) -> Points:
    """Return the sum of masses over squares of distances, towards them: one number is left to fit.

    Args:
        x: positions, Mpc/h, in a periodic box.
        mass: of the halos.
        soften: a length s (Mpc/h); distances r count as √(r² + s²), and never less than 1.
    """
    d = separations(x)
    r = (d.square().sum(dim=2) + soften**2).sqrt().clamp(min=1.0)
    return torch.einsum("j,ijc->ic", mass, d / r[..., None] ** 3)


def linear_theory(
    x: Points,
    mass: Float[Tensor, " points"],
    *,
    smooth: float = SMOOTH,
    mass_power: float = MASS_POWER,
    mesh: int = 64,
) -> Points:
    """Return the velocity (km/s) that goes with the density of halos, if small overdensities were all."""
    return -KM_S * at(field(overdensity(x, mesh, mass=mass**mass_power), smooth=smooth), x)


def boxes(dataset: Dataset) -> list[dict[str, Tensor]]:
    """Return the halos of each box of the dataset `cosmos`."""
    dtype = torch.get_default_dtype()
    return [
        {
            name: torch.tensor(dataset[name][dataset["box"] == box]).to(dtype)
            for name in ("position", "mass", "velocity", "shape")
        }
        for box in sorted(set(dataset["box"]))
    ]


def explained(prediction: Tensor, truth: Tensor) -> float:
    """Return R²: 1 is perfect, the answer zero scores 0."""
    return 1 - ((prediction - truth).square().sum() / truth.square().sum()).item()


# ---- models


Box = dict[str, Tensor]


def parts(boxes: list[Box]) -> tuple[list[Box], list[Box], list[Box]]:
    """Return boxes to train on, one for validation, and four for tests: no box is in two parts."""
    return boxes[:-5], boxes[-5:-4], boxes[-4:]


def columns(box: Box, *, target: str, model: str, cutoff: float) -> Float[Tensor, "numbers columns"]:
    """Return what is fitted by least squares: one column for each number to find."""
    x, mass = box["position"], box["mass"]
    if model == "gravity":
        return gravity(x, mass).flatten()[:, None]
    if model == "softened gravity":
        return gravity(x, mass, soften=SOFTEN).flatten()[:, None]
    if model == "linear theory":
        return linear_theory(x, mass).flatten()[:, None]
    shells = sum(edge <= cutoff for edge in RINGS[1:])
    found = sums(x, mass, 1 if target == "velocity" else 2)[:, : shells * len(MASS_POWERS)]
    return found.transpose(1, 2).flatten(0, 1)


def answers(box: Box, target: str) -> Float[Tensor, " numbers"]:
    """Return velocities in km/s, or shapes as five numbers of l = 2, end to end."""
    if target == "velocity":
        return box["velocity"].flatten()
    two = o3.wigner_3j(1, 1, 2).to(box["shape"]) * math.sqrt(5)
    return torch.einsum("hij,ijm->hm", box["shape"], two).flatten()


def fitted_score(
    train: list[Box], valid: list[Box], test: list[Box], *, target: str, model: str, cutoff: float
) -> float:
    """Fit on all boxes but the test's, and return R² on these."""

    def joined(some: list[Box]) -> tuple[Tensor, Tensor]:
        X = torch.cat([columns(box, target=target, model=model, cutoff=cutoff) for box in some])
        return X.double(), torch.cat([answers(box, target) for box in some]).double()

    X, y = joined(train + valid)
    numbers = torch.linalg.lstsq(X, y[:, None]).solution[:, 0]
    X, y = joined(test)
    return explained(X @ numbers, y)


def as_graph(box: Box, cutoff: float) -> Data:
    """Return a periodic graph of halos, with the logarithm of the mass as input."""
    atoms = Atoms("H" * len(box["mass"]), box["position"].numpy(), cell=[BOX] * 3, pbc=True)
    heavy = (box["mass"] / 100).log()[:, None]
    return graphs.to_graph(atoms, cutoff, atom={"heavy": heavy, "velocity": box["velocity"] / 300})


def network(lmax: int, cutoff: float) -> EquivariantNetwork:
    """Build the course's network for velocities, with random weights."""
    hidden = ("24x0e+12x1o", "24x0e+12x1o+6x2e")[lmax - 1]
    return EquivariantNetwork(
        ["H"], "1o", irreps_hidden=hidden, cutoff=cutoff, per="atom", inputs={"heavy": "0e"},
        neighbours=600 * 4 / 3 * math.pi * (cutoff / BOX) ** 3,
    )  # fmt: skip


def network_score(
    train: list[Box], valid: list[Box], test: list[Box], *, lmax: int, cutoff: float, seed: int
) -> float:
    """Train the course's network, keep its best weights on the validation box, and return R² of the test."""
    torch.manual_seed(seed)
    model = network(lmax, cutoff)
    some = [[as_graph(box, cutoff) for box in part] for part in (train, valid, test)]
    training.fit(
        model, lambda model, batch: (model(batch) - batch.velocity).square().mean(), train=some[0],
        valid=some[1], epochs=EPOCHS, learning_rate=1e-2, decay=0.01, batch_size=1, seed=seed, quiet=True,
    )  # fmt: skip
    with torch.no_grad():
        pairs = [(model(graph), graph.velocity) for graph in some[2]]
    return explained(*(torch.cat(column) for column in zip(*pairs, strict=True)))


explain(globals())
