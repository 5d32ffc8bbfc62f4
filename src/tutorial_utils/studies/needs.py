"""Which degree, and which range: what the tables of all sessions say about their systems.

A system *needs* the lowest degree, or the shortest range, whose error lies within a tenth of the best one
that was tried. Where the best one is also the highest tried, more might help.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from tutorial_utils import datasets
from tutorial_utils.densities.network import DensityNetwork
from tutorial_utils.fields import closures
from tutorial_utils.generation import hydrogens
from tutorial_utils.molecular_dynamics import nequip
from tutorial_utils.phonons import sums
from tutorial_utils.studies import augmentation, tensor_ladder
from tutorial_utils.tensors import ELASTIC, from_voigt, to_irreps

SLACK = 1.1  # an error is as good as the best if it is no more than this much larger
LEARNT = {"l = 0": 0, "l ≤ 1": 1, "l ≤ 2": 2, "l ≤ 3": 3}


@dataclass(frozen=True)
class System:
    """What was measured about one system.

    Attributes:
        session: where.
        name: of the system, or of the quantity.
        degrees: largest degree -> error, in whatever unit.
        ranges: range -> error, in distances of nearest neighbours; empty where the range was not varied.
        used: the range of the session's model in this unit; NaN where there is no range.
    """

    session: int
    name: str
    degrees: dict[int, float]
    ranges: dict[float, float]
    used: float

    @property
    def degree(self) -> int:
        """The degree needed."""
        return int(needed(self.degrees))

    @property
    def range(self) -> float:
        """The range needed, or the one used where none was varied."""
        return needed(self.ranges) if self.ranges else self.used


def needed(errors: dict) -> float:
    """Return the lowest key whose error is as good as the best."""
    best = min(errors.values())
    return min(key for key, error in errors.items() if error <= SLACK * best)


def systems() -> list[System]:
    """Return what the tables of the course say, by session."""
    of = {
        name: spacing(name)
        for name in ("ethanol_xtb", "molecules_hf", "water_clusters_pbe", "crystals_pbesol")
    }
    ladder = {
        target: {0: "invariant head", 1: "equivariant, l ≤ 1", 2: tensor_ladder.FULL}
        for target in ("dipole", "anisotropy")
    }
    reach = {
        "messages": augmentation.CUTOFF / of["ethanol_xtb"],
        "ladder": tensor_ladder.CUTOFF / of["molecules_hf"],
        "potential": default_cutoff(nequip.config) / of["ethanol_xtb"],
        "density": default_cutoff(DensityNetwork) / of["water_clusters_pbe"],
        "phonons": sums.CUTOFF / of["crystals_pbesol"],
        "hydrogens": hydrogens.CUTOFF / of["molecules_hf"],
    }
    messages = {0: "invariant messages", 1: "equivariant messages"}
    network = {l: f"NequIP, {'l = 0' if l == 0 else f'l ≤ {l}'}" for l in (0, 1, 2)}
    names = {l: name for name, l in LEARNT.items()}
    found = [
        System(1, "forces", means("augmentation", messages, "error", n=100), {}, reach["messages"]),
        System(2, "elastic tensors", elastic(), {}, float("nan")),
    ]
    for target, models in ladder.items():
        kept = {"molecules": 50, "test": "new molecules", "target": target, "equal": "equal scalars"}
        errors = means("tensor_ladder", models, "error", **kept)
        found.append(System(3, target, errors, {}, reach["ladder"]))
    study = {"study": "learning", "clusters": 204, "measure": "error", "molecules": 3}
    spectra = {"study": "models", "crystals": 1192, "measure": "cdf"}
    densities = means("density_network", names, "value", **study)
    phonons = means("phonon_networks", {l: names[l] for l in (0, 1, 2)}, "value", **spectra)
    table = datasets.load("hydrogens")
    lost = {int(l): float(np.exp(table["nll"][table["lmax"] == l].mean())) for l in set(table["lmax"])}
    forces = means("nequip_learning", network, "force_mae", frames=300)
    found += [
        System(4, "six neighbours", environments(), {}, float("nan")),
        System(5, "potential", forces, {}, reach["potential"]),
        System(6, "density", densities, {}, reach["density"]),
        System(7, "phonons", phonons, {}, reach["phonons"]),
        System(9, "lost hydrogens", lost, {}, reach["hydrogens"]),
        turbulence(),
        halos(),
    ]  # fmt: skip
    return found


def means(table: str, models: dict[int, str], value: str, **kept: object) -> dict[int, float]:
    """Return degree -> mean over seeds of a column, of the rows of a model that are kept.

    Raises:
        ValueError: if the table has no such rows.
    """
    data = datasets.load(table)
    rows = np.all([data[column] == wanted for column, wanted in kept.items()], axis=0)
    if missing := set(models.values()) - set(data["model"][rows]):
        raise ValueError(f"table: {table} has no rows of {', '.join(sorted(missing))} with {kept}")
    return {l: float(data[value][rows & (data["model"] == name)].mean()) for l, name in models.items()}


def spacing(name: str) -> float:
    """Return the median distance to the nearest neighbour in a dataset, Å."""
    found = []
    for atoms in datasets.load(name).structures[:50]:
        if len(atoms) > 1:
            d = atoms.get_all_distances(mic=bool(atoms.pbc.any()))
            found += list((d + np.diag(np.full(len(d), np.inf))).min(axis=1))
    return float(np.median(found))


def default_cutoff(model: Callable) -> float:
    """Return the cutoff that a model has if nobody says otherwise, Å."""
    return inspect.signature(model).parameters["cutoff"].default


def elastic() -> dict[int, float]:
    """Return how much of crystals' elastic tensors is left when degrees up to l are taken away."""
    stiffness = from_voigt(ELASTIC, datasets.load("elastic_crystals")["stiffness"])
    c = to_irreps(ELASTIC, torch.as_tensor(stiffness))
    degree = torch.cat([torch.full((mul * ir.dim,), ir.l) for mul, ir in ELASTIC.irreps])
    left = {l: c[:, degree > l].norm() / c.norm() for l in (0, 2, 4)}
    return {l: float(x) for l, x in left.items()}


def environments() -> dict[int, float]:
    """Return the share of random environments that did not come back from invariants up to l.

    That is, with as many radial functions as serve that degree best; all neighbours are within the cutoff.
    """
    table = datasets.load("recovery")
    here = (table["experiment"] == "map") & (table["invariants"] == "both")
    missed = {}
    for l in sorted({int(l) for l in table["lmax"][here]}):
        rows = here & (table["lmax"] == l)
        sizes = [table["right"][rows & (table["size"] == size)] for size in set(table["size"][rows])]
        missed[l] = min(float((right == 0).mean()) for right in sizes)
    return missed


def turbulence() -> System:
    """Degrees of the gradient, by least squares; range, by terms of the expansion: a grid step for each."""
    _, valid, test = closures.parts(datasets.load("turbulence"), "isotropic")

    def spin(A: torch.Tensor) -> torch.Tensor:
        return closures.quadratic(A)[:, 1:2]  # W² alone, made of 1e

    degrees = {0: 1.0}  # no scalar has a part of degree 2: the answer is zero
    for l, terms in ((1, spin), (2, closures.quadratic)):
        degrees[l] = closures.error(closures.fitted(terms, valid), test)
    table = datasets.load("turbulence_series")
    here = table["flow"] == "isotropic"
    orders = {float(m): float(table["error"][here & (table["orders"] == m)].mean()) for m in (1, 2, 3)}
    return System(10, "turbulence", degrees, orders, 1.0)


def halos() -> System:
    """Degrees by the network, range by sums over shells: what is left of the variance of velocities."""
    data, table = datasets.load("cosmos"), datasets.load("cosmos_models")
    first = data["box"] == 0
    x = data["position"][first]
    d = x[:, None] - x
    d = np.linalg.norm(d - 100 * np.round(d / 100), axis=-1) + np.diag(np.full(len(x), np.inf))
    apart = float(np.median(d.min(axis=1)))
    left, here = 1 - table["explained"], table["target"] == "velocity"
    network = here & (table["model"] == "network") & (table["cutoff"] == 20)
    shells = here & (table["model"] == "sums")
    degrees = {0: 1.0} | {l: float(left[network & (table["lmax"] == l)].mean()) for l in (1, 2)}
    ranges = {float(r) / apart: float(e) for r, e in zip(table["cutoff"][shells], left[shells], strict=True)}
    return System(10, "halos", degrees, ranges, 20 / apart)
