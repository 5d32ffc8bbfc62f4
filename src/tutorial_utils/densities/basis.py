"""The functions in which a density is written: Gaussians times solid harmonics, centred on atoms.

    χ_aₗₘ(r) = N_l(a) rˡ exp(-a r²) Y_lm(r̂),    ρ(r) = Σ c χ(r - its atom)

* r in bohr, exponents a in bohr⁻²; N_l makes ∫ χ² = 1; Y_lm orthonormal on the sphere, e3nn's order and axes.
* Coefficients are one flat vector: atom by atom as in the structure, each with the irreps of its element;
  within a degree, one function after the other, each with its 2l+1 components.
* They are numbers in atomic units; what is measured from them (e/Å³, e·Å, V) is in the course's units.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from ase.data import chemical_symbols
from e3nn import o3
from jaxtyping import Float
from torch import Tensor

from tutorial_utils import groups


@dataclass(frozen=True, repr=False)
class Basis:
    """Exponents of the functions of each element.

    Attributes:
        exponents: symbol -> degree l -> exponents, bohr⁻²; the degrees of an element are 0, 1, … lmax.
    """

    exponents: Mapping[str, Mapping[int, tuple[float, ...]]]

    def __repr__(self) -> str:
        return f"Basis({', '.join(f'{symbol}: {self.irreps(symbol)}' for symbol in self.exponents)})"

    def irreps(self, symbol: str) -> o3.Irreps:
        """Return the irreps of the coefficients of one atom.

        Raises:
            ValueError: for an element without functions.
        """
        shells = self.shells(symbol)
        return o3.Irreps([(len(shells[l]), (l, (-1) ** l)) for l in sorted(shells)])

    def shells(self, symbol: str) -> Mapping[int, tuple[float, ...]]:
        """Return the exponents (bohr⁻²) of an element, by degree.

        Raises:
            ValueError: for an element without functions.
        """
        if symbol not in self.exponents:
            known = ", ".join(self.exponents)
            raise ValueError(
                f"atoms: there are no basis functions for {symbol}, only for {known}; "
                "make a Basis with its exponents"
            )
        return self.exponents[symbol]

    def slices(self, numbers: Iterable[int]) -> list[slice]:
        """Return where the coefficients of each atom stand in the flat vector."""
        sizes = (self.irreps(chemical_symbols[int(number)]).dim for number in numbers)
        return [slice(*ends) for ends in pairwise(accumulate(sizes, initial=0))]

    def charges(self, numbers: Iterable[int]) -> Float[Tensor, " functions"]:
        """Return q, the integral of each function over all space: c·q is the number of electrons.

        Only l = 0 has one: ∫ χ = N₀ (π/a)^{3/2} / √4π.
        """

        def integrals(symbol: str) -> Tensor:
            found = torch.zeros(self.irreps(symbol).dim, dtype=torch.float64)
            a = tensor(self.shells(symbol)[0])
            found[: len(a)] = norms(0, a) * (torch.pi / a) ** 1.5 / (4 * torch.pi) ** 0.5
            return found

        return torch.cat([integrals(chemical_symbols[int(number)]) for number in numbers])

    def moments(self, numbers: Iterable[int]) -> Float[Tensor, "functions 3"]:
        """Return ∫ χ (x, y, z) of each function about its own atom, bohr; only l = 1 has any.

        With Y_1m = √(3/4π) x/r the integral is N₁ √(3/4π) π^{3/2} / (2 a^{5/2}).
        """

        def integrals(symbol: str) -> Tensor:
            found = torch.zeros(self.irreps(symbol).dim, 3, dtype=torch.float64)
            scalars, a = len(self.shells(symbol)[0]), tensor(self.shells(symbol).get(1, ()))
            size = norms(1, a) * (3 / (4 * torch.pi)) ** 0.5 * torch.pi**1.5 / (2 * a**2.5)
            along = torch.eye(3, dtype=torch.float64)
            found[scalars : scalars + 3 * len(a)] = (size[:, None, None] * along).reshape(-1, 3)
            return found

        return torch.cat([integrals(chemical_symbols[int(number)]) for number in numbers])


def tensor(exponents: Iterable[float]) -> Tensor:
    """Return numbers in double precision, whatever torch's default is."""
    return torch.tensor(list(exponents), dtype=torch.float64)


def norms(l: int, a: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Return N_l(a), such that ∫ (N rˡ exp(-a r²))² r² dr = 1: N² = 2 (2a)^{l+3/2} / Γ(l + 3/2)."""
    half = torch.tensor(l + 1.5, dtype=torch.float64)
    return (2 * (2 * a) ** half / torch.lgamma(half).exp()).sqrt()


def rotate(
    coefficients: Float[Tensor, "... dim"], irreps: o3.Irreps, R: Float[Tensor, "... 3 3"]
) -> Float[Tensor, "... dim"]:
    """Return D(R) c for many coefficients and many orthogonal R; each D is made once for all its blocks."""
    D = {ir: groups.D(str(ir), R) for _, ir in irreps}
    blocks = torch.split(coefficients, [mul * ir.dim for mul, ir in irreps], -1)
    parts = [
        torch.einsum("...ij,...nj->...ni", D[ir], block.unflatten(-1, (mul, ir.dim))).flatten(-2)
        for block, (mul, ir) in zip(blocks, irreps, strict=True)
    ]
    return torch.cat(parts, -1)


# def2-universal-jfit without contraction (PySCF: "unc-def2-universal-jfit"; https://doi.org/10.1039/B515623H):
# the functions that https://doi.org/10.1088/2632-2153/acb314 predicts for water, 102 a molecule.
JFIT = Basis(
    {
        "H": {
            0: (15.6752927, 3.6063578, 1.2080016, 0.4726794, 0.20181),
            1: (2.0281365, 0.535873),
            2: (2.2165124,),
        },
        "O": {
            0: (
                *(2876.8216605, 1004.7443032, 369.7579954, 142.9442404, 57.8366425, 24.3864983),
                *(10.6622662, 4.8070437, 2.221077, 1.0447795, 0.4968425, 0.2371384),
            ),
            1: (64.2613382, 16.3006076, 4.3550542, 1.2019554, 0.3354196),
            2: (9.2146611, 2.8435251, 0.9955759, 0.3649441),
            3: (2.6420115, 0.7345613),
            4: (1.3931,),
        },
    }
)

# One more p of the oxygen: without it a fitted molecule has a polarizability of 1.52 Å³ where its orbitals
# have 1.68 (aug-pc-1), with it 1.68. 105 numbers a molecule; those that the course predicts.
_OXYGEN = JFIT.exponents["O"]
WATER = Basis({"H": JFIT.exponents["H"], "O": {**_OXYGEN, 1: (*_OXYGEN[1], 0.12)}})
