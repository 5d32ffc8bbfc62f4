"""A Euclidean-equivariant message-passing network, in one file meant to be read.

Each atom carries features that are a direct sum of irreps, ``h_i``; each edge knows its direction r̂_ij, as
spherical harmonics Y(r̂_ij), and its length r_ij. One layer is

    h_i  <-  gate( W₀ h_i + W₁ 1/√n Σ_j  u(r_ij) R(r_ij) [W₂ h_j ⊗ Y(r̂_ij)] )

with a tensor product that keeps only the wanted irreps, a small network R of the length that weights each
of its paths, an envelope u that ends smoothly at the cutoff, linear maps W that mix irreps of one kind, and
a gate, the nonlinearity that commutes with rotations. n is a typical number of neighbours. Lengths are in Å.

Sources: tensor field networks (arXiv:1802.08219), e3nn (arXiv:2207.09453), NequIP
(doi:10.1038/s41467-022-29939-5).
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from e3nn import o3
from e3nn.nn import FullyConnectedNet, Gate
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch_geometric.data import Data

from tutorial_utils import elements as symbols
from tutorial_utils import graphs


class EquivariantNetwork(nn.Module):
    """Predict irreps of any kind, for whole structures or for their atoms, from elements and positions.

    * f(R x) = D(R) f(x) for rotations and reflections, f(x + t) = f(x); the order of atoms does not matter;
    * f is twice continuously differentiable, also where an atom crosses the cutoff;
    * untrained outputs of one atom are of the order of 1: divide targets by their standard deviation.

    The Clebsch-Gordan coefficients are made in torch's default dtype at the time of building: set it first,
    ``.to(torch.float64)`` afterwards does not bring their digits back.
    """

    row_of_element: Tensor

    def __init__(
        self,
        elements: Sequence[str],
        irreps_out: str | o3.Irreps,
        *,
        irreps_hidden: str | o3.Irreps = "32x0e+16x1o+8x2e",
        layers: int = 2,
        cutoff: float = 4.0,
        radial: int = 8,
        neighbours: float = 8.0,
        per: str = "system",
        reduce: str = "sum",
        inputs: Mapping[str, str] | None = None,
        product: "Product | None" = None,
    ):
        """Build a network with random weights.

        Args:
            elements: chemical symbols it shall know, for example ``["H", "C", "O"]``.
            irreps_out: what it predicts, such as ``"0e"`` for an energy, ``"1o"`` for a dipole or a force.
            irreps_hidden: features of an atom between layers.
            layers: number of message-passing layers; each extends what an atom sees by one cutoff.
            cutoff: longest edge that counts, Å; make graphs with this cutoff or a longer one.
            radial: number of functions of the distance.
            neighbours: typical number of neighbours; sums over neighbours are divided by its square root.
            per: ``"system"`` for one output a structure, ``"atom"`` for one an atom.
            reduce: how atoms make up a system: ``"sum"`` (extensive) or ``"mean"`` (intensive).
            inputs: what an atom knows besides its element: fields of the graph and their irreps, for example
                ``{"field": "1o", "charge": "0e"}``, one row an atom or one a structure.
            product: makes the product of features and harmonics in each layer, as `depthwise_product` does,
                the default.

        Raises:
            ValueError: for an unknown element, a wrong ``per`` or ``reduce``, or an irrep of ``irreps_out``
                that no path of tensor products reaches.
        """
        super().__init__()
        self.irreps_out, hidden = o3.Irreps(irreps_out), o3.Irreps(irreps_hidden)
        self.inputs = {name: o3.Irreps(irreps) for name, irreps in (inputs or {}).items()}
        _check(hidden, per, reduce)
        elements = self.elements = symbols.distinct(elements)
        self.cutoff, self.per, self.reduce = cutoff, per, reduce
        # What builds the network again: `nn.load` reads it from the file, which cannot hold a function.
        self.recipe = (
            None
            if product
            else {
                "kind": "EquivariantNetwork",
                "elements": list(elements),
                "irreps_out": str(self.irreps_out),
                "irreps_hidden": str(hidden),
                "layers": layers,
                "cutoff": float(cutoff),
                "radial": radial,
                "neighbours": float(neighbours),
                "per": per,
                "reduce": reduce,
                "inputs": {name: str(irreps) for name, irreps in self.inputs.items()},
            }
        )
        self.irreps_edge = o3.Irreps.spherical_harmonics(hidden.lmax)
        self.harmonics = o3.SphericalHarmonics(self.irreps_edge, True, "component")
        self.register_buffer("row_of_element", symbols.row_of_element(elements), persistent=False)
        scalars = hidden.count("0e")
        self.embedding = nn.Embedding(len(elements), scalars)
        irreps = sum(self.inputs.values(), o3.Irreps([(scalars, "0e")]))
        self.basis = RadialBasis(radial, cutoff)
        self.layers = nn.ModuleList()
        for wanted in useful(irreps, self.irreps_edge, hidden, self.irreps_out, layers=layers):
            layer = Layer(
                irreps, self.irreps_edge, wanted, radial=radial, neighbours=neighbours, product=product
            )
            self.layers.append(layer)
            irreps = layer.irreps_out
        # Biases go to 0e only: a constant vector would point somewhere.
        self.head = o3.Linear(irreps, self.irreps_out, biases=True)

    def forward(self, graph: Data) -> Float[Tensor, "graphs_or_atoms irreps"]:
        """Predict, from ``pos`` (Å), ``atomic_numbers`` and edges of a graph or a batch.

        Returns:
            Irreps in the order of ``irreps_out``, one row a structure or one an atom.

        Raises:
            ValueError: for an element that the network does not know.
        """
        if torch.compiler.is_compiling():  # code that cannot look at values: the graph is from `prepare`
            edge_index, r, length = graphs.measure(graph)
        else:
            graph = self._fitted(graph)
            edge_index, r, length = graphs.within(graph, self.cutoff)  # r from the centre to its neighbour
        Y = self.harmonics(r)  # (edges, (lmax + 1)²)
        basis = self.basis(length)  # (edges, radial)
        u = envelope(length / self.cutoff)  # (edges,)

        known = [self.embedding(self.row_of_element[graph.atomic_numbers])]  # (atoms, scalars)
        h = torch.cat(known + [per_atom(graph, name) for name in self.inputs], dim=1)
        for layer in self.layers:
            h = layer(h, edge_index, Y, basis, u)  # (atoms, hidden)
        out = self.head(h)  # (atoms, irreps_out)
        return out if self.per == "atom" else pool(out, graph, self.reduce)  # or (graphs, irreps_out)

    def prepare(self, graph: Data) -> Data:
        """Check a graph and fit it to the network: its device and dtype, and no edge beyond the cutoff.

        ``forward`` does it, but not in a compiled network: there, write ``compiled(model.prepare(graph))``.

        Raises:
            ValueError: for a graph made with a shorter cutoff, an element that the network does not know, or
                a further input that is missing or has another size than its irreps.
        """
        graphs.check_cutoff(graph, self.cutoff)
        graph = self._fitted(graph)
        near = graphs.measure(graph).lengths < self.cutoff
        # A graph made for a longer cutoff has edges that add nothing but time.
        kept = {"edge_index": graph.edge_index[:, near], "edge_shift": graph.edge_shift[near]}
        return graph if near.all() else graph.__copy__().update(kept)

    def _fitted(self, graph: Data) -> Data:
        """Return a graph on the network's device, once it is known to hold what the network knows."""
        graphs.check_graph(graph)
        graph = graphs.follow(graph, self)
        symbols.rows(graph.atomic_numbers, self.row_of_element)
        for name, irreps in self.inputs.items():
            _check_input(graph, name, irreps)
        return graph


class Layer(nn.Module):
    """Pass messages along edges, then the gate: one row of the formula above."""

    def __init__(
        self,
        irreps_in: o3.Irreps,
        irreps_edge: o3.Irreps,
        irreps_hidden: o3.Irreps,
        *,
        radial: int,
        neighbours: float,
        product: "Product | None" = None,
    ):
        super().__init__()
        self.neighbours = neighbours
        # irreps_edge holds 0e, so that the old irreps are among the products.
        reachable = {ir for _, a in irreps_in for _, b in irreps_edge for ir in a * b}
        self.gate = gate(o3.Irreps([(mul, ir) for mul, ir in irreps_hidden if ir in reachable]))
        self.irreps_out = self.gate.irreps_out
        self.product = (product or depthwise_product)(irreps_in, irreps_edge, self.gate.irreps_in)
        self.R = FullyConnectedNet([radial, 32, self.product.weight_numel], nn.functional.silu)
        self.W0 = o3.Linear(irreps_in, self.gate.irreps_in)
        # The product's many blocks of one irrep are one block to the linear map: one matrix each.
        self.W1 = o3.Linear(self.product.irreps_out.simplify(), self.gate.irreps_in)
        self.W2 = o3.Linear(irreps_in, irreps_in)

    def forward(
        self,
        h: Float[Tensor, "atoms irreps_in"],
        edge_index: Int[Tensor, "2 edges"],
        Y: Float[Tensor, "edges irreps_edge"],
        basis: Float[Tensor, "edges radial"],
        u: Float[Tensor, " edges"],
    ) -> Float[Tensor, "atoms irreps_out"]:
        """Update the features of each atom from those of its neighbours."""
        neighbour, centre = edge_index
        # The envelope multiplies what R returns, not what it receives: so the message itself ends smoothly.
        weights = self.R(basis) * u[:, None]  # (edges, paths)
        message = self.product(self.W2(h)[neighbour], Y, weights)  # (edges, product)
        total = message.new_zeros(len(h), message.shape[1]).index_add(0, centre, message)  # (atoms, product)
        # The two terms have a variance of 1 each, their sum 2.
        return self.gate((self.W0(h) + self.W1(total / self.neighbours**0.5)) / 2**0.5)  # (atoms, irreps_out)


# Takes (irreps_in, irreps_edge, wanted) and returns a module called with (h_j, Y, weights), which has
# ``irreps_out`` and ``weight_numel``.
Product = Callable[[o3.Irreps, o3.Irreps, o3.Irreps], Any]


def depthwise_product(irreps_in: o3.Irreps, irreps_edge: o3.Irreps, wanted: o3.Irreps) -> o3.TensorProduct:
    """Multiply features by spherical harmonics, each channel on its own (``uvu``), with a weight each.

    A full product (``uvw``) would mix channels too, edge by edge; here a linear map does it, once an atom.

    Args:
        irreps_in: features of the neighbour.
        irreps_edge: spherical harmonics.
        wanted: irreps to keep.

    Returns:
        The product, with irreps sorted, so that the linear map after it meets each irrep as one block.
    """
    blocks: list[tuple[int, o3.Irrep]] = []
    paths = []
    for i, (mul, a) in enumerate(irreps_in):
        for j, (_, b) in enumerate(irreps_edge):
            for ir in a * b:
                if ir in wanted:
                    paths.append((i, j, len(blocks)))
                    blocks.append((mul, ir))
    irreps, place, _ = o3.Irreps(blocks).sort()
    instructions = [(i, j, place[k], "uvu", True) for i, j, k in paths]
    return o3.TensorProduct(
        irreps_in, irreps_edge, irreps, instructions, shared_weights=False, internal_weights=False
    )


def useful(
    irreps_in: o3.Irreps, irreps_edge: o3.Irreps, hidden: o3.Irreps, irreps_out: o3.Irreps, *, layers: int
) -> list[o3.Irreps]:
    """Choose the features of each layer: those that the inputs can reach and that an output needs.

    Args:
        irreps_in: what an atom knows before the first layer.
        irreps_edge: spherical harmonics.
        hidden: irreps to choose from.
        irreps_out: what the last layer has to offer, at least.
        layers: how many.

    Returns:
        A part of ``hidden`` for each layer.

    Raises:
        ValueError: for outputs that would be zero for want of a path, not for a reason of physics.
    """
    reached = [{ir for _, ir in irreps_in}]
    for _ in range(layers):
        reached.append(_products(reached[-1], irreps_edge) & {ir for _, ir in hidden})
    missing = [str(ir) for _, ir in irreps_out if ir not in reached[-1]]
    if missing:
        raise ValueError(
            f"irreps_out: {', '.join(missing)} is out of reach, {layers} layers end with "
            f"{'+'.join(map(str, sorted(reached[-1])))}; "
            f"add it to irreps_hidden (now {hidden}), or add layers"
        )
    needed, chosen = {ir for _, ir in irreps_out}, []
    for there in reversed(reached[1:]):
        chosen.append(o3.Irreps([(mul, ir) for mul, ir in hidden if ir in there & needed]))
        gates = {o3.Irrep("0e")} if chosen[-1].lmax > 0 else set()
        # c is among the products of a and b just when a is among those of c and b
        needed = _products({ir for _, ir in chosen[-1]} | gates, irreps_edge)
    return chosen[::-1]


def _products(some: Iterable[o3.Irrep], irreps_edge: o3.Irreps) -> set[o3.Irrep]:
    return {ir for a in some for _, b in irreps_edge for ir in a * b}


def gate(hidden: o3.Irreps) -> Gate:
    """Make the nonlinearity: scalars pass through a function, other irreps are multiplied by a scalar gate.

    Applied to a vector component by component, a function would not commute with rotations. A scalar may
    pass through any function if it is even (0e, here silu), but only through an odd one if it changes sign
    in the mirror (0o, here tanh).

    Args:
        hidden: irreps to come out; more scalars, the gates, go in.

    Returns:
        The gate, with ``irreps_in`` and ``irreps_out``.
    """
    scalars = o3.Irreps([(mul, ir) for mul, ir in hidden if ir.l == 0])
    others = o3.Irreps([(mul, ir) for mul, ir in hidden if ir.l > 0])
    gates = o3.Irreps([(mul, "0e") for mul, _ in others])
    act = [nn.functional.silu if ir.p == 1 else torch.tanh for _, ir in scalars]
    return Gate(scalars, act, gates, [torch.sigmoid] * len(gates), others)


class RadialBasis(nn.Module):
    """Give a distance as the heights of waves that fit into the cutoff.

    √2 sin(kπ r/r_c) r_c/2r for k = 1, 2, … are spherical Bessel functions j₀ (arXiv:2003.03123), of order 1.
    """

    k: Tensor

    def __init__(self, size: int, cutoff: float):
        super().__init__()
        self.cutoff = cutoff
        k = math.pi * torch.arange(1, size + 1, dtype=torch.get_default_dtype())
        self.register_buffer("k", k, persistent=False)

    def forward(self, length: Float[Tensor, " edges"]) -> Float[Tensor, "edges radial"]:
        """Evaluate all functions at each length, Å."""
        x = length[:, None] / self.cutoff
        return 2**0.5 * torch.sin(self.k * x) / (2 * x)


def envelope(x: Float[Tensor, "*edges"]) -> Float[Tensor, "*edges"]:
    """Fall from 1 at x = 0 to 0 at x = 1, with slope and curvature zero there too.

    Args:
        x: distance over cutoff.

    Returns:
        1 - 28 x⁶ + 48 x⁷ - 21 x⁸ below 1, and 0 beyond (arXiv:2003.03123, eq. 8, p = 6).
    """
    return torch.where(x < 1, 1 - 28 * x**6 + 48 * x**7 - 21 * x**8, torch.zeros_like(x))


def pool(values: Float[Tensor, "atoms irreps"], graph: Data, reduce: str) -> Float[Tensor, "graphs irreps"]:
    """Add up, or average, the atoms of each graph of a batch."""
    which = graph.batch if "batch" in graph else torch.zeros_like(graph.atomic_numbers)
    count = graph.num_graphs if "batch" in graph else 1
    total = values.new_zeros(count, values.shape[1]).index_add(0, which, values)
    if reduce == "sum":
        return total
    return total / total.new_zeros(count, 1).index_add(0, which, torch.ones_like(values[:, :1]))


def forces(model: nn.Module, graph: Data) -> Float[Tensor, "atoms 3"]:
    """Differentiate: the forces that belong to a predicted energy, F_i = -∂E/∂r_i.

    Args:
        model: predicts one energy a graph, eV.
        graph: a graph or a batch; it is left as it is.

    Returns:
        Forces, eV/Å; one can train on them, unless gradients are switched off by ``torch.no_grad``.
    """
    training = torch.is_grad_enabled()
    with torch.enable_grad():
        pos = graph.pos.detach().requires_grad_()
        energy = model(graph.__copy__().update({"pos": pos})).sum()
        return -torch.autograd.grad(energy, pos, create_graph=training)[0]


def per_atom(graph: Data, name: str) -> Float[Tensor, "atoms irreps"]:
    """Return a further input with one row an atom, also where there is one row a structure."""
    value, atoms = graph[name], len(graph.atomic_numbers)
    value = value.reshape(len(value), -1)
    if len(value) == atoms:  # where it is the number of structures too, each has one atom
        return value
    return value[graph.batch] if "batch" in graph else value.expand(atoms, -1)


def _check_input(graph: Data, name: str, irreps: o3.Irreps) -> None:
    """Refuse a graph whose further input does not fit."""
    structures = graph.num_graphs if "batch" in graph else 1
    found = tuple(graph[name].shape) if isinstance(graph.get(name), Tensor) else "nothing"
    atoms, per_row = len(graph.atomic_numbers), math.prod(found[1:]) if found != "nothing" else 0
    if found == "nothing" or not found or found[0] not in (atoms, structures) or per_row != irreps.dim:
        raise ValueError(
            f"graph: the input {name!r} ({irreps}) has the shape ({atoms}, {irreps.dim}), one row an atom, "
            f"or ({structures}, {irreps.dim}), one a structure; got {found}. "
            f"Give it as to_graph(..., system={{{name!r}: ...}}) or atom="
        )


def _check(hidden: o3.Irreps, per: str, reduce: str) -> None:
    """Refuse arguments that make no sense."""
    if not hidden.count("0e"):
        raise ValueError(
            f"irreps_hidden: needs scalars 0e, to carry elements and to open gates, got {hidden}"
        )
    if per not in ("system", "atom"):
        raise ValueError(f'per: expected "system" or "atom", got {per!r}')
    if reduce not in ("sum", "mean"):
        raise ValueError(f'reduce: expected "sum" or "mean", got {reduce!r}')
