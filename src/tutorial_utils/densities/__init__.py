"""Electron densities as coefficients of atom-centred functions.

`basis` holds the functions, `density` what follows from coefficients: values, electrons, dipole, potential;
`molecules`, `baselines` and `cube` build on these. `fitting`, `monomers` and `energy` ask PySCF and need the
extra ``tutorial_utils[dft]``; import them by name.
"""

from tutorial_utils.arguments import explain
from tutorial_utils.densities.basis import WATER, Basis
from tutorial_utils.densities.clusters import molecules
from tutorial_utils.densities.density import Density, Grid, error, load_density

__all__ = ["WATER", "Basis", "Density", "Grid", "error", "load_density", "molecules"]

explain(globals())
