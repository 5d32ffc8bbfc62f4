import ase.io

from tutorial_utils.densities import network
from tutorial_utils.densities.cube import write_cube

cluster = ase.io.read("water.xyz")
density = network.density_of(network.pretrained(), cluster)
print(f"{density.electrons():.3f} electrons, dipole {density.dipole().numpy().round(3)} e Å")
write_cube("density.cube", density, spacing=0.3)  # for VESTA, VMD or Avogadro
