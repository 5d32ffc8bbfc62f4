"""A network that predicts a density: irreps for each atom, as many of each kind as its element has functions.

    c_i = c⁰ + A y_i,    y_i = head( features of atom i )

* c⁰ are constant l = 0 coefficients of the element: the network learns what bonds and neighbours change.
* A makes the functions of one atom orthonormal, degree by degree, times the size of a typical change:
  all y are of order 1, and equal errors in y are equal errors of the density.
* Features come from the layers of `tutorial_utils.nn.network`. The last convolution sees edges up to the
  highest degree of the basis, so every coefficient is in reach whatever the hidden features are.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from ase import Atoms
from e3nn import o3
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from tutorial_utils import graphs, structures, training
from tutorial_utils.arguments import explain
from tutorial_utils.densities.baselines import ConstantAtoms, by_element
from tutorial_utils.densities.basis import WATER, Basis, tensor
from tutorial_utils.densities.density import Density, electrons
from tutorial_utils.elements import row_of_element, rows
from tutorial_utils.nn.network import Layer, RadialBasis, envelope

HIDDEN, LAST = "24x0e+12x1o+8x2e+4x3o", "24x0e+12x1o+8x2e+4x3o+4x4e"
PRETRAINED = Path(__file__).parent / "water.pt"
_EDGES = 2000  # taken at once where no gradient is wanted: they fit into a cache


class DensityNetwork(nn.Module):
    """Predict the coefficients of a density from elements and positions.

    * c(R x) = D(R) c(x) for rotations and reflections, c(x + t) = c(x); atoms may come in any order;
    * c is twice continuously differentiable, also where an atom crosses the cutoff;
    * the cost is linear in the number of edges.

    Build it in the dtype it is to run in, as `tutorial_utils.nn.EquivariantNetwork`.
    """

    row_of_element: Tensor
    present: Tensor
    constant: Tensor
    change: Tensor

    def __init__(
        self,
        basis: Basis = WATER,
        *,
        irreps_hidden: str | o3.Irreps = HIDDEN,
        irreps_last: str | o3.Irreps = LAST,
        layers: int = 2,
        cutoff: float = 5.0,
        radial: int = 16,
        neighbours: float = 6.0,
    ):
        """Build a network with random weights.

        Args:
            basis: functions of each element it shall know.
            irreps_hidden: features of an atom between layers.
            irreps_last: features after the last layer. Coefficients of a degree that is missing here stay
                what they are in constant atoms; with ``"48x0e"`` the model is invariant.
            layers: number of message-passing layers; each extends what an atom sees by one cutoff.
            cutoff: longest edge that counts, Å.
            radial: number of functions of the distance.
            neighbours: typical number of neighbours; sums over neighbours are divided by its square root.

        Raises:
            ValueError: for features without scalars, or no layers.
        """
        super().__init__()
        hidden, last = o3.Irreps(irreps_hidden), o3.Irreps(irreps_last)
        if not hidden.count("0e") or not last.count("0e") or layers < 1:
            raise ValueError(
                f"irreps_hidden, irreps_last: need scalars 0e, and layers at least 1; "
                f"got {hidden}, {last}, {layers}"
            )
        self.basis, self.cutoff = basis, cutoff
        self.irreps_out = union([basis.irreps(symbol) for symbol in basis.exponents])
        self.irreps_edge = o3.Irreps.spherical_harmonics(self.irreps_out.lmax)
        self._register_elements()
        irreps = o3.Irreps([(hidden.count("0e"), "0e")])  # at first an atom knows only its element
        self.embedding = nn.Embedding(len(basis.exponents), irreps.dim)
        self.radial = RadialBasis(radial, cutoff)
        self.edges = (layers - 1) * [o3.Irreps.spherical_harmonics(hidden.lmax)] + [self.irreps_edge]
        self.layers = nn.ModuleList()
        for edge, wanted in zip(self.edges, (layers - 1) * [hidden] + [last], strict=True):
            layer = Layer(irreps, edge, wanted, radial=radial, neighbours=neighbours)
            self.layers.append(layer)
            irreps = layer.irreps_out
        self.heads = nn.ModuleList(
            o3.Linear(irreps, basis.irreps(symbol), biases=True) for symbol in basis.exponents
        )

    def forward(self, graph: Data) -> Float[Tensor, "atoms functions"]:
        """Predict, from ``pos`` (Å), ``atomic_numbers`` and edges of a graph or a batch.

        Returns:
            Coefficients, one row an atom: irreps in the order of ``irreps_out``, which has room for every
            element; functions that an element lacks are zero.

        Raises:
            ValueError: for an element without functions.
        """
        graph = graphs.follow(graph, self)
        edge_index, r, length = graphs.within(graph, self.cutoff)
        Y = o3.spherical_harmonics(self.irreps_edge, r, True, "component")  # (edges, (lmax + 1)²)
        radial, u = self.radial(length), envelope(length / self.cutoff)  # (edges, radial), (edges,)

        rows = self._rows(graph.atomic_numbers)
        h = self.embedding(rows)  # (atoms, scalars)
        for layer, edge in zip(self.layers, self.edges, strict=True):
            h = in_blocks(layer, h, edge_index, Y[:, : edge.dim], radial, u)
        c = h.new_zeros(len(h), self.irreps_out.dim)
        for row, head in enumerate(self.heads):
            mine, columns = (rows == row).nonzero(), self.present[row].nonzero()[:, 0]
            change = self.change[row, columns[:, None], columns]
            c[mine, columns] = self.constant[row, columns] + head(h[mine[:, 0]]) @ change
        return c

    def coefficients(self, graph: Data) -> Float[Tensor, " functions"]:
        """Predict one flat vector for a graph or a batch, atom by atom, as `Density` wants it."""
        graph = graphs.follow(graph, self)
        return self(graph)[self.present[self._rows(graph.atomic_numbers)]]

    def sizes(self, batch: Data) -> list[int]:
        """Return the number of coefficients of each graph of a batch."""
        per_atom = self.present[self._rows(batch.atomic_numbers)].sum(1)
        which = batch.batch if "batch" in batch else torch.zeros_like(per_atom)
        return which.bincount(weights=per_atom).long().tolist()

    def standardise(self, densities: Sequence[Density]) -> None:
        """Set c⁰ to the mean of the l = 0 coefficients, and A to the size of what is left.

        Args:
            densities: of the training set, in the basis of the network.
        """
        mean, rows = ConstantAtoms.fit(densities).coefficients, by_element(densities)
        for row, symbol in enumerate(self.basis.exponents):
            rest = rows[symbol] - mean[symbol]
            columns = self.present[row]
            block = change_matrix(self.basis, symbol, rest)
            self.constant[row, columns] = mean[symbol].to(self.constant)
            self.change[row, columns[:, None] & columns] = block.flatten().to(self.change)

    def _register_elements(self) -> None:
        """Make room for what belongs to elements: functions present, c⁰ (zero), A (orthonormal)."""
        symbols, width = list(self.basis.exponents), self.irreps_out.dim
        present = torch.zeros(len(symbols), width, dtype=torch.bool)
        change = torch.zeros(len(symbols), width, width)
        for n, symbol in enumerate(symbols):
            present[n] = columns_of(self.basis.irreps(symbol), self.irreps_out)
            change[n, present[n][:, None] & present[n]] = (
                change_matrix(self.basis, symbol).flatten().to(change)
            )
        self.register_buffer("row_of_element", row_of_element(symbols), persistent=False)
        self.register_buffer("present", present, persistent=False)
        self.register_buffer("constant", torch.zeros(len(symbols), width))
        self.register_buffer("change", change)

    def _rows(self, numbers: Int[Tensor, " atoms"]) -> Int[Tensor, " atoms"]:
        """Number the elements by their place in the basis."""
        return rows(numbers, self.row_of_element)


def pretrained() -> DensityNetwork:
    """Return the network that reference_data/density_network.py has trained on water clusters."""
    model = DensityNetwork()
    training.load(PRETRAINED, model)
    return model.eval()


def density_of(model: DensityNetwork, atoms: Atoms) -> Density:
    """Predict the density of a molecule or a cluster (Å), as it comes out: the electrons are not counted.

    The network runs in its own dtype and on its own device; the density is in double precision on the CPU.

    Raises:
        ValueError: for an element without functions, or atoms with charges or magnetic moments.
    """
    atoms = structures.plain(atoms, refuses=("charges", "magnetic_moments"))
    with torch.no_grad():
        c = model.coefficients(graphs.to_graph(atoms, model.cutoff))
    return Density(atoms, c.double().cpu(), model.basis)


def as_graph(density: Density, cutoff: float, *, metric: Tensor | None = None) -> Data:
    """Return a graph to train on.

    Args:
        density: what is to be predicted.
        cutoff: of the network, Å.
        metric: (functions, functions), such as ``fitting.metrics(atoms).overlap``; None: the unit matrix.

    Returns:
        A graph with ``coefficients`` (functions,), ``electrons`` (1,) and ``metric`` (functions²,), which
        lie end to end in a batch.
    """
    graph = graphs.to_graph(density.atoms, cutoff)
    dtype = graph.pos.dtype
    graph.coefficients = density.coefficients.to(dtype)
    graph.electrons = torch.tensor([electrons(density.atoms)], dtype=dtype)
    if metric is not None:
        graph.metric = metric.to(dtype).flatten()
    return graph


def metric_errors(model: DensityNetwork, batch: Batch) -> Float[Tensor, " graphs"]:
    """Return Δcᵀ M Δc over the number of electrons, for each graph of a batch."""
    sizes = model.sizes(batch)
    parts = (model.coefficients(batch) - batch.coefficients).split(sizes)
    if "metric" not in batch:
        found = [delta @ delta for delta in parts]
    else:
        metrics = batch.metric.split([size**2 for size in sizes])
        pairs = zip(parts, metrics, strict=True)
        found = [delta @ (metric.view(len(delta), -1) @ delta) for delta, metric in pairs]
    return torch.stack(found) / batch.electrons


def root_error(model: DensityNetwork, batch: Batch) -> Float[Tensor, ""]:
    """Return the mean over graphs of √(Δcᵀ M Δc / N_e), the loss of the course.

    Without the root, the few worst clusters of a batch decide the step; and close to the goal the gradient
    fades away.
    """
    return metric_errors(model, batch).clamp(min=1e-20).sqrt().mean()


def change_matrix(
    basis: Basis, symbol: str, changes: Float[Tensor, "atoms functions"] | None = None
) -> Float[Tensor, "functions functions"]:
    """Return A of an element: c = y A has the size Σ y² in the overlap metric of the atom alone.

    Two functions of one atom and degree overlap by (2 √ab / (a + b))^{l + 3/2}.

    Args:
        basis: exponents.
        symbol: element.
        changes: each degree is multiplied by the root mean square of y over these; None: by 1.
    """
    blocks, start = [], 0
    for l, exponents in sorted(basis.shells(symbol).items()):
        a, n = tensor(exponents), len(exponents)
        overlap = (2 * (a * a[:, None]).sqrt() / (a + a[:, None])) ** (l + 1.5)
        L = torch.linalg.cholesky(overlap)
        block = torch.linalg.inv(L)
        if changes is not None:
            mine = changes[:, start : start + n * (2 * l + 1)].unflatten(1, (n, 2 * l + 1))
            block = block * torch.einsum("anm,nk->akm", mine.double(), L).square().mean().sqrt()
        blocks.append(torch.kron(block.contiguous(), torch.eye(2 * l + 1, dtype=block.dtype)))
        start += n * (2 * l + 1)
    return torch.block_diag(*blocks)


def union(irreps: Sequence[o3.Irreps]) -> o3.Irreps:
    """Return the smallest irreps, sorted by degree, that have room for each of these."""
    kinds = sorted({ir for each in irreps for _, ir in each})
    return o3.Irreps([(max(each.count(ir) for each in irreps), ir) for ir in kinds])


def columns_of(irreps: o3.Irreps, within: o3.Irreps) -> Tensor:
    """Return a mask: of each kind of irrep in `within`, the first ones, as many as `irreps` has."""
    return torch.cat([torch.arange(mul * ir.dim) < irreps.count(ir) * ir.dim for mul, ir in within])


def in_blocks(
    layer: nn.Module,
    h: Float[Tensor, "atoms irreps_in"],
    edge_index: Int[Tensor, "2 edges"],
    *edge_features: Tensor,
) -> Float[Tensor, "atoms irreps_out"]:
    """Apply a layer; where no gradient is wanted, to some atoms at a time, so that memory stays bounded."""
    if torch.is_grad_enabled() or edge_index.shape[1] <= _EDGES:
        return layer(h, edge_index, *edge_features)
    order = edge_index[1].argsort(stable=True)  # by centre
    neighbour, centre = edge_index[:, order]
    edge_features = tuple(feature[order] for feature in edge_features)
    ends = centre.bincount(minlength=len(h)).cumsum(0)
    total = int(ends[-1])
    cuts = torch.searchsorted(ends, torch.arange(_EDGES, total, _EDGES, device=ends.device), right=True)
    atoms = torch.cat([cuts.new_zeros(1), cuts.unique(), cuts.new_tensor([len(h)])]).unique().tolist()
    found = []
    for first, last in pairwise(atoms):
        edges = slice(int(ends[first - 1]) if first else 0, int(ends[last - 1]))
        mine = torch.arange(first, last, device=h.device)
        local, place = torch.cat([mine, neighbour[edges]]).unique(return_inverse=True)
        inner = torch.stack([place[last - first :], place[centre[edges] - first]])
        features = (feature[edges] for feature in edge_features)
        found.append(layer(h[local], inner, *features)[place[: last - first]])
    return torch.cat(found)


explain(globals())
