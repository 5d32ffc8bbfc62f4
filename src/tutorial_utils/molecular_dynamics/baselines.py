"""Potentials to hold a network of tensors against: pairs of atoms only, and invariants that know angles.

* `PairPotential`: an atom feels distances, each on its own; linear in its weights, one least squares.
* `AngularNetwork`: it feels distances and angles, through the power spectrum and a network for each element
  (J. Behler, M. Parrinello, doi:10.1103/PhysRevLett.98.146401).

Both give energies (graphs, 1) in eV from graphs; `nn.forces` makes forces of them.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.data import Data

from tutorial_utils import graphs
from tutorial_utils.arguments import explain
from tutorial_utils.descriptors.invariants import power_spectrum
from tutorial_utils.descriptors.neighbourhoods import element_channels, environments
from tutorial_utils.descriptors.radial import Radial, smooth_cutoff
from tutorial_utils.elements import distinct
from tutorial_utils.nn.baselines import Standardise, perceptron
from tutorial_utils.nn.network import pool


class PairPotential(nn.Module):
    """E = Σ_i ε(a_i) + ½ Σ_ij φ_ab(r_ij): one function of the distance for each pair of elements."""

    kind: Tensor

    def __init__(self, elements: Sequence[str], radial: Radial):
        """Build it with all weights zero.

        Args:
            elements: chemical symbols.
            radial: functions that φ is made of, and its cutoff.
        """
        super().__init__()
        self.elements, self.radial, many = distinct(elements), radial, len(elements)
        kind = torch.zeros(many, many, dtype=torch.long)  # of a pair, whichever comes first
        kind[tuple(torch.triu_indices(many, many))] = torch.arange(many * (many + 1) // 2)
        self.register_buffer("kind", torch.maximum(kind, kind.T), persistent=False)
        self.weights = nn.Parameter(torch.zeros(many * (many + 1) // 2, radial.size))
        self.shift = nn.Parameter(torch.zeros(many))

    def forward(self, graph: Data) -> Float[Tensor, "graphs 1"]:
        """Return energies, eV."""
        graph = graphs.follow(graph, self)
        channel, kind, edges = self._pairs(graph)
        φ = (self._functions(edges.lengths) * self.weights[kind]).sum(dim=1)
        atom = self.shift[channel].index_add(0, edges.edge_index[1], 0.5 * φ)
        return pool(atom[:, None], graph, "sum")

    def fit(self, graph: Data, *, ridge: float = 1e-6) -> None:
        """Find the weights by least squares on ``forces``, then the shifts on ``energy``.

        Args:
            graph: a batch of training frames with ``forces`` (eV/Å) and ``energy`` (eV).
            ridge: keeps weights that the data do not fix small, as a share of the largest.
        """
        channel, kind, (index, r, distance) = self._pairs(graph)
        slope = torch.func.jvp(self._functions, (distance,), (torch.ones_like(distance),))[1]
        pulls = (slope[:, None] * (r / distance[:, None])[..., None]).flatten(1)  # (edges, 3 size)
        atoms, kinds, size = len(graph.pos), len(self.weights), self.radial.size
        place = index[1] * kinds + kind
        design = r.new_zeros(atoms * kinds, 3 * size).index_add(0, place, pulls)
        design = design.reshape(atoms, kinds, 3, size).transpose(1, 2).reshape(3 * atoms, kinds * size)
        gram = design.T @ design
        gram += ridge * gram.diagonal().max() * torch.eye(len(gram)).to(gram)
        with torch.no_grad():
            weights = torch.linalg.solve(gram, design.T @ graph.forces.reshape(-1))
            self.weights.copy_(weights.reshape(kinds, size))
            counts = pool(torch.eye(len(self.elements)).to(gram)[channel], graph, "sum")
            rest = graph.energy.reshape(-1, 1) - (self(graph) - counts @ self.shift[:, None])
            self.shift.copy_((torch.linalg.pinv(counts) @ rest)[:, 0])

    def _pairs(self, graph: Data) -> tuple[Tensor, Tensor, graphs.Edges]:
        edges = graphs.within(graph, self.radial.cutoff)
        channel = element_channels(graph.atomic_numbers, self.elements)
        neighbour, centre = edges.edge_index
        return channel, self.kind[channel[neighbour], channel[centre]], edges

    def _functions(self, r: Float[Tensor, " edges"]) -> Float[Tensor, "edges size"]:
        return self.radial(r, 0)[:, 0] * smooth_cutoff(r, self.radial.cutoff)[:, None]


class AngularNetwork(nn.Module):
    """E = Σ_i f_a(p_i): for each element a network of the power spectrum of an atom's environment."""

    def __init__(
        self, elements: Sequence[str], radial: Radial, *, lmax: int = 3, hidden: Sequence[int] = (64, 64)
    ):
        """Build it with random weights.

        Args:
            elements: chemical symbols.
            radial: orthonormal functions of the distance, and the cutoff.
            lmax: highest degree; 0 leaves out the angles.
            hidden: widths of the hidden layers.
        """
        super().__init__()
        self.elements, self.radial, self.lmax = distinct(elements), radial, lmax
        functions = radial.size * len(elements)
        inputs = functions * (functions + 1) // 2 * (lmax + 1)
        self.inputs = Standardise(inputs)
        self.networks = nn.ModuleList(perceptron(inputs, 1, hidden=hidden) for _ in elements)
        self.register_buffer("shift", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))

    def features(self, graph: Data) -> Float[Tensor, "atoms inputs"]:
        """Return the power spectrum of each atom's environment."""
        c = environments(graph, self.radial, self.lmax, elements=self.elements)
        return power_spectrum(c.flatten(start_dim=1, end_dim=2))

    def standardise(self, graph: Data) -> None:
        """Take mean and spread of the inputs and of energies from training frames."""
        with torch.no_grad():
            p = self.features(graph)
            self.inputs.mean, self.inputs.spread = p.mean(dim=0), p.std(dim=0).clamp(min=1e-3 * p.std())
            self.shift = graph.energy.mean() * graph.num_graphs / len(graph.pos)
            self.scale = graph.forces.square().mean().sqrt()  # 1 Å times a typical force

    def forward(self, graph: Data) -> Float[Tensor, "graphs 1"]:
        """Return energies, eV."""
        graph = graphs.follow(graph, self)
        channel, x = element_channels(graph.atomic_numbers, self.elements), self.features(graph)
        x = self.inputs(x)
        each = torch.cat([network(x) for network in self.networks], dim=1)  # (atoms, elements)
        return pool(self.shift + self.scale * each.gather(1, channel[:, None]), graph, "sum")


explain(globals())
