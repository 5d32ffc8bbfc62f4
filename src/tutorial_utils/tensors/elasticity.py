"""Elastic tensors: compliance, Young's modulus, and which symmetry one has, in whatever orientation."""

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
from jaxtyping import Float
from scipy.linalg import block_diag, expm
from scipy.spatial.transform import Rotation
from scipy.special import chdtri

from tutorial_utils import groups
from tutorial_utils.groups.point_groups import crystallographic
from tutorial_utils.tensors.properties import ELASTIC, from_voigt, to_irreps, to_voigt

# Search for an orientation: rotations tried, how many of them are refined, by how many Gauss–Newton steps.
GRID, STARTS, STEPS = 3000, 12, 20
LONGEST_STEP = 0.3  # rad

# Point groups that stand for the eight symmetries of elasticity (https://doi.org/10.1016/S0022-5096(01)00064-3);
# None: all rotations. A hexagonal crystal is elastically the same in all directions across its axis.
ELASTIC_CLASSES = MappingProxyType(
    {"isotropic": None, "cubic": "m-3m", "hexagonal": "6/mmm", "tetragonal": "4/mmm", "trigonal": "-3m"}
    | {"orthorhombic": "mmm", "monoclinic": "2/m", "triclinic": "-1"}
)


def compliance(stiffness: Float[np.ndarray, "*batch 3 3 3 3"]) -> Float[np.ndarray, "*batch 3 3 3 3"]:
    """Return S with ε = S σ from C with σ = C ε; the unit becomes its inverse, 1/GPa from GPa."""
    table = to_voigt(ELASTIC, stiffness, convention="kelvin")
    if not np.isfinite(table).all() or np.linalg.matrix_rank(table, hermitian=False).min() < 6:
        raise ValueError("stiffness: has no inverse, a strain costs nothing or an entry is not finite")
    inverse = np.linalg.inv(table)
    return from_voigt(ELASTIC, inverse, convention="kelvin")


def young_modulus(
    stiffness: Float[np.ndarray, "3 3 3 3"], directions: Float[np.ndarray, "*batch 3"]
) -> Float[np.ndarray, "*batch"]:
    """Return Young's modulus for a pull along each unit vector n: 1/E = S_ijkl n_i n_j n_k n_l."""
    n = np.asarray(directions, dtype=float)
    if n.shape[-1:] != (3,) or not np.allclose((n**2).sum(axis=-1), 1, atol=1e-3):
        raise ValueError(f"directions: expected unit vectors (..., 3), got shape {n.shape} or other lengths")
    return 1 / np.einsum("ijkl,...i,...j,...k,...l->...", compliance(stiffness), n, n, n, n, optimize=True)


@dataclass(frozen=True, eq=False)
class ClassFit:
    """How well an elastic tensor obeys one of the eight symmetries, in the best orientation.

    Attributes:
        name: one of `ELASTIC_CLASSES`.
        constants: number of independent constants in the crystal's own axes.
        misfit: norm of what the projection removes, over all 81 components, in the tensor's unit.
        R: rotation from the crystal's axes to the laboratory's.
    """

    name: str
    constants: int
    misfit: float
    R: Float[np.ndarray, "3 3"]


def fit_classes(stiffness: Float[np.ndarray, "3 3 3 3"]) -> list[ClassFit]:
    """Fit each of the eight elastic symmetries to a tensor in unknown orientation, the most symmetric first.

    A grid over all rotations, then Gauss–Newton steps from its best points: the part that breaks the
    symmetry, (1 - P) D(R)ᵀ c, is made as short as it can be.
    """
    import torch

    c = to_irreps(ELASTIC, torch.tensor(_one_stiffness(stiffness))).numpy()
    fits = []
    for name, group in ELASTIC_CLASSES.items():
        P = _class_projector(group)
        misfit, R = _best_orientation(c, np.eye(21) - P)
        fits.append(ClassFit(name, round(np.trace(P)), misfit, R))
    return fits


def recognise(stiffness: Float[np.ndarray, "3 3 3 3"], *, noise: float) -> ClassFit:
    """Return the most symmetric of the eight symmetries that a noisy elastic tensor obeys.

    Args:
        stiffness: in any orientation.
        noise: standard deviation of each of the 21 orthonormal components, in the tensor's unit.

    Returns:
        The fit with the fewest constants among those whose misfit is not larger than noise alone would
        make it in 999 of 1000 cases (χ²).

    Raises:
        ValueError: where the noise is not positive; for an exact tensor give its round-off.
    """
    if not isinstance(noise, int | float | np.number) or not noise > 0:
        raise ValueError(
            f"noise: expected a standard deviation above 0, in the unit of the tensor, got {noise}"
        )
    allowed = [
        fit
        for fit in fit_classes(stiffness)
        if fit.constants == 21 or fit.misfit**2 <= noise**2 * chdtri(21 - fit.constants, 0.001)
    ]
    return min(allowed, key=lambda fit: (fit.constants, fit.misfit))


def _one_stiffness(stiffness: Float[np.ndarray, "3 3 3 3"]) -> Float[np.ndarray, "3 3 3 3"]:
    """Refuse what is no elastic tensor: its table would be made symmetric without a word."""
    from_voigt(ELASTIC, to_voigt(ELASTIC, stiffness))
    array = np.asarray(stiffness, dtype=float)
    if array.ndim != 4 or not np.isfinite(array).all():
        raise ValueError(f"stiffness: expected one finite tensor (3, 3, 3, 3), got shape {array.shape}")
    return array


@cache
def _class_projector(group: str | None) -> Float[np.ndarray, "21 21"]:
    """Return the projector on one of the eight symmetries, for the coefficients of the irreps."""
    if group is None:  # the average over all rotations leaves the scalars
        degrees = np.array([l for l in ELASTIC.irreps.ls for _ in range(2 * l + 1)])
        return np.diag((degrees == 0).astype(float))
    return _matrices(crystallographic(group)).mean(axis=0)


def _matrices(R: Float[np.ndarray, "n 3 3"]) -> Float[np.ndarray, "n 21 21"]:
    """Return the matrices by which orthogonal ones act on the coefficients of the irreps."""
    import torch

    return groups.D(ELASTIC.irreps, torch.tensor(R)).numpy()


@cache
def _grid() -> tuple[Float[np.ndarray, "n 3 3"], Float[np.ndarray, "n 21 21"]]:
    """Return many rotations, every orientation equally likely, and their D matrices."""
    R = Rotation.random(GRID, rng=np.random.default_rng(0)).as_matrix()
    return R, _matrices(R)


@cache
def _generators(degrees: tuple[int, ...]) -> Float[np.ndarray, "3 dim dim"]:
    """Return X with D(exp θ) = exp(θ·X) for irreps of these degrees."""
    blocks = [groups.generators(l) for l in degrees]  # each (3, 2l+1, 2l+1)
    return np.stack([block_diag(*(block[axis] for block in blocks)) for axis in range(3)])


def _best_orientation(
    c: Float[np.ndarray, "21"], breaking: Float[np.ndarray, "21 21"]
) -> tuple[float, Float[np.ndarray, "3 3"]]:
    """Return the least norm of D(R)ᵀ c after the projector `breaking`, and the rotation R that gives it."""
    R, D = _grid()
    order = np.linalg.norm(c @ D @ breaking, axis=-1).argsort()[:STARTS]
    R, D = R[order], D[order]
    best, best_R = np.inf, R[0]
    for _ in range(STEPS):
        own = c @ D  # (starts, 21): D(R)ᵀ c, the tensor in the crystal's axes
        residual = own @ breaking
        norms = np.linalg.norm(residual, axis=-1)
        if norms.min() < best:
            best, best_R = float(norms.min()), R[norms.argmin()]
        slope = np.swapaxes((own @ _generators(tuple(ELASTIC.irreps.ls))) @ breaking, 0, 1)  # (starts, 3, 21)
        # a turn that changes nothing, about a sixfold axis say, is left out by pinv
        angle = -(residual[:, None] @ np.linalg.pinv(slope, rcond=1e-3))[:, 0]  # (starts, 3)
        angle *= LONGEST_STEP / np.maximum(np.linalg.norm(angle, axis=-1, keepdims=True), LONGEST_STEP)
        R, D = (
            x @ expm(np.einsum("sa,aij->sij", angle, _generators(degrees)))
            for x, degrees in ((R, (1,)), (D, tuple(ELASTIC.irreps.ls)))
        )
    return best, best_R
