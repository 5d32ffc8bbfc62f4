"""Speed of the package's network beside NequIP's and MACE's own, at equal features, layers and cutoff.

Energies and forces of the same periodic graphs in float32; all networks have two layers, the same irreps,
eight functions of the distance and one hidden layer of 32 on them. Each is built and called by its own
package, on graphs that its own package made. "evaluation" is energies and forces, "energy step" forward,
backward and Adam on energies, "force step" the same on energies and forces. MACE's layers multiply the
messages of several neighbours, with correlation 1 they are sums as in the other two.

Run it with ``make bench`` or ``python benchmarks/peers.py``; it prints ratios, and stores them beside itself.
mace-torch is no dependency of this package: what is not installed is named and left out. Processor time of
one thread; the shortest of rounds in which all variants take turns.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is loaded

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers
from convolution import CUTOFF, ELEMENTS, NEIGHBOURS, structures
from e3nn import o3
from timing import machine, rounded, seconds, version

from tutorial_utils import graphs, nn

HIDDEN = "32x0e+32x1o+32x2e"
LAYERS, RADIAL, WIDTH = 2, 8, 32  # width of the hidden layer on distances is fixed in the package's network
GRAPHS = 4
ROUNDS = 6

# Asked for forces or not, gives energies (graphs,) and forces (atoms, 3) or None.
Predict = Callable[[bool], tuple[torch.Tensor, torch.Tensor | None]]


@dataclass(frozen=True)
class Variant:
    """One network with its data; ``differentiable`` says whether one can train on its forces."""

    name: str
    model: torch.nn.Module
    predict: Predict
    edges: int
    differentiable: bool = True


def ours(frames: list[Atoms], *, compiled: bool = False) -> Variant:
    """Build the package's network."""
    model = nn.EquivariantNetwork(
        ELEMENTS, "0e", irreps_hidden=HIDDEN, layers=LAYERS, cutoff=CUTOFF, radial=RADIAL,
        neighbours=NEIGHBOURS,
    )  # fmt: skip
    call = torch.compile(model, fullgraph=True) if compiled else model
    batch = model.prepare(graphs.batch([graphs.to_graph(atoms, CUTOFF) for atoms in frames]))

    def predict(forces: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        if not forces:
            return call(batch).flatten(), None
        pos = batch.pos.detach().requires_grad_()
        energy = call(batch.__copy__().update({"pos": pos})).flatten()
        return energy, -torch.autograd.grad(energy.sum(), pos, create_graph=not compiled)[0]

    name = "tutorial_utils, compiled" if compiled else "tutorial_utils"
    # what torch.compile makes has no second derivatives
    return Variant(name, model, predict, batch.num_edges, differentiable=not compiled)


def nequip(frames: list[Atoms]) -> Variant:
    """Build NequIP's network; with forces it also computes the stress."""
    from nequip.data import AtomicDataDict, from_ase
    from nequip.data.transforms import ChemicalSpeciesToAtomTypeMapper, NeighborListTransform
    from nequip.model import NequIPGNNModel
    from nequip.utils.global_state import set_global_state

    set_global_state()
    types, neighbours = ChemicalSpeciesToAtomTypeMapper(ELEMENTS), NeighborListTransform(CUTOFF)
    data = AtomicDataDict.batched_from_list([neighbours(types(from_ase(atoms))) for atoms in frames])
    data = {key: x.float() if x.is_floating_point() else x for key, x in data.items()}
    model = NequIPGNNModel(
        seed=0, model_dtype="float32", r_max=CUTOFF, type_names=ELEMENTS, num_layers=LAYERS, l_max=2,
        parity=False, num_features=32, num_bessels=RADIAL, radial_mlp_depth=1, radial_mlp_width=WIDTH,
        avg_num_neighbors=NEIGHBOURS, per_type_energy_scales=1.0, per_type_energy_shifts=0.0,
    )  # fmt: skip

    def predict(forces: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        model.model.do_derivatives = forces
        out = model({**data})
        return out["total_energy"].flatten(), out.get("forces")

    return Variant("nequip", model, predict, data["edge_index"].shape[1])


def mace(frames: list[Atoms], *, correlation: int) -> Variant:
    """Build MACE's network, with products of so many neighbours."""
    from mace import data, modules
    from mace.tools import AtomicNumberTable
    from mace.tools.torch_geometric import Batch

    numbers = sorted(atomic_numbers[symbol] for symbol in ELEMENTS)
    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    model = modules.ScaleShiftMACE(
        r_max=CUTOFF, num_bessel=RADIAL, num_polynomial_cutoff=6, max_ell=2, interaction_cls=block,
        interaction_cls_first=block, num_interactions=LAYERS, num_elements=len(ELEMENTS),
        correlation=correlation, hidden_irreps=o3.Irreps(HIDDEN), MLP_irreps=o3.Irreps("16x0e"),
        gate=torch.nn.functional.silu, atomic_energies=np.zeros((1, len(ELEMENTS))), radial_MLP=[WIDTH],
        avg_num_neighbors=NEIGHBOURS, atomic_numbers=numbers, atomic_inter_scale=1.0, atomic_inter_shift=0.0,
    )  # fmt: skip
    table = AtomicNumberTable(numbers)
    made = [
        data.AtomicData.from_config(data.config_from_atoms(atoms), z_table=table, cutoff=CUTOFF)
        for atoms in frames
    ]
    batch = Batch.from_data_list(made).to_dict()

    def predict(forces: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        out = model({**batch}, training=forces, compute_force=forces)
        return out["energy"].flatten(), out["forces"]

    return Variant(f"mace, correlation {correlation}", model, predict, batch["edge_index"].shape[1])


def variants(frames: list[Atoms]) -> Iterator[Variant]:
    """Build all that is installed."""
    builds = {
        "tutorial_utils": (ours, lambda frames: ours(frames, compiled=True)),
        "nequip": (nequip,),
        "mace-torch": tuple(partial(mace, correlation=number) for number in (1, 3)),
    }
    for package, calls in builds.items():
        try:
            yield from [call(frames) for call in calls]
        except ImportError as reason:
            print(f"{package}: left out, {reason}")


def steps(variant: Variant) -> dict[str, Callable[[], object]]:
    """Give what is timed: evaluation, and a training step on energies, or on energies and forces."""
    optimiser = torch.optim.Adam(variant.model.parameters(), lr=1e-4)

    def evaluation() -> None:
        variant.predict(True)

    def train(forces: bool) -> None:
        optimiser.zero_grad()
        energy, force = variant.predict(forces)
        loss = energy.square().mean()
        (loss if force is None else loss + force.square().mean()).backward()
        optimiser.step()

    found = {"evaluation": evaluation, "energy step": partial(train, False)}
    return found | ({"force step": partial(train, True)} if variant.differentiable else {})


def compare() -> dict[str, object]:
    """Time everything, and divide by the package's network."""
    frames = structures()[:GRAPHS]
    found = list(variants(frames))
    assert len({variant.edges for variant in found}) == 1, "all have the same edges"
    calls = {(variant.name, kind): call for variant in found for kind, call in steps(variant).items()}
    for call in calls.values():
        for _ in range(3):  # the first calls allocate and compile
            call()
    times = {key: 1e3 * t / GRAPHS for key, t in seconds(calls, ROUNDS).items()}
    kinds = list(steps(found[0]))
    names = [variant.name for variant in found]
    table = {n: {k: times[n, k] for k in kinds if (n, k) in times} for n in names}
    ratios = {
        n: {k: rounded(t / table["tutorial_utils"][k]) for k, t in row.items()} for n, row in table.items()
    }
    return {
        "edges": found[0].edges,
        "weights": {v.name: sum(p.numel() for p in v.model.parameters()) for v in found},
        "milliseconds_per_graph": {n: {k: rounded(t) for k, t in row.items()} for n, row in table.items()},
        "times_of_tutorial_utils": ratios,
    }


def main() -> None:
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    torch.manual_seed(0)
    result = {
        "machine": f"{machine()}, 1 thread",
        "date": date.today().isoformat(),
        "versions": {name: version(name) for name in ("torch", "e3nn", "nequip", "mace-torch")},
        "graphs": {"graphs": GRAPHS, "atoms": 10, "irreps_hidden": HIDDEN, "layers": LAYERS},
        "compared": compare(),
    }
    for name, row in result["compared"]["milliseconds_per_graph"].items():
        ratios = result["compared"]["times_of_tutorial_utils"][name]
        cells = [f"{kind} {t:6.2f} ms ({ratios[kind]:.2f})" for kind, t in row.items()]
        print(f"{name:26s}{', '.join(cells)}")
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
