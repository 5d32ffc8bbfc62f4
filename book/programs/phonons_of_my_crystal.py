import ase.io
import numpy as np

from tutorial_utils import phonons

crystal = ase.io.read("crystal.cif")
(spectrum,), (doubt,) = phonons.predict([crystal])
wavenumbers = np.linspace(0, 1000, len(spectrum))  # 1/cm
for wavenumber, height, error in zip(wavenumbers, spectrum, doubt, strict=True):
    print(f"{wavenumber:6.0f} 1/cm {height:5.2f} ± {error:4.2f} {'#' * round(30 * height)}")
