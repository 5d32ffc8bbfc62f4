import torch
from ase.build import molecule
from ase.calculators.emt import EMT

from tutorial_utils import symmetry

water = molecule("H2O")
print(symmetry.equivariance_report(symmetry.of_calculator(EMT(), "forces"), water, "1x1o", per="atom"))


def mine(atoms):  # a model of your own: atoms in, numbers out
    return torch.tensor(atoms.positions).norm(dim=1).sum()  # counts from the origin


print(symmetry.equivariance_report(mine, water, "0e"))
