"""U(1) gauge symmetry: electrons on lattices with magnetic flux, loops, and a gauge-equivariant network.

A link carries the phase θ_ij = (q/ħ) ∫_j^i A·dl that a carrier of charge q gathers when it hops from
site j to site i (Peierls substitution), and H_ij = -t e_ij with e_ij = exp(iθ_ij), e_ji = conj(e_ij).
A gauge change gives every site its own phase: e_ij -> exp(iα_i) e_ij exp(-iα_j).
Phases and fluxes are in rad (2π is one flux quantum h/q); energies are in the unit of the hopping t.

Source: D. R. Hofstadter, Phys. Rev. B 14, 2239 (1976), https://doi.org/10.1103/PhysRevB.14.2239
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor, nn

from tutorial_utils.arguments import explain
from tutorial_utils.symmetry import Law


@dataclass(frozen=True, eq=False)
class Lattice:
    """Sites joined by links that carry phases; leading axes of `phases` are a batch of fields.

    Attributes:
        sites: number of sites.
        links: (links, 2) | rows (i, j): the hop from site j to site i.
        phases: (..., links) | θ_ij in rad.
        plaquettes: (plaquettes, links) | entries +1, -1, 0: links passed along, against, not at all.
        wilson: (wilson, links) | the same for closed walks that wind around a hole.
    """

    sites: int
    links: Int[Tensor, "links 2"]
    phases: Float[Tensor, "*batch links"]
    plaquettes: Float[Tensor, "plaquettes links"]
    wilson: Float[Tensor, "wilson links"]

    def __post_init__(self) -> None:
        if self.phases.shape[-1:] != self.links.shape[:1] or not self.phases.is_floating_point():
            raise ValueError(
                f"phases must be real, (..., {len(self.links)}): one per link, in rad; got "
                f"{self.phases.dtype} {tuple(self.phases.shape)}"
            )

    def __str__(self) -> str:
        count = f"{self.sites} sites, {len(self.links)} links"
        return f"{count}, {len(self.plaquettes)} plaquettes, {len(self.wilson)} Wilson loops"


def ring(sites: int, flux: float | Float[Tensor, "*batch"] = 0.0) -> Lattice:
    """Return a ring with the flux spread evenly over its links.

    Args:
        sites: number of sites N; link n is the hop from site n to site n + 1.
        flux: flux through the ring in rad; a tensor makes a batch of rings.

    Returns:
        Lattice without plaquettes and with one Wilson loop, the ring itself.
    """
    _check_counts(sites=sites)
    order = torch.arange(sites)
    share = torch.as_tensor(flux, dtype=torch.get_default_dtype()) / sites
    return Lattice(
        sites=sites,
        links=torch.stack([(order + 1) % sites, order], dim=1),
        phases=share[..., None].expand(*share.shape, sites).clone(),
        plaquettes=torch.zeros(0, sites),
        wilson=torch.ones(1, sites),
    )


def torus(
    columns: int,
    rows: int,
    *,
    quanta: int = 0,
    holes: tuple[float | Float[Tensor, "*batch"], float | Float[Tensor, "*batch"]] = (0.0, 0.0),
) -> Lattice:
    """Return a square lattice closed in both directions, with uniform flux and flux through both holes.

    A closed surface holds whole flux quanta only: each plaquette gets 2π quanta / (columns rows), mod 2π.
    With one row, `holes` are Bloch phases and H is Harper's q x q matrix for the flux quanta / columns.

    Args:
        columns: number of sites along x.
        rows: number of sites along y; site (x, y) has the number x rows + y.
        quanta: whole number of flux quanta through the surface.
        holes: phases in rad gathered along x at y = 0 and along y at x = 0; tensors make a batch.

    Returns:
        Lattice; phases.reshape(..., 2, columns, rows) are the hops (x, y) -> (x + 1, y) and -> (x, y + 1).
    """
    _check_counts(columns=columns, rows=rows)
    if quanta != int(quanta):
        raise ValueError(f"quanta must be a whole number of flux quanta through a torus, got {quanta}")
    x, y = torch.meshgrid(torch.arange(columns), torch.arange(rows), indexing="ij")
    flux = 2 * math.pi * int(quanta) / (columns * rows)
    hole_x, hole_y = (
        torch.as_tensor(hole, dtype=torch.get_default_dtype())[..., None, None] for hole in holes
    )
    along_x = (x == columns - 1) * (hole_x - flux * columns * y)
    along_y = flux * x + (y == rows - 1) * hole_y
    phases = torch.stack(torch.broadcast_tensors(along_x, along_y), dim=-3).flatten(-3)
    site = x * rows + y
    to = torch.stack([site.roll(-1, 0), site.roll(-1, 1)])
    links = torch.stack([to, site.expand_as(to)], dim=-1).reshape(-1, 2)
    numbers = torch.arange(len(links)).view_as(to)
    wilson = torch.zeros(2, len(links))
    wilson[0, numbers[0, :, 0]] = 1.0
    wilson[1, numbers[1, 0, :]] = 1.0
    return Lattice(columns * rows, links, phases, _plaquettes(numbers), wilson)


def square(columns: int, rows: int, *, flux: float = 0.0) -> Lattice:
    """Return a square lattice with open edges and uniform flux (Landau gauge: phases on the links along y).

    Args:
        columns: number of sites along x.
        rows: number of sites along y.
        flux: flux through each plaquette in rad, any real number.

    Returns:
        Lattice with (columns - 1)(rows - 1) plaquettes and no Wilson loop.
    """
    closed = torus(columns, rows)
    x = torch.arange(columns)[:, None].expand(columns, rows)
    y = torch.arange(rows)[None, :].expand(columns, rows)
    keep = torch.stack([x < columns - 1, y < rows - 1]).flatten()
    inside = ((x < columns - 1) & (y < rows - 1)).flatten()
    phases = torch.stack([torch.zeros(columns, rows), flux * x.to(closed.phases.dtype)]).flatten()
    empty = torch.zeros(0, int(keep.sum()))
    return Lattice(closed.sites, closed.links[keep], phases[keep], closed.plaquettes[inside][:, keep], empty)


def transform(lattice: Lattice, angles: Float[Tensor, "*batch sites"]) -> Lattice:
    """Return the lattice in another gauge: θ_ij -> θ_ij + α_i - α_j.

    Args:
        lattice: the lattice.
        angles: (..., sites) site phases α in rad.

    Returns:
        A new lattice with the same magnetic field.

    Raises:
        ValueError: if there is not one angle per site.
    """
    if angles.shape[-1:] != (lattice.sites,):
        raise ValueError(
            f"angles must be (..., {lattice.sites}): one phase per site, in rad; got {tuple(angles.shape)}"
        )
    to, start = lattice.links.T
    return replace(lattice, phases=lattice.phases + angles[..., to] - angles[..., start])


def random_angles(lattice: Lattice, rng: np.random.Generator) -> Float[Tensor, "*batch sites"]:
    """Return a random gauge change: one phase per site (and per field of a batch), uniform in (-π, π)."""
    shape = (*lattice.phases.shape[:-1], lattice.sites)
    return torch.as_tensor(rng.uniform(-np.pi, np.pi, shape)).to(lattice.phases)


def gauge_law() -> Law:
    """Return the law "gauge" for `symmetry.equivariance_report`: any gauge change leaves the output alone."""
    return Law(
        name="gauge",
        sample=lambda rng, lattice: random_angles(lattice, rng),
        act_in=lambda angles, lattice: transform(lattice, angles),
        act_out=lambda angles, output: output,
        deform=_deform,
    )


def loops(lattice: Lattice, *, wilson: bool = True) -> Complex[Tensor, "*batch loops"]:
    """Return the products of the link variables around the loops: exp(i flux).

    Plaquettes come first, Wilson loops after them. Both together fix a field on a ring, a torus or an open
    square up to a gauge change; on a torus (or ring) the plaquettes alone do not.

    Args:
        lattice: the lattice.
        wilson: False leaves the Wilson loops out.

    Returns:
        (..., loops) complex numbers of modulus 1.
    """
    rows = torch.cat([lattice.plaquettes, lattice.wilson]) if wilson else lattice.plaquettes
    flux = lattice.phases @ rows.T.to(lattice.phases)
    return torch.polar(torch.ones_like(flux), flux)


def link_matrix(lattice: Lattice) -> Complex[Tensor, "*batch sites sites"]:
    """Return the Hermitian matrix of link variables e_ij = exp(iθ_ij); zero where no link joins i and j."""
    to, start = lattice.links.T.to(lattice.phases.device)
    value = torch.polar(torch.ones_like(lattice.phases), lattice.phases)
    flat = value.new_zeros(*value.shape[:-1], lattice.sites**2)
    half = flat.index_add(-1, to * lattice.sites + start, value)
    half = half.unflatten(-1, (lattice.sites, lattice.sites))
    return half + half.mH


def hamiltonian(lattice: Lattice, hopping: float = 1.0) -> Complex[Tensor, "*batch sites sites"]:
    """Return H_ij = -t e_ij, one orbital per site.

    Args:
        lattice: the lattice.
        hopping: t, which sets the unit of energy (eV, say).

    Returns:
        (..., sites, sites) Hermitian matrix in the unit of `hopping`.
    """
    return -hopping * link_matrix(lattice)


def spectrum(lattice: Lattice, hopping: float = 1.0) -> Float[Tensor, "*batch sites"]:
    """Return the one-electron energies in ascending order, in the unit of `hopping`."""
    return torch.linalg.eigvalsh(hamiltonian(lattice, hopping))


def ground_energy(lattice: Lattice, electrons: int, *, hopping: float = 1.0) -> Float[Tensor, "*batch"]:
    """Return the energy of spinless electrons that fill the lowest levels.

    Args:
        lattice: the lattice.
        electrons: number of filled levels, 1 to sites.
        hopping: t, which sets the unit of energy.

    Returns:
        (...) energy in the unit of `hopping`.

    Raises:
        ValueError: if the levels cannot hold the electrons.
    """
    if not 1 <= electrons <= lattice.sites:
        raise ValueError(f"electrons must lie between 1 and {lattice.sites} (one per site), got {electrons}")
    return spectrum(lattice, hopping)[..., :electrons].sum(-1)


def link_currents(lattice: Lattice, electrons: int, *, hopping: float = 1.0) -> Float[Tensor, "*batch links"]:
    """Return the ground-state current -∂E/∂θ_ij of every link, from j to i.

    On a ring all links carry -dE/dflux, the persistent current. Undefined where the highest filled level
    meets the lowest empty one.

    Args:
        lattice: the lattice.
        electrons: number of filled levels.
        hopping: t, which sets the unit of energy.

    Returns:
        (..., links) currents; multiply by q/ħ for amperes (t = 1 eV: one unit is 0.243 mA).
    """
    phases = lattice.phases.detach().clone().requires_grad_()
    energy = ground_energy(replace(lattice, phases=phases), electrons, hopping=hopping)
    return -torch.autograd.grad(energy.sum(), phases)[0]


def divergence(lattice: Lattice, flow: Float[Tensor, "*batch links"]) -> Float[Tensor, "*batch sites"]:
    """Return what flows into each site minus what flows out; zero everywhere is Kirchhoff's law.

    Args:
        lattice: the lattice.
        flow: (..., links) currents from j to i.

    Returns:
        (..., sites) net inflow in the unit of `flow`.

    Raises:
        ValueError: if there is not one flow per link.
    """
    if flow.shape[-1:] != lattice.links.shape[:1]:
        raise ValueError(f"flow must be (..., {len(lattice.links)}): one per link; got {tuple(flow.shape)}")
    to, start = lattice.links.T.to(flow.device)
    net = flow.new_zeros(*flow.shape[:-1], lattice.sites)
    return net.index_add(-1, to, flow).index_add(-1, start, -flow)


class GaugeLayer(nn.Module):
    """Lengthen paths by one link: h_ij <- g_i Σ_k (W h)_ik e_kj, then hand over the closed ones, h_ii.

    * h_ij has charge +1 at i and -1 at j: it turns like e_ij, h_ij -> exp(iα_i) h_ij exp(-iα_j).
    * W mixes channels and the gate g_i sees closed paths h_ii only: both leave the charges alone.
    * Closed paths are read out and taken away, so that long loops are not drowned by short ones to and fro.
    * After d layers h_ij sums over walks of d links: no h_ii knows a loop longer than d.

    Idea: Favoni et al., Phys. Rev. Lett. 128, 032003 (2022), https://doi.org/10.1103/PhysRevLett.128.032003
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.eye(channels) + 0.5 * torch.randn(channels, channels) / channels**0.5)
        self.gate = nn.Linear(2 * channels, channels)

    def forward(
        self, h: Complex[Tensor, "*batch channels sites sites"], steps: Complex[Tensor, "*batch sites sites"]
    ) -> tuple[Complex[Tensor, "*batch channels sites sites"], Float[Tensor, "*batch sites features"]]:
        """Return the open paths after one more link and the invariants of the paths that closed.

        Args:
            h: (..., channels, sites, sites) charged features; the unit matrix before the first layer.
            steps: (..., sites, sites) the link matrix, scaled by the caller.

        Returns:
            Charged features of the same shape with zero diagonal, and (..., sites, 2 channels) real and
            imaginary parts of the diagonal they had.
        """
        longer = (h.flatten(-3, -2) @ steps).unflatten(-2, h.shape[-3:-1])  # (..., c, i, j)
        mixed = (self.mix.to(h.dtype) @ longer.flatten(-2)).view_as(longer)  # (..., c, i, j)
        diagonal = torch.diagonal(mixed, dim1=-2, dim2=-1).transpose(-1, -2)  # (..., i, c)
        closed = torch.cat([diagonal.real, diagonal.imag], dim=-1)  # (..., i, 2c)
        gate = 2 * torch.sigmoid(self.gate(closed)).transpose(-1, -2)  # (..., c, i)
        apart = 1 - torch.eye(h.shape[-1], dtype=gate.dtype, device=gate.device)  # (i, j)
        return mixed * gate.unsqueeze(-1) * apart, closed


class GaugeNetwork(nn.Module):
    """A gauge-invariant number from link phases: closed paths of every length, one MLP per site, a sum.

    Args:
        depth: number of layers = length of the longest closed path that is seen.
        channels: number of charged features per pair of sites.
        hidden: width of the site MLP.
    """

    def __init__(self, depth: int, *, channels: int = 4, hidden: int = 32) -> None:
        super().__init__()
        _check_counts(depth=depth, channels=channels, hidden=hidden)
        self.channels = channels
        self.layers = nn.ModuleList(GaugeLayer(channels) for _ in range(depth))
        self.site = nn.Sequential(nn.Linear(2 * channels * depth, hidden), nn.SiLU(), nn.Linear(hidden, 1))

    def forward(self, lattice: Lattice) -> Float[Tensor, "*batch"]:
        """Return one number per field of the lattice, (...)."""
        degree = torch.bincount(lattice.links.flatten(), minlength=lattice.sites).max()
        steps = link_matrix(lattice) / degree**0.5  # (..., i, j)
        h = torch.eye(lattice.sites).to(steps).expand(*steps.shape[:-2], self.channels, -1, -1)
        paths = []
        for layer in self.layers:
            h, closed = layer(h, steps)  # (..., c, i, j), (..., i, 2c)
            paths.append(closed)
        return self.site(torch.cat(paths, dim=-1)).squeeze(-1).sum(-1)


def _plaquettes(numbers: Int[Tensor, "2 columns rows"]) -> Float[Tensor, "plaquettes links"]:
    """Return the oriented links around each square: along x, along y, back along x, back along y."""
    around = [numbers[0], numbers[1].roll(-1, 0), numbers[0].roll(-1, 1), numbers[1]]
    matrix = torch.zeros(numbers[0].numel(), numbers.numel())
    for link, sign in zip(around, (1.0, 1.0, -1.0, -1.0), strict=True):
        # Added, not set: on a torus one site wide a plaquette passes the same link forth and back.
        matrix.scatter_add_(1, link.reshape(-1, 1), torch.full((len(matrix), 1), sign))
    return matrix


def _deform(rng: np.random.Generator, lattice: Lattice) -> Lattice:
    """Return the lattice in a slightly different field."""
    noise = torch.as_tensor(rng.normal(scale=0.3, size=lattice.phases.shape)).to(lattice.phases)
    return replace(lattice, phases=lattice.phases + noise)


def _check_counts(**counts: int) -> None:
    """Raise if a count is not a positive whole number."""
    for name, value in counts.items():
        if value != int(value) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {value}")


explain(globals())
