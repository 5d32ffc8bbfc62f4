"""Speed of a convolution: the course's network against a 2021-style one, and what each choice costs.

Same graphs, same hidden irreps, same number of gated convolutions and the same linear head; one training
step is forward, backward and Adam. The 2021-style network is rebuilt from the convolutions of
`e3nn.nn.models.gate_points_2101`, with 64x0e attributes on every node; float64 and one graph a batch are
how it was used for crystals, and no part of the network. Run it with ``make bench`` or
``python benchmarks/convolution.py``; it prints ratios, and stores them
beside itself. With --store it also writes the table that session 3 shows (dataset `convolution_speed`).
Processor time of one thread; the shortest of rounds in which all variants take turns.
"""

import argparse
import json
import os
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is loaded

import e3nn
import numpy as np
import torch
from ase import Atoms
from e3nn import o3
from e3nn.math import soft_one_hot_linspace
from e3nn.nn import FullyConnectedNet
from e3nn.nn.models.gate_points_2101 import Convolution, smooth_cutoff
from timing import machine, rounded, seconds, store
from torch_geometric.data import Data

from tutorial_utils import graphs, nn
from tutorial_utils.nn.network import Layer, gate

ELEMENTS = ["C", "N", "O", "Na", "Cl"]
CUTOFF, NEIGHBOURS = 4.0, 25.0  # Å; neighbours of an atom
HIDDEN = "32x0e+16x1o+8x2e"
GRAPHS = 16
ROUNDS = 9
TABLE = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/convolution_speed.json"


class Network2021(torch.nn.Module):
    """Two gated convolutions of `gate_points_2101`, then the course's linear head.

    The numbers are those of its first use for crystals: an embedding of 64 scalars is input and node
    attribute, 10 radial functions, one hidden layer of 100. The network as published ended in a third
    convolution; it is left out, so that both networks pass messages equally often.
    """

    def __init__(self) -> None:
        super().__init__()
        irreps, attributes, hidden = o3.Irreps("64x0e"), o3.Irreps("64x0e"), o3.Irreps(HIDDEN)
        self.edges = o3.Irreps.spherical_harmonics(hidden.lmax)
        self.embedding = torch.nn.Embedding(120, attributes.dim)
        self.convolutions, self.gates = torch.nn.ModuleList(), torch.nn.ModuleList()
        for _ in range(2):
            self.gates.append(gate(hidden))
            wide = self.gates[-1].irreps_in
            # number of radial functions, hidden layers and neurons of the network on them
            radial = (10, 1, 100, NEIGHBOURS)
            self.convolutions.append(Convolution(irreps, attributes, self.edges, wide, *radial))
            irreps = self.gates[-1].irreps_out
        self.head = o3.Linear(irreps, "0e", biases=True)

    def forward(self, graph: Data) -> torch.Tensor:
        """Predict one scalar a graph, (graphs, 1)."""
        r = graphs.edge_vectors(graph)
        length, (neighbour, centre) = r.norm(dim=1), graph.edge_index
        Y = o3.spherical_harmonics(self.edges, r, True, "component")
        basis = soft_one_hot_linspace(length, 0.0, CUTOFF, 10, basis="gaussian", cutoff=False) * 10**0.5
        edge = smooth_cutoff(length / CUTOFF)[:, None] * Y
        h = attributes = self.embedding(graph.atomic_numbers)
        for convolution, nonlinearity in zip(self.convolutions, self.gates, strict=True):
            h = nonlinearity(convolution(h, attributes, neighbour, centre, edge, basis))
        out = self.head(h)
        return out.new_zeros(graph.num_graphs, 1).index_add(0, graph.batch, out)


class FullLayer(Layer):
    """The course's layer with a product that mixes channels on every edge (``uvw``), not once an atom."""

    def __init__(self, irreps_in: o3.Irreps, irreps_edge: o3.Irreps, irreps_hidden: o3.Irreps) -> None:
        super().__init__(irreps_in, irreps_edge, irreps_hidden, radial=8, neighbours=NEIGHBOURS)
        self.product = o3.FullyConnectedTensorProduct(
            irreps_in, irreps_edge, self.gate.irreps_in, internal_weights=False, shared_weights=False
        )
        self.R = FullyConnectedNet([8, 32, self.product.weight_numel], torch.nn.functional.silu)
        self.W1 = torch.nn.Identity()


def course_network(
    irreps_hidden: str = HIDDEN, *, every_output: bool = False, full: bool = False
) -> nn.EquivariantNetwork:
    """The course's network with two layers.

    Args:
        irreps_hidden: features of an atom.
        every_output: ask for each kind of hidden irrep, so that nothing of the last layer is left out.
        full: take products that mix channels on every edge (``uvw``), where its own are depthwise (``uvu``).
    """
    kinds = [ir for _, ir in o3.Irreps(irreps_hidden)]
    model = nn.EquivariantNetwork(
        ELEMENTS,
        o3.Irreps([(1, ir) for ir in kinds]) if every_output else "0e",
        irreps_hidden=irreps_hidden,
        cutoff=CUTOFF,
        neighbours=NEIGHBOURS,
    )
    if full:
        for number, layer in enumerate(model.layers):
            model.layers[number] = FullLayer(layer.W2.irreps_in, model.irreps_edge, layer.irreps_out)
    return model


def structures() -> list[Atoms]:
    """Periodic cells of ten atoms at random places, about 25 neighbours each."""
    rng = np.random.default_rng(0)
    edge = (9 / NEIGHBOURS * 4 / 3 * np.pi * CUTOFF**3) ** (1 / 3)  # Å
    found = []
    for _ in range(GRAPHS):
        symbols = rng.choice(ELEMENTS, 10)
        found.append(Atoms(symbols, scaled_positions=rng.random((10, 3)), cell=3 * [edge], pbc=True))
    return found


def training_step(
    build: Callable[[], torch.nn.Module], dtype: torch.dtype, *, batch_size: int, count: int = GRAPHS
) -> Callable[[], None]:
    """Prepare a network with its data; each call trains once on ``count`` graphs, batch by batch."""
    torch.set_default_dtype(dtype)  # before building: Clebsch-Gordan coefficients take it over
    torch.manual_seed(0)
    model = build()
    data = [graphs.to_graph(atoms, CUTOFF, system={"y": 0.5}) for atoms in structures()[:count]]
    batches = [graphs.batch(data[i : i + batch_size]) for i in range(0, count, batch_size)]
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4)

    def step() -> None:
        for part in batches:
            optimiser.zero_grad()
            (model(part)[:, 0] - part.y.flatten()).square().mean().backward()
            optimiser.step()

    step()  # the first call allocates, and compiles
    return step


def compiled() -> Callable[[Data], torch.Tensor]:
    """The course's network, compiled as one graph by `torch.compile`."""
    return Compiled(course_network())


class Compiled(torch.nn.Module):
    """Prepares a batch outside the compiled code, which cannot look at values."""

    def __init__(self, network: nn.EquivariantNetwork) -> None:
        super().__init__()
        self.network, self.call = network, torch.compile(network, fullgraph=True)

    def forward(self, graph: Data) -> torch.Tensor:
        """Predict one scalar a graph."""
        return self.call(self.network.prepare(graph))


# Name of each step, and the factor that it adds to the one before: how many graphs share a call, the
# number of digits, the layers, what the last layer leaves out, and how the code is run.
STEPS = {
    "2021-style, float64, batch of 1": "",
    "2021-style, float64, batch of 16": "batch",
    "2021-style, float32, batch of 16": "dtype",
    "course, float32, batch of 16": "network",
    "course, pruned": "pruning",
    "course, pruned and compiled": "compiling",
}


def compare() -> dict[str, object]:
    """Walk from the 2021-style network to the course's, one change at a time."""
    single, double = torch.float32, torch.float64
    calls = (
        training_step(Network2021, double, batch_size=1),
        training_step(Network2021, double, batch_size=GRAPHS),
        training_step(Network2021, single, batch_size=GRAPHS),
        training_step(lambda: course_network(every_output=True), single, batch_size=GRAPHS),
        training_step(course_network, single, batch_size=GRAPHS),
        training_step(compiled, single, batch_size=GRAPHS),
    )
    times = seconds(dict(zip(STEPS, calls, strict=True)), ROUNDS)
    values = list(times.values())
    factors = zip(list(STEPS.values())[1:], values, values[1:], strict=False)
    return {
        "milliseconds_per_graph": {name: rounded(1e3 * t / GRAPHS) for name, t in times.items()},
        "factors": {name: rounded(before / after) for name, before, after in factors},
        "total": rounded(values[0] / values[-1]),
    }


def by_batch_size() -> dict[str, list[float]]:
    """Time a graph of the course's network, float32 and float64, for batches of 1 to 16 graphs."""
    sizes = [1, 2, 4, 8, 16]
    steps = {
        f"{str(dtype)[6:]} {size}": training_step(course_network, dtype, batch_size=size)
        for dtype in (torch.float32, torch.float64)
        for size in sizes
    }
    times = [rounded(1e3 * t / GRAPHS) for t in seconds(steps, ROUNDS).values()]
    return {"batch_size": sizes, "float32_ms": times[: len(sizes)], "float64_ms": times[len(sizes) :]}


def by_product() -> dict[str, float]:
    """Time a graph with products that mix channels on every edge, and with depthwise ones."""
    builds = {
        "uvu": lambda: course_network(every_output=True),
        "uvw": lambda: course_network(every_output=True, full=True),
    }
    steps = {
        name: training_step(build, torch.float32, batch_size=4, count=4) for name, build in builds.items()
    }
    times = seconds(steps, 5)
    weights = {name: build() for name, build in builds.items()}
    return {
        **{f"{name}_ms": rounded(1e3 * t / 4) for name, t in times.items()},
        **{f"{name}_weights_per_edge": m.layers[1].product.weight_numel for name, m in weights.items()},
        "ratio": rounded(times["uvw"] / times["uvu"]),
    }


def by_lmax() -> dict[str, list[float]]:
    """Time a graph for features and edges up to l = 0 … 4, sixteen channels of each l."""
    hidden = {lmax: str((16 * o3.Irreps.spherical_harmonics(lmax)).regroup()) for lmax in range(5)}
    builds = {
        lmax: lambda irreps=irreps: course_network(irreps, every_output=True)
        for lmax, irreps in hidden.items()
    }
    steps = {
        str(lmax): training_step(build, torch.float32, batch_size=4, count=4)
        for lmax, build in builds.items()
    }
    times = seconds(steps, 5)
    paths = [len(build().layers[1].product.instructions) for build in builds.values()]
    return {
        "lmax": list(hidden),
        "paths": paths,
        "ms": [rounded(1e3 * t / 4) for t in times.values()],
    }


def report(result: Mapping[str, dict]) -> None:
    """Print the ratios."""
    compared, product, lmax = result["compared"], result["product"], result["lmax"]
    factors = ", ".join(f"{name} {value:.2f}" for name, value in compared["factors"].items())
    print(f"2021-style over the course's: {compared['total']:.1f} = product of {factors}")
    for name, value in compared["milliseconds_per_graph"].items():
        print(f"  {name:34s}{value:8.2f} ms a graph and training step")
    for row in zip(*result["batch"].values(), strict=True):
        print("batch of {:2d}: float32 {:6.2f} ms, float64 {:6.2f} ms a graph".format(*row))
    print(f"uvw takes {product['ratio']:.1f} times as long as uvu + Linear")
    for row in zip(*lmax.values(), strict=True):
        print("l up to {}: {:3d} paths {:7.2f} ms a graph".format(*row))


def rows(result: Mapping[str, dict]) -> list[tuple[str, str, float]]:
    """List all times: series, setting, milliseconds."""
    batch, product, lmax = result["batch"], result["product"], result["lmax"]
    found = [("network", name, t) for name, t in result["compared"]["milliseconds_per_graph"].items()]
    found += [("float32", str(n), t) for n, t in zip(batch["batch_size"], batch["float32_ms"], strict=True)]
    found += [("float64", str(n), t) for n, t in zip(batch["batch_size"], batch["float64_ms"], strict=True)]
    found += [("product", name, product[f"{name}_ms"]) for name in ("uvu", "uvw")]
    found += [("lmax", str(l), t) for l, t in zip(lmax["lmax"], lmax["ms"], strict=True)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", action="store_true", help="write the table that the course shows")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    result = {
        "machine": f"{machine()}, 1 thread",
        "date": date.today().isoformat(),
        "versions": {"e3nn": e3nn.__version__, "torch": torch.__version__},
        "graphs": {
            "graphs": GRAPHS,
            "atoms": 10,
            "edges_mean": float(np.mean([graphs.to_graph(a, CUTOFF).num_edges for a in structures()])),
            "irreps_hidden": HIDDEN,
        },
        "compared": compare(),
        "batch": by_batch_size(),
        "product": by_product(),
        "lmax": by_lmax(),
    }
    report(result)
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    if arguments.store:
        store(TABLE, ("series", "setting", "milliseconds"), rows(result), result)


if __name__ == "__main__":
    main()
