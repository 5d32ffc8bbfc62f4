"""A network as an interatomic potential: reference energies, a loss, forces and stress, ASE, and its file.

    E = Σ_i E⁰(element of i) + scale · network(graph)

The network learns what bonds change, in numbers of the order of 1. E⁰ are energies of isolated atoms by the
method that made the training data: then the energy of atoms far from each other is right as well.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from ase import Atoms
from ase.calculators.calculator import Calculator as AseCalculator
from ase.calculators.calculator import all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from tutorial_utils import graphs, training
from tutorial_utils.conventions import default_dtype
from tutorial_utils.nn.network import EquivariantNetwork, forces, pool


class Potential(nn.Module):
    """Predict energies, eV, (graphs, 1); reference energies and scale are saved with the weights."""

    reference: Tensor
    scale: Tensor

    def __init__(
        self, network: EquivariantNetwork, *, energies: Mapping[str, float] | None = None, scale: float = 1.0
    ):
        """Give a network its units.

        Args:
            network: one ``0e`` a structure.
            energies: of an isolated atom of each element that the network knows, eV; None: zero.
            scale: energy that an output of 1 means, eV; the typical size of a force (eV/Å) times 1 Å is good.

        Raises:
            ValueError: for another kind of output, or an element without an energy.
        """
        super().__init__()
        if str(network.irreps_out) != "1x0e" or network.per != "system" or network.reduce != "sum":
            raise ValueError(
                'network: an energy is one "0e" a structure, the sum over atoms; '
                f"got {network.irreps_out}, per {network.per}, {network.reduce}"
            )
        energies = energies or dict.fromkeys(network.elements, 0.0)
        if missing := [symbol for symbol in network.elements if symbol not in energies]:
            raise ValueError(f"energies: {', '.join(missing)} has none; give the energy of an atom alone, eV")
        self.network, self.cutoff = network, network.cutoff
        self.recipe = network.recipe and {"kind": "Potential", "network": network.recipe}
        dtype = torch.get_default_dtype()
        reference = torch.tensor([float(energies[symbol]) for symbol in network.elements], dtype=dtype)
        self.register_buffer("reference", reference)
        self.register_buffer("scale", torch.tensor(float(scale), dtype=dtype))

    def forward(self, graph: Data) -> Float[Tensor, "graphs 1"]:
        """Return energies, eV, of a graph or a batch."""
        bonds = self.scale * self.network(graph)  # checks the graph
        if not torch.compiler.is_compiling():
            graph = graphs.follow(graph, self)
        atoms = self.reference[self.network.row_of_element[graph.atomic_numbers]]
        return pool(atoms[:, None], graph, "sum") + bonds

    def prepare(self, graph: Data) -> Data:
        """Check a graph and fit it to the network: see `EquivariantNetwork.prepare`."""
        return self.network.prepare(graph)


def energy_and_forces(*, energy: float = 1.0, force: float = 1.0) -> Callable[[nn.Module, Batch], Tensor]:
    """Return a loss: mean squared errors of the energy of an atom and of a force component, weighted.

    Args:
        energy: weight of the energies, ``graph.energy`` (graphs,) eV; they are divided by the atoms.
        force: weight of the forces, ``graph.forces`` (atoms, 3) eV/Å.

    Returns:
        loss(model, batch), as `training.fit` takes it.
    """

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        sizes = batch.batch.bincount(minlength=batch.num_graphs)
        wrong_energy = (model(batch).flatten() - batch.energy.flatten()) / sizes
        wrong_forces = forces(model, batch) - batch.forces
        return energy * wrong_energy.square().mean() + force * wrong_forces.square().mean()

    return loss


def stress(model: nn.Module, graph: Data) -> Float[Tensor, "graphs 3 3"]:
    """Differentiate with respect to a strain ε of cell and atoms: σ = ∂E/∂ε / V, eV/Å³.

    The sign is ASE's: a crystal under pressure, which would gain energy by expanding, has σ < 0.

    Args:
        model: predicts one energy a graph, eV.
        graph: a graph or a batch of crystals; it is left as it is.

    Raises:
        ValueError: for a molecule or a slab, which has no volume.
    """
    graphs.check_graph(graph)
    if not graph.pbc.all():
        raise ValueError(
            "graph: expected crystals, periodic along all axes; a molecule or a slab has no volume"
        )
    return _derivatives(model, graph)[2] / torch.linalg.det(graph.cell).abs()[:, None, None]


def _derivatives(
    model: nn.Module, graph: Data
) -> tuple[Float[Tensor, "graphs 1"], Float[Tensor, "atoms 3"], Float[Tensor, "graphs 3 3"]]:
    """Return energies E, eV, and their slopes: -∂E/∂r, eV/Å, and ∂E/∂ε for a strain ε, eV; all at once."""
    with torch.enable_grad():
        pos = graph.pos.detach().requires_grad_()
        ε = torch.zeros_like(graph.cell).requires_grad_()
        strain = (ε + ε.mT) / 2
        which = graph.batch if "batch" in graph else torch.zeros_like(graph.atomic_numbers)
        moved = pos + torch.einsum("ax,axy->ay", pos, strain[which])
        cell = graph.cell + graph.cell @ strain
        energy = model(graph.__copy__().update({"pos": moved, "cell": cell}))
        slope, along_strain = torch.autograd.grad(energy.sum(), (pos, ε))
    return energy.detach(), -slope, along_strain


class Calculator(AseCalculator):
    """A trained potential as an ASE calculator: energy (eV), forces (eV/Å), stress (eV/Å³, of crystals).

    Further inputs of the network are taken from ``atoms.arrays`` (one row an atom) or ``atoms.info``.
    """

    implemented_properties = ["energy", "forces", "stress"]  # noqa: RUF012 - ASE wants a list

    def __init__(self, model: Potential | EquivariantNetwork):
        """Wrap a model that predicts one energy a structure, eV; it works in its own dtype and device."""
        super().__init__()
        self.model = model.eval()

    def calculate(
        self, atoms: Atoms | None = None, properties: list[str] | None = None, system_changes=all_changes
    ) -> None:
        """Fill ``results``."""
        super().calculate(atoms, properties, system_changes)
        structure: Any = self.atoms  # the copy that ASE keeps
        with default_dtype(next(self.model.parameters()).dtype):
            graph = self.graph(structure)
        energy, force, slope = (x.cpu().numpy() for x in _derivatives(self.model, graph))
        self.results["energy"] = energy.item()
        self.results["forces"] = force
        if structure.pbc.all():
            self.results["stress"] = full_3x3_to_voigt_6_stress(slope[0] / structure.get_volume())

    def graph(self, atoms: Atoms) -> Data:
        """Make the model's input."""
        network = self.model.network if isinstance(self.model, Potential) else self.model
        given = {
            name: name in atoms.arrays for name in network.inputs if {name} & {*atoms.arrays, *atoms.info}
        }
        return graphs.to_graph(
            atoms,
            network.cutoff,
            system={name: atoms.info[name] for name, per_atom in given.items() if not per_atom},
            atom={name: atoms.arrays[name] for name, per_atom in given.items() if per_atom},
        )


def load(path: str | Path, *, device: torch.device | str = "cpu") -> EquivariantNetwork | Potential:
    """Build the network that `training.save` wrote into a file, with its weights, dtype and arguments.

    Args:
        path: of the file.
        device: where the network shall be.

    Raises:
        ValueError: for a file that says nothing about how its model was built.
    """
    stored = training.read(path)
    if stored["recipe"] is None:
        raise ValueError(f"path: {path} holds weights only; build the model, then training.load(path, model)")
    with default_dtype(next(w.dtype for w in stored["weights"].values() if w.is_floating_point())):
        model = _build(stored["recipe"])
    model.load_state_dict(stored["weights"])
    return model.to(device).eval()


def _build(recipe: Mapping[str, Any]) -> EquivariantNetwork | Potential:
    if recipe["kind"] == "Potential":
        return Potential(_network(recipe["network"]))
    return _network(recipe)


def _network(recipe: Mapping[str, Any]) -> EquivariantNetwork:
    return EquivariantNetwork(**{name: value for name, value in recipe.items() if name != "kind"})
