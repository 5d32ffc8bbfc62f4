"""Cube files: a density on a regular grid, as VESTA, VMD, Avogadro and 3Dmol read it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.io.cube import write_cube as ase_write_cube
from torch import Tensor

from tutorial_utils.arguments import explain
from tutorial_utils.conventions import BOHR
from tutorial_utils.densities.density import Density
from tutorial_utils.structures import plain


@dataclass(frozen=True, eq=False)
class Box:
    """A regular grid.

    Attributes:
        origin: (3,) Å | the first point.
        spacing: Å.
        shape: points along x, y, z.
        points: (x * y * z, 3) Å | z runs fastest.
    """

    origin: np.ndarray
    spacing: float
    shape: tuple[int, int, int]
    points: Tensor


def box(atoms: Atoms, *, spacing: float = 0.2, margin: float = 3.0) -> Box:
    """Return a regular grid that reaches `margin` beyond the atoms on every side; both in Å."""
    atoms = plain(atoms)
    if not (0 < spacing < np.inf and 0 < margin < np.inf):
        raise ValueError(f"spacing, margin: expected positive lengths in Å, got {spacing} and {margin}")
    origin = atoms.positions.min(axis=0) - margin
    steps = np.ceil((atoms.positions.max(axis=0) + margin - origin) / spacing).astype(int)
    axes = [torch.tensor(start + spacing * np.arange(n + 1)) for start, n in zip(origin, steps, strict=True)]
    points = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
    x, y, z = points.shape[:3]
    return Box(origin, spacing, (x, y, z), points.reshape(-1, 3))


def write_cube(path: str | Path, density: Density, *, spacing: float = 0.2, margin: float = 3.0) -> None:
    """Write the values of a density on a regular grid, e/bohr³ as is the custom of these files.

    Args:
        path: ends in .cube.
        density: one density, without leading axes.
        spacing: Å, between points.
        margin: Å, beyond the atoms.

    Raises:
        ValueError: for several densities at once, or lengths that are not above zero.
    """
    if density.coefficients.ndim > 1:
        shape = tuple(density.coefficients.shape[:-1])
        raise ValueError(
            f"density: expected one, got {shape} of them; take one, "
            "density.with_coefficients(density.coefficients[0])"
        )
    grid = box(density.atoms, spacing=spacing, margin=margin)
    values = (density.evaluate(grid.points) * BOHR**3).detach().numpy().reshape(grid.shape)
    framed = density.atoms.copy()
    framed.set_cell(np.diag(grid.spacing * np.array(grid.shape)))
    with open(path, "w", encoding="ascii") as file:
        ase_write_cube(file, framed, data=values, origin=grid.origin, comment="electron density, e/bohr^3")


explain(globals())
