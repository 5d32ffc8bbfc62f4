"""SOAP: the power spectrum of a density of Gaussians, one on each atom, instead of Dirac deltas.

A Gaussian on r_j spreads over the radial functions, and over directions, more at low than at high l:

    c_nlm = Σ_j f(r_j) S_nl(r_j) Y_lm(r̂_j),   S_nl(r) = 4π N ∫ R_n(s) exp(-(s² + r²)/2σ²) i_l(rs/σ²) s² ds

with i_l the modified spherical Bessel functions. All else is `environments` and `power_spectrum`.

Source: Bartók, Kondor, Csányi, doi:10.1103/PhysRevB.87.184115, section IV.
"""

from collections.abc import Sequence
from math import pi, sqrt

import numpy as np
import torch
from ase import Atoms
from jaxtyping import Float
from scipy.special import ive
from torch import Tensor
from torch_geometric.data import Data

from tutorial_utils.descriptors.invariants import power_spectrum, power_spectrum_labels
from tutorial_utils.descriptors.neighbourhoods import CHUNK, element_channels, environments
from tutorial_utils.descriptors.radial import Radial, quadrature
from tutorial_utils.graphs import to_graph

ACCURACY = 1e-11  # of the polynomials that stand for S_nl, relative to its largest value


class GaussianOrbitals(Radial):
    """r^n exp(-r²/2σ_n²), n = 0, 1, …, made orthonormal symmetrically, without an end.

    * σ_n = √n radius/size, and σ_0 = radius/size: the maxima lie at n radius/size.
    * Eight radii out they are zero to round-off, which is taken for their cutoff.
    * These are the radial functions of featomic's ``Gto``.

    Args:
        size: how many functions.
        radius: Å, about as far as the neighbours.
    """

    def __init__(self, size: int, radius: float):
        super().__init__(size, 8 * radius)
        self.powers = torch.arange(self.size)
        self.widths = self.powers.clamp(min=1).to(torch.float64).sqrt() * radius / self.size  # Å
        self.mixing = torch.eye(self.size, dtype=torch.float64)
        r, w = quadrature(self.cutoff)
        g = self.shells(r)
        S = torch.einsum("r,rn,rm->nm", w, g, g)
        length = S.diagonal().sqrt()
        values, vectors = torch.linalg.eigh(S / length / length[:, None])
        self.mixing = (vectors / values.sqrt() @ vectors.T) / length[:, None]

    def shells(self, r: Float[Tensor, "..."]) -> Float[Tensor, "... size"]:
        """Return R_n(r) (Å^-3/2)."""
        s = r.unsqueeze(-1)
        return (s**self.powers * torch.exp(-(s**2) / (2 * self.widths.to(r) ** 2))) @ self.mixing.to(r)

    def functions(self, r: Float[Tensor, "..."], lmax: int) -> Float[Tensor, "... degrees size"]:
        """Return R_n(r) (Å^-3/2), the same for all degrees: only a smeared density is smooth with them."""
        R = self.shells(r).unsqueeze(-2)
        return R.expand(*R.shape[:-2], lmax + 1, self.size)


class Smeared(Radial):
    """What the radial functions see of a Gaussian at the distance r: f(r) S_nl(r) of this module's formula.

    * Smooth in r, so a polynomial of moderate degree is exact to round-off: Chebyshev's.
    * The Gaussian has the norm 1, ∫ g² d³r = 1, whatever its width.
    * f goes from 1 to 0 over the last `smoothing` Å, as half a period of a cosine.

    Args:
        radial: orthonormal radial functions of the density.
        lmax: highest degree.
        width: σ of the Gaussians, Å.
        cutoff: Å, how far a neighbour may be; None: as far as the radial functions reach.
        smoothing: Å.

    Raises:
        ValueError: if the width or the smoothing is not between 0 and the cutoff.
    """

    series: Tensor

    def __init__(
        self,
        radial: Radial,
        lmax: int,
        *,
        width: float,
        cutoff: float | None = None,
        smoothing: float = 0.5,
    ):
        super().__init__(radial.size, radial.cutoff if cutoff is None else cutoff)
        for name, value in (("width", width), ("smoothing", smoothing)):
            if not 0 < value <= self.cutoff:
                raise ValueError(f"{name}: expected a length between 0 and {self.cutoff:g} Å, got {value}")
        self.lmax, self.width, self.smoothing = lmax, width, smoothing
        series, terms = chebyshev_series(radial, self, 16), 16
        while series[-4:].abs().max() > ACCURACY * series.abs().max():
            series, terms = chebyshev_series(radial, self, 2 * terms), 2 * terms
        needed = series.abs().amax((1, 2)) > 0.01 * ACCURACY * series.abs().max()
        self.register_buffer("series", series[: int(needed.nonzero().max()) + 1], persistent=False)

    def functions(self, r: Float[Tensor, "..."], lmax: int) -> Float[Tensor, "... degrees size"]:
        """Return f(r) S_nl(r)."""
        T = chebyshev(2 * r / self.cutoff - 1, len(self.series))
        near = (T @ self.series.to(r).flatten(1)).unflatten(-1, self.series.shape[1:])
        return near[..., : lmax + 1, :] * self.switch(r)[..., None, None]

    def forward(self, r: Float[Tensor, "..."], lmax: int) -> Float[Tensor, "... degrees size"]:
        """Return f(r) S_nl(r) for distances r (Å), zero beyond the cutoff."""
        return self.functions(r.clamp(max=self.cutoff), lmax)

    def switch(self, r: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Return f(r)."""
        phase = (r - (self.cutoff - self.smoothing)) / self.smoothing
        return 0.5 * (1 + torch.cos(pi * phase.clamp(0, 1)))


def chebyshev(x: Float[Tensor, "..."], terms: int) -> Float[Tensor, "... terms"]:
    """Return T_0 … T_(terms-1) at -1 <= x <= 1, doubling: T_(m+j) = 2 T_m T_j - T_(m-j)."""
    T = torch.stack([torch.ones_like(x), x], dim=-1)
    while T.shape[-1] < terms:
        m = T.shape[-1] - 1
        T = torch.cat([T, 2 * T[..., -1:] * T[..., 1:] - T[..., :m].flip(-1)], dim=-1)
    return T[..., :terms]


def chebyshev_series(radial: Radial, smeared: "Smeared", terms: int) -> Float[Tensor, "terms degrees size"]:
    """Return the coefficients of S_nl(r) = Σ_k series_kln T_k(2r/r_c - 1), r_c the cutoff of `smeared`."""
    angles = (np.arange(terms) + 0.5) * pi / terms
    r = 0.5 * smeared.cutoff * (1 + np.cos(angles))
    values = smeared_integrals(radial, r, smeared.lmax, smeared.width)
    cosines = torch.from_numpy(np.cos(angles * np.arange(terms)[:, None])) * 2 / terms
    cosines[0] /= 2
    return torch.einsum("kr,rln->kln", cosines, values)


def smeared_integrals(
    radial: Radial, r: np.ndarray, lmax: int, width: float
) -> Float[Tensor, "r {lmax+1} size"]:
    """Return S_nl(r) of this module's formula by quadrature, N = (πσ²)^(-3/4)."""
    s, w = quadrature(radial.cutoff, nodes=512)
    overlap = r[:, None] * s.numpy() / width**2
    tiny = overlap < 1e-12
    safe = np.where(tiny, 1.0, overlap)
    found = []
    for l in range(lmax + 1):
        i_l = np.where(tiny, float(l == 0), np.sqrt(pi / (2 * safe)) * ive(l + 0.5, safe))  # exp(-x) i_l(x)
        kernel = i_l * np.exp(-((s.numpy() - r[:, None]) ** 2) / (2 * width**2))
        found.append(torch.einsum("rs,s,sn->rn", torch.from_numpy(kernel), w, radial(s, l)[:, l]))
    return 4 * pi * (pi * width**2) ** -0.75 * torch.stack(found, dim=1)


def smeared_environments(
    structure: Atoms | Data,
    smeared: Smeared,
    *,
    elements: Sequence[str],
    centre: bool = True,
    chunk: int = CHUNK,
) -> Float[Tensor, "atoms elements size lm"]:
    """Return the coefficients of the density around each atom; see `environments` and `Smeared`.

    Args:
        structure: atoms, or a graph whose edges reach as far as the cutoff.
        smeared: radial functions of Gaussians.
        elements: symbols of the channels.
        centre: the atom in the centre counts as well, in the channel of its element.
        chunk: how many atoms at a time.
    """
    if isinstance(structure, Atoms):
        structure = to_graph(structure, smeared.cutoff)
    c = environments(structure, smeared, smeared.lmax, elements=elements, smooth=False, chunk=chunk)
    if not centre:
        return c
    own = torch.nn.functional.one_hot(element_channels(structure.atomic_numbers, elements), len(elements))
    at_centre = smeared(c.new_zeros(1), 0)[0, 0] / sqrt(4 * pi)  # (size,): Y_00 = 1/√4π
    extra = own.to(c).unsqueeze(-1) * at_centre  # (atoms, elements, size)
    return torch.cat([c[..., :1] + extra.unsqueeze(-1), c[..., 1:]], dim=-1)


def soap(
    structure: Atoms | Data,
    smeared: Smeared,
    *,
    elements: Sequence[str],
    centre: bool = True,
    chunk: int = CHUNK,
) -> Float[Tensor, "atoms components"]:
    """Return the SOAP power spectrum of each atom.

    * p = Σ_m c_anlm c_bn'lm · (2l+1)^-½ for all pairs of (element a, n) and (element b, n').
    * Each pair once, and √2 larger if its members differ: so the dot product of two descriptors is the
      kernel of the full matrices, divided by nothing. `soap_labels` names the components.
    * Divide by |p| for the normalised kernel of the source.

    Args:
        structure: atoms, or a graph whose edges reach as far as the cutoff.
        smeared: radial functions of Gaussians.
        elements: symbols of the channels, for example ``["Cu", "Au"]``.
        centre: the atom in the centre counts as well, in the channel of its element.
        chunk: how many atoms at a time.

    Returns:
        (atoms, components), Å^0: the coefficients have no unit.

    Raises:
        ValueError: for two atoms at one point, or an element that is not listed.
    """
    c = smeared_environments(structure, smeared, elements=elements, centre=centre, chunk=chunk)
    p = power_spectrum(c.flatten(1, 2))
    labels = power_spectrum_labels(c.shape[1] * c.shape[2], smeared.lmax)
    factors = [(1 if n == m else sqrt(2)) / sqrt(2 * l + 1) for (n, l), (m, _) in labels]
    return p * torch.tensor(factors).to(p)


def soap_labels(
    smeared: Smeared, *, elements: Sequence[str]
) -> list[tuple[tuple[str, int], tuple[str, int], int]]:
    """Return ((element, n), (element', n'), l) for each component of `soap`."""
    names = [(element, n) for element in elements for n in range(smeared.size)]
    return [(names[n], names[m], l) for (n, l), (m, _) in power_spectrum_labels(len(names), smeared.lmax)]
