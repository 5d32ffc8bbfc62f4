import ase.io
from ase.calculators.emt import EMT

from tutorial_utils import phonons

crystal = ase.io.read("metal.cif")


def forces(atoms):  # eV/Å, by any ASE calculator
    atoms.calc = EMT()
    return atoms.get_forces()


constants = phonons.force_constants(crystal, (3, 3, 3), forces)
print(constants)
print("THz at the zone's edge:", phonons.frequencies(constants, [[0.5, 0.5, 0.0]]).round(2))
