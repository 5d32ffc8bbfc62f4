"""Small structures, and small healthy models, to be judged or spoilt by the tests."""

import functools

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk, molecule
from e3nn import o3
from e3nn.nn import Gate

from tutorial_utils import graphs
from tutorial_utils.symmetry.transformations import deform

CUTOFF = 4.0


def salt():
    """A cell of two atoms, smaller than the cutoff: most neighbours are images."""
    return deform(bulk("NaCl", "rocksalt", a=5.6), np.random.default_rng(1))


def slab():
    atoms = deform(bulk("NaCl", "rocksalt", a=5.6), np.random.default_rng(2))
    atoms.pbc = [True, True, False]
    return atoms


def ethanol():
    return molecule("CH3CH2OH")


def as_graph(structure):
    return graphs.to_graph(structure, CUTOFF) if isinstance(structure, Atoms) else structure


def density(structure, *, edge_vectors=graphs.edge_vectors):
    """A healthy descriptor: neighbours of each atom projected on Y_lm; 0e+1o+2e, shape (atoms, 9)."""
    graph = as_graph(structure)
    v = edge_vectors(graph)
    r = v.norm(dim=1, keepdim=True)
    weight = (1 - r / CUTOFF).clamp(min=0) ** 3 * graph.atomic_numbers[graph.edge_index[0], None]
    values = weight * o3.spherical_harmonics([0, 1, 2], v, normalize=True)
    return v.new_zeros(len(graph.pos), 9).index_add(0, graph.edge_index[1], values)


def weighted(structure):
    """The density weighted by the centre's number, so that its vectors do not add up to zero."""
    return density(structure) * as_graph(structure).atomic_numbers[:, None] ** 2


class Network(torch.nn.Module):
    """A gated convolution in e3nn, as small as they come; `nonlinearity` may spoil it."""

    def __init__(self, nonlinearity=None):
        super().__init__()
        torch.manual_seed(0)
        sh = o3.Irreps("0e+1o+2e")
        gate = Gate("4x0e", [torch.tanh], "6x0e", [torch.sigmoid], "4x1o+2x2e")
        self.first = o3.FullyConnectedTensorProduct(
            "2x0e", sh, gate.irreps_in if nonlinearity is None else "4x0e+4x1o+2x2e"
        )
        self.act = gate if nonlinearity is None else nonlinearity
        self.second = o3.FullyConnectedTensorProduct("4x0e+4x1o+2x2e", sh, "2x0e+1o+1e+2e")

    def forward(self, structure):
        graph = as_graph(structure)
        v, (neighbour, centre) = graphs.edge_vectors(graph), graph.edge_index
        sh = o3.spherical_harmonics([0, 1, 2], v, normalize=True) * torch.exp(-v.norm(dim=1, keepdim=True))
        species = graph.atomic_numbers.to(v.dtype)[:, None] / 10
        h = torch.cat([torch.ones_like(species), species], dim=1)
        for layer, act in ((self.first, self.act), (self.second, lambda x: x)):
            message = layer(h[neighbour], sh)
            h = act(message.new_zeros(len(graph.pos), message.shape[1]).index_add(0, centre, message))
        return h


@functools.cache
def network(nonlinearity=None):
    return Network(nonlinearity)


def triple_product(structure):
    """A pseudoscalar: of three sums of edge vectors, weighted by different powers of the distance."""
    graph = as_graph(structure)
    v, z = graphs.edge_vectors(graph), graph.atomic_numbers.to(torch.float64)
    r = v.norm(dim=1, keepdim=True)
    sums = [(z[graph.edge_index[1], None] ** 2 * torch.exp(-n * r) * v).sum(dim=0) for n in (1, 2, 3)]
    return torch.linalg.det(torch.stack(sums))
