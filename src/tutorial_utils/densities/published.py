"""The densities of 80 water trimers that https://doi.org/10.1088/2632-2153/acb314 learned from.

In the functions `basis.JFIT`, and in other conventions: a published function is norm · C_lm(r) · exp(-a r²),
with Racah's harmonics C_lm = √(4π/(2l+1)) rˡ Y_lm in the order m = -l … l about the axis z. Other theory,
too: a hybrid functional in a larger basis, so that a network trained on one set is not right about the other.
"""

from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from e3nn import o3
from jaxtyping import Float
from torch import Tensor

from tutorial_utils import datasets
from tutorial_utils.conventions import quantum_chemistry_to_e3nn
from tutorial_utils.datasets.loading import read_file
from tutorial_utils.densities.basis import JFIT, norms
from tutorial_utils.densities.density import Density

NAME = "water_density_published"
PADDED = JFIT.irreps("O")  # hydrogen uses the first functions of each degree, the rest is zero
FIELDS = ("coefficients", "exponents", "norms")  # (clusters, atoms, 70)


def trimers(path: str | Path | None = None) -> list[Density]:
    """Return the published densities in the course's order and normalisation.

    Args:
        path: a local copy, the pickle as published or an .npz with the same arrays (clusters, ...);
            None: download it once, with a checksum.

    Returns:
        One density a cluster.

    Raises:
        ValueError: if a local file does not hold what it should.
        DatasetError: if the download fails.
    """
    if path is not None and Path(path).suffix == ".npz":
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name].astype(float) for name in stored}
        structures = [Atoms(z, places) for z, places in zip(arrays["type"], arrays["pos"], strict=True)]
    else:
        dataset = datasets.load(NAME) if path is None else read_file(datasets.card(NAME), Path(path))
        structures, arrays = dataset.structures, dataset.arrays
    tables = [torch.tensor(_checked(arrays, name, structures)) for name in FIELDS]
    rows = zip(structures, *tables, strict=True)
    return [Density(atoms, to_course(c, a, norm)[norm != 0], JFIT) for atoms, c, a, norm in rows]


def _checked(arrays: dict[str, np.ndarray], name: str, structures: list[Atoms]) -> np.ndarray:
    """Return an array, once it is known to have 70 finite columns for each atom."""
    expected = (len(structures), len(structures[0]), PADDED.dim)
    if name not in arrays or arrays[name].shape != expected or not np.isfinite(arrays[name]).all():
        found = arrays[name].shape if name in arrays else "nothing"
        raise ValueError(f"path: expected {name} {expected}, all finite, got {found}")
    return arrays[name]


def to_course(
    coefficients: Float[Tensor, "atoms 70"],
    exponents: Float[Tensor, "atoms 70"],
    norms_published: Float[Tensor, "atoms 70"],
) -> Float[Tensor, "atoms 70"]:
    """Change normalisation, order and axes of the published coefficients; exponents in bohr⁻²."""
    parts = []
    for (_, ir), block in zip(PADDED, PADDED.slices(), strict=True):
        published = (coefficients, exponents, norms_published)
        c, a, norm = (x[:, block].unflatten(1, (-1, ir.dim)) for x in published)
        ours = norms(ir.l, torch.where(a > 0, a, 1.0)) * ((2 * ir.l + 1) / (4 * torch.pi)) ** 0.5
        parts.append((c * norm / ours @ _turn(ir).T).flatten(1))
    return torch.cat(parts, 1)


def _turn(ir: o3.Irrep) -> Float[Tensor, "m m"]:
    """Return the matrix from m = -l … l about z to e3nn's components; for l = 1 that is (y, z, x)."""
    if ir.l == 1:
        return torch.eye(3, dtype=torch.float64)[[2, 0, 1]]
    return quantum_chemistry_to_e3nn(ir.l).double()
