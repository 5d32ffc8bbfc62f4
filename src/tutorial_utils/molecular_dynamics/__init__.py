"""Molecular dynamics with learned potentials: NequIP's commands, LAMMPS, and the plugin between them.

`nequip` trains and compiles, `lammps` runs, `analysis` reads physics off trajectories; `plugin` builds the
``pair_style`` that joins NequIP and LAMMPS from ``pair_nequip.cpp``. Needs the extra ``tutorial_utils[md]``.
"""

__all__ = ["analysis", "baselines", "lammps", "nequip", "plugin"]
