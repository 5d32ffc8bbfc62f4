"""Predict a crystal's phonon density of states from its structure, by layers of lattice sums.

Each atom begins with what its element is, and gathers from the atoms of the cell, through the sums G_ij over
their images (see `sums`):

    h_i  <-  gate( W₀ h_i + W₁ Σ_j  h_j ⊗ G_ij )

with a weight for each channel of h, each radial function and each path. What the layers know of an atom
becomes its share of the spectrum, positive by a softplus; the crystal's spectrum is the mean of the shares,
so that a supercell has the same one.
"""

from collections.abc import Sequence

import torch
from e3nn import o3
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch_geometric.data import Data

from tutorial_utils import elements as symbols
from tutorial_utils.graphs import follow
from tutorial_utils.nn.network import depthwise_product, gate, pool
from tutorial_utils.phonons.species import LARGEST, descriptors
from tutorial_utils.phonons.sums import RADIAL, sums_irreps

POINTS = 51
CDF_WEIGHT = 0.3


class SpectrumNetwork(nn.Module):
    """Predict densities of states.

    * The same for a crystal turned, mirrored or shifted, for a supercell, for any choice of cell;
    * never negative; as high as it was trained to be: divide by the maximum or by the sum as needed.
    """

    table: Tensor
    row_of_element: Tensor

    def __init__(
        self,
        elements: Sequence[str],
        *,
        irreps_hidden: str | o3.Irreps = "96x0e",
        lmax: int | None = None,
        layers: int = 2,
        points: int = POINTS,
        start: Float[Tensor, " points"] | None = None,
        dropout: float = 0.25,
    ):
        """Build a network with random weights.

        Args:
            elements: chemical symbols it shall know.
            irreps_hidden: features of an atom.
            lmax: highest degree of the lattice sums; by default that of the features.
            layers: how often atoms gather from others; 0: a network of the composition alone.
            points: length of a spectrum.
            start: spectrum to begin with, as a rule the mean of the training spectra; positive.
            dropout: share of the scalars that are forgotten in each step of training.

        Raises:
            ValueError: for an unknown element.
        """
        super().__init__()
        elements = self.elements = symbols.distinct(elements, largest=LARGEST)
        hidden = self.irreps_hidden = o3.Irreps(irreps_hidden)
        self.lmax = hidden.lmax if lmax is None else lmax
        self.arguments = {  # what builds the network again
            "elements": list(elements),
            "irreps_hidden": str(hidden),
            "lmax": self.lmax,
            "layers": layers,
            "points": points,
            "dropout": dropout,
        }
        self.register_buffer("row_of_element", symbols.row_of_element(elements), persistent=False)
        self.register_buffer("table", _table(self.row_of_element, len(elements)), persistent=False)
        irreps = o3.Irreps([(hidden.count("0e"), "0e")])
        self.embedding = nn.Linear(self.table.shape[1], irreps.dim)
        self.scalars = [irreps.dim]  # of the elements, then of each layer
        self.layers = nn.ModuleList()
        for _ in range(layers):
            layer = Layer(irreps, sums_irreps(self.lmax), hidden)
            self.layers.append(layer)
            irreps = layer.irreps_out
            self.scalars.append(irreps.count("0e"))
        self.hidden = nn.Sequential(
            nn.LayerNorm(sum(self.scalars)), nn.Dropout(dropout), nn.Linear(sum(self.scalars), 128), nn.SiLU()
        )
        self.head = nn.Linear(128, points)
        if start is not None:  # softplus(bias) is the start
            with torch.no_grad():
                self.head.bias.copy_(torch.log(torch.expm1(start.clamp(min=1e-3))))

    def forward(self, graph: Data) -> Float[Tensor, "graphs points"]:
        """Predict the spectra of a graph of `lattice_sums`, or of a batch of them.

        A graph with ``shares`` (atoms, numbers) has mixed atoms: so much of each element, by atomic number.

        Raises:
            ValueError: for an element that the network does not know, or sums of another degree.
        """
        graph = follow(graph, self)
        self._check(graph)
        species = graph.shares @ self.table if "shares" in graph else self.table[graph.atomic_numbers]
        h = nn.functional.silu(self.embedding(species))  # (atoms, scalars)
        scalars = [h]
        for layer, count in zip(self.layers, self.scalars[1:], strict=True):
            h = layer(h, graph.edge_index, graph.sums)  # (atoms, hidden)
            scalars.append(h[:, :count])  # the gate puts scalars first
        shares = nn.functional.softplus(self.head(self.hidden(torch.cat(scalars, dim=1))))  # (atoms, points)
        return pool(shares, graph, "mean")

    def _check(self, graph: Data) -> None:
        width = RADIAL * (self.lmax + 1) ** 2
        found = graph.sums.shape[1] if "sums" in graph else "none"
        if found != width:
            raise ValueError(
                f"graph: expected lattice sums up to l = {self.lmax}, {width} numbers a pair, got "
                f"{found}; make graphs with lattice_sums(atoms, lmax={self.lmax})"
            )
        symbols.rows(graph.atomic_numbers, self.row_of_element)


class Layer(nn.Module):
    """Gather along pairs, then the gate: one row of the formula above."""

    def __init__(self, irreps_in: o3.Irreps, irreps_sums: o3.Irreps, irreps_hidden: o3.Irreps):
        super().__init__()
        reachable = {ir for _, a in irreps_in for _, b in irreps_sums for ir in a * b}
        self.gate = gate(o3.Irreps([(mul, ir) for mul, ir in irreps_hidden if ir in reachable]))
        self.irreps_out = self.gate.irreps_out
        self.product = product(irreps_in, irreps_sums, self.gate.irreps_in)
        self.W0 = o3.Linear(irreps_in, self.gate.irreps_in)
        self.W1 = o3.Linear(self.product.irreps_out, self.gate.irreps_in)

    def forward(
        self,
        h: Float[Tensor, "atoms irreps_in"],
        edge_index: Int[Tensor, "2 pairs"],
        sums: Float[Tensor, "pairs irreps_sums"],
    ) -> Float[Tensor, "atoms irreps_out"]:
        """Update the features of each atom."""
        neighbour, centre = edge_index
        message = self.product(h[neighbour], sums)  # (pairs, product)
        total = message.new_zeros(len(h), message.shape[1]).index_add(0, centre, message)  # (atoms, product)
        return self.gate(self.W0(h) + self.W1(total))  # (atoms, irreps_out)


def product(irreps_in: o3.Irreps, irreps_sums: o3.Irreps, wanted: o3.Irreps) -> o3.TensorProduct:
    """Multiply features by lattice sums: each channel with each radial function, with a weight each.

    The product is linear in the sums; fed with single edges instead of sums it gives, added up, the same.
    """
    edgewise = depthwise_product(irreps_in, irreps_sums, wanted)
    paths = [(path.i_in1, path.i_in2, path.i_out, "uvu", True) for path in edgewise.instructions]
    return o3.TensorProduct(irreps_in, irreps_sums, edgewise.irreps_out, paths)


def spectrum_loss(model: nn.Module, batch: Data) -> Tensor:
    """Return the mean squared error of the spectra divided by their maxima, + 0.3 · mean |ΔCDF|.

    Bins know nothing of their neighbours: a peak one bin off is as wrong as one far off. The cumulative
    distributions tell the difference.
    """
    predicted = model(batch)
    peak = predicted / predicted.max(dim=1, keepdim=True).values
    steps = torch.cumsum(distribution(predicted) - distribution(batch.dos), dim=1)
    return ((peak - batch.dos) ** 2).mean() + CDF_WEIGHT * steps.abs().mean()


def distribution(dos: Float[Tensor, "graphs points"]) -> Float[Tensor, "graphs points"]:
    """Divide spectra by their sums."""
    return dos / dos.sum(dim=1, keepdim=True)


def _table(row: Int[Tensor, " numbers"], elements: int) -> Float[Tensor, "known features"]:
    """Return physical descriptors of all elements, and a one-hot code of the known ones."""
    physical = torch.tensor(descriptors(), dtype=torch.get_default_dtype())
    code = (row[: len(physical), None] == torch.arange(elements)).to(physical)
    return torch.cat([physical, code], dim=1)
