"""An edge's own axis: what is left of a tensor product once the direction is fixed, and a layer made of it.

A neighbour's features, multiplied by the harmonics of the direction to it, commute with rotations about that
direction. About e3nn's polar axis y, a rotation by φ mixes the components -m and m of every degree, so a map
from degree l1 to degree l3 that commutes with all of them holds two numbers for each m up to min(l1, l3):

    y_m  =  a_m x_m + b_m x_-m,        y_-m = a_m x_-m - b_m x_m,        y_0 = a_0 x_0,

2 min(l1, l3) + 1 in all, as many as there are paths through l2 = |l1 - l3| … l1 + l3. The a are the paths
with l1 + l2 + l3 even, which a mirror through the axis leaves alone; the b are the odd ones.
Source: Passaro, Zitnick, arXiv:2302.03655.
"""

from functools import lru_cache

import numpy as np
import torch
from e3nn import o3
from jaxtyping import Float
from torch import Tensor, nn

from tutorial_utils import groups


@lru_cache
def path_maps(l1: int, l3: int) -> Float[np.ndarray, "paths {2*l3+1} {2*l1+1}"]:
    """Return what each path l1 ⊗ l2 → l3 does to features of degree l1, for an edge along y.

    Args:
        l1: degree that comes in.
        l3: degree that goes out.

    Returns:
        One matrix for each l2 from |l1 - l3| to l1 + l3: e3nn's coefficients times the harmonics of the
        edge, of mean square 1, which vanish along their own axis but for m = 0.
    """
    up = np.array([0.0, 1.0, 0.0])
    return np.stack(
        [
            np.einsum(
                "abc,b->ca",
                o3.wigner_3j(l1, l2, l3, dtype=torch.float64).numpy(),
                groups.spherical_harmonics(l2, up),
            )
            for l2 in range(abs(l1 - l3), l1 + l3 + 1)
        ]
    )


@lru_cache
def axis_maps(l1: int, l3: int) -> Float[np.ndarray, "paths {2*l3+1} {2*l1+1}"]:
    """Return a basis of the matrices that commute with all rotations about y.

    Args:
        l1: degree that comes in.
        l3: degree that goes out.

    Returns:
        a_0, then a_m and b_m for each m = 1 … min(l1, l3).
    """
    found = []
    for m in range(min(l1, l3) + 1):
        a = np.zeros((2 * l3 + 1, 2 * l1 + 1))
        a[l3 + m, l1 + m] = a[l3 - m, l1 - m] = 1
        found.append(a)
        if m:
            b = np.zeros_like(a)
            b[l3 + m, l1 - m], b[l3 - m, l1 + m] = 1, -1
            found.append(b)
    return np.stack(found)


@lru_cache
def exchange(l1: int, l3: int) -> Float[np.ndarray, "paths paths"]:
    """Return T with path_maps = Σ_k T[path, k] axis_maps[k]: weights of paths times T are numbers a and b."""
    axis, paths = (f(l1, l3).reshape(2 * min(l1, l3) + 1, -1) for f in (axis_maps, path_maps))
    return paths @ np.linalg.pinv(axis)


def along(r: Float[Tensor, "edges 3"]) -> Float[Tensor, "edges 3 3"]:
    """Return a rotation for each vector that takes the axis y to its direction.

    There are many; what is built from them must not depend on which.
    """
    y = r / r.norm(dim=1, keepdim=True)
    # the coordinate axis that leans most away from r
    aside = torch.zeros_like(y).scatter(1, y.abs().argmin(dim=1, keepdim=True), 1.0)
    x = torch.linalg.cross(y, aside)
    x = x / x.norm(dim=1, keepdim=True)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=2)


class SO2Convolution(nn.Module):
    """Every path between features up to degree L, by turning each edge onto the axis y.

    The same map as Clebsch–Gordan products with the harmonics of the direction, with one weight for each path
    and channel; the cost of an edge grows as L³ in place of L⁶.
    """

    def __init__(self, lmax: int, weights: list[Float[Tensor, "channels paths"]]):
        """Turn weights of paths into numbers for each m.

        Args:
            lmax: L.
            weights: one tensor for each (l1, l3), l1 first: (0, 0), (0, 1), …, (L, L); paths in the order of
            l2.
        """
        super().__init__()
        self.lmax, size = lmax, (lmax + 1) ** 2
        channels = len(weights[0])
        self.irreps = o3.Irreps.spherical_harmonics(lmax)
        M = weights[0].new_zeros(channels, size, size)  # in the edge's own axes, few entries filled
        pairs = ((l1, l3) for l1 in range(lmax + 1) for l3 in range(lmax + 1))
        for (l1, l3), w in zip(pairs, weights, strict=True):
            numbers = w @ torch.tensor(exchange(l1, l3)).to(w)
            block = torch.einsum("ck,kij->cij", numbers, torch.tensor(axis_maps(l1, l3)).to(w))
            M[:, l3**2 : (l3 + 1) ** 2, l1**2 : (l1 + 1) ** 2] = block
        self.blocks = nn.ParameterList()
        for m in range(lmax + 1):
            plus, minus = self.places(m)
            rows, columns = (plus, plus) if m == 0 else (minus + plus, minus + plus)
            self.blocks.append(nn.Parameter(M[:, rows][:, :, columns]))

    def places(self, m: int) -> tuple[list[int], list[int]]:
        """Return where the components m and -m of all degrees stand."""
        degrees = range(m, self.lmax + 1)
        return [l * l + l + m for l in degrees], [l * l + l - m for l in degrees]

    def forward(
        self, h: Float[Tensor, "edges channels lm"], r: Float[Tensor, "edges 3"]
    ) -> Float[Tensor, "edges channels lm"]:
        """Return messages along edges r with features h of the neighbour."""
        D = groups.D(self.irreps, along(r))
        x = h @ D  # Dᵀ h: as seen along the edge
        y = torch.zeros_like(x)
        for m, block in enumerate(self.blocks):
            plus, minus = self.places(m)
            where = plus if m == 0 else minus + plus
            y[..., where] = torch.einsum("cij,ecj->eci", block, x[..., where])
        return y @ D.mT


class CGConvolution(nn.Module):
    """The same map as `SO2Convolution`, by e3nn's tensor product with the harmonics of the direction."""

    def __init__(self, lmax: int, weights: list[Float[Tensor, "channels paths"]]):
        """Build it; arguments as in `SO2Convolution`."""
        super().__init__()
        self.lmax, channels = lmax, len(weights[0])
        features = o3.Irreps([(channels, (l, 1)) for l in range(lmax + 1)])
        self.irreps_edge = o3.Irreps([(1, (l, 1)) for l in range(2 * lmax + 1)])
        pairs = [(l1, l3) for l1 in range(lmax + 1) for l3 in range(lmax + 1)]
        paths = [(l1, l2, l3, "uvu", True) for l1, l3 in pairs for l2 in range(abs(l1 - l3), l1 + l3 + 1)]
        # component normalisation and path weights would rescale: path_maps are the bare coefficients
        self.product = o3.TensorProduct(
            features,
            self.irreps_edge,
            features,
            paths,
            irrep_normalization="none",
            path_normalization="none",
            internal_weights=False,
            shared_weights=True,
        )
        self.weights = nn.Parameter(torch.cat([w.mT.flatten() for w in weights]))

    def forward(
        self, h: Float[Tensor, "edges channels lm"], r: Float[Tensor, "edges 3"]
    ) -> Float[Tensor, "edges channels lm"]:
        """Return messages along edges r with features h of the neighbour."""
        sizes = [2 * l + 1 for l in range(self.lmax + 1)]
        Y = o3.spherical_harmonics(range(2 * self.lmax + 1), r, True, normalization="component")
        flat = torch.cat([part.flatten(1) for part in h.split(sizes, dim=-1)], dim=1)
        out = self.product(flat, Y, self.weights)
        channels = h.shape[1]
        parts = out.split([channels * size for size in sizes], dim=1)
        return torch.cat([p.unflatten(1, (channels, -1)) for p in parts], dim=-1)
