"""The one way in for structures: what an ``ase.Atoms`` carries, and what the course does with it.

Every function that takes an ``ase.Atoms`` passes it through `plain` first. The rule, decided here once:

======================== ==========================================================================
positions, elements      used; refused where there are none or one is not finite
cell, pbc                used; refused where a periodic direction has no length or the cell no volume
velocities, arrays, info kept, and used where a function says so
constraints, calculator  dropped: positions are set as given, and forces are the physical ones
subclasses of ``Atoms``  become a plain ``Atoms`` with the same content
own masses               kept, refused where one is not above zero; a function whose result depends on them
                         uses them or refuses them
initial magnetic moments kept; likewise. A graph refuses them where they tell atoms of one element apart,
                         as in an antiferromagnet: it would lose their order. Where all of an element are
                         alike, as ``ase.build.bulk("Fe")`` sets them, they say no more than the element
initial charges          kept; likewise; a graph leaves them out
partial occupancy        refused: an atom that is there with a probability belongs in the alloy functions
======================== ==========================================================================

A function refuses what would change its result but what it cannot use, by naming it in ``refuses``.
Force constants use moments and charges: the supercells that they hand to ``forces`` carry them, and no
operation exchanges atoms that differ in them.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.data import atomic_masses
from jaxtyping import Float

from tutorial_utils.arguments import explain

Own = Literal["masses", "magnetic_moments", "magnetic_order", "charges"]
SAME_MOMENT = 0.5  # μ_B; moments that differ by less are alike, as they are about in a ferromagnet
FARTHEST = 1e9  # Å; beyond, double precision does not know the distance of two atoms to 1e-6 Å


def _own(array: str, standard: Callable[[Atoms], np.ndarray]) -> Callable[[Atoms], np.ndarray]:
    """Make a function that returns the numbers of the atoms whose value is not the standard one."""

    def find(atoms: Atoms) -> np.ndarray:
        if not atoms.has(array):
            return np.arange(0)
        here = atoms.get_array(array).reshape(len(atoms), -1)
        usual = np.reshape(standard(atoms), (len(atoms), -1))
        return np.flatnonzero(~np.isclose(here, usual, rtol=1e-4, atol=1e-8).all(axis=1))

    return find


def _zeros(atoms: Atoms) -> np.ndarray:
    return np.zeros(len(atoms))


def _ordered(atoms: Atoms) -> np.ndarray:
    """Return the atoms whose magnetic moment is another than that of the first atom of their element."""
    moments = atoms.get_initial_magnetic_moments().reshape(len(atoms), -1)
    first = np.unique(atoms.numbers, return_index=True, return_inverse=True)
    apart = moments - moments[first[1]][first[2].reshape(-1)]
    return np.flatnonzero(np.linalg.norm(apart, axis=1) > SAME_MOMENT)


# name -> (which atoms carry one of their own, what to do where a function cannot use it)
PROPERTIES: Mapping[Own, tuple[Callable[[Atoms], np.ndarray], str]] = MappingProxyType(
    {
        "masses": (
            _own("masses", lambda atoms: atomic_masses[atoms.numbers]),
            "set_masses(None) gives all atoms the mean mass of their element",
        ),
        "magnetic_moments": (
            _own("initial_magmoms", _zeros),
            "set_initial_magnetic_moments(None) leaves them out, where they do not matter",
        ),
        "magnetic_order": (
            _ordered,
            'give the moments to the graph as atom={"moments": ...}, then set_initial_magnetic_moments(None)',
        ),
        "charges": (
            _own("initial_charges", _zeros),
            "set_initial_charges(None) leaves them out, where they do not matter",
        ),
    }
)


def plain(atoms: Atoms, *, argument: str = "atoms", refuses: Sequence[Own] = ()) -> Atoms:
    """Return a plain copy of a structure, once it is known to make sense; see this module's table.

    Args:
        atoms: molecule, slab or crystal, or a subclass of ``ase.Atoms``.
        argument: what the caller calls it; errors begin with this name.
        refuses: those of `PROPERTIES` that would change the caller's result, but that it cannot use.

    Returns:
        An ``ase.Atoms`` without constraints and calculator, with all else.

    Raises:
        ValueError: for what is no ``ase.Atoms``, no atoms, positions or a cell that are not finite, a cell
            without volume along its periodic directions, partial occupancy, or a property to be refused.
    """
    check_is_atoms(atoms, argument=argument)
    if len(atoms) == 0:
        raise ValueError(f"{argument}: the structure has no atoms")
    bad = np.flatnonzero(~(np.abs(atoms.positions) < FARTHEST).all(axis=1))
    if len(bad):
        raise ValueError(
            f"{argument}: the position of atom {bad[0]} is not finite, or beyond {FARTHEST:g} Å: "
            f"{atoms.positions[bad[0]]} Å"
        )
    _check_cell(atoms, argument)
    _check_occupancy(atoms, argument)
    masses = atoms.get_masses()
    if not (masses > 0).all() or not np.isfinite(masses).all():
        bad = np.flatnonzero(~((masses > 0) & np.isfinite(masses)))
        raise ValueError(
            f"{argument}: {_named(atoms, bad)} has the mass {masses[bad[0]]:g} u; expected one above 0"
        )
    for name in refuses:
        find, cure = PROPERTIES[name]
        if len(owners := find(atoms)):
            raise ValueError(
                f"{argument}: this function cannot use {name.replace('_', ' ')} other than the standard "
                f"one, as {_named(atoms, owners)} has; {cure}"
            )
    copy = Atoms(cell=atoms.cell[:], pbc=atoms.pbc, info=dict(atoms.info))
    copy.arrays = {name: array.copy() for name, array in atoms.arrays.items()}
    return copy


def has_own(atoms: Atoms, name: Own) -> bool:
    """Tell whether any atom has ``"masses"``, ``"magnetic_moments"`` or ``"charges"`` of its own."""
    return len(PROPERTIES[name][0](atoms)) > 0


def check_is_atoms(atoms: object, *, argument: str = "atoms") -> None:
    """Raise a ValueError for anything but an ``ase.Atoms``."""
    if isinstance(atoms, Atoms):
        return
    cure = ""
    if isinstance(atoms, str):
        cure = "; read a file by ase.io.read(path), make an atom by ase.Atoms(symbol)"
    elif isinstance(atoms, Sequence):
        cure = "; give one structure at a time"
    raise ValueError(f"{argument}: expected an ase.Atoms, got {type(atoms).__name__}{cure}")


def physical_forces(atoms: Atoms, *, argument: str = "atoms") -> Float[np.ndarray, "atoms 3"]:
    """Return the forces of a structure's calculator, eV/Å, those on constrained atoms too.

    Raises:
        ValueError: where there is no calculator, it has no forces, or they are not finite.
    """
    forces = _asked(atoms, "forces", argument, lambda: atoms.get_forces(apply_constraint=False))
    return check_forces(forces, len(atoms), argument=argument)


def check_forces(forces: object, atoms: int, *, argument: str = "forces") -> Float[np.ndarray, "atoms 3"]:
    """Return forces that somebody else computed, once they are known to be finite and one an atom."""
    found = np.asarray(forces)
    finite = found.dtype.kind in "fiu" and np.isfinite(found).all()
    if found.shape != (atoms, 3) or not finite:
        raise ValueError(
            f"{argument}: expected finite forces ({atoms}, 3) in eV/Å, got the shape {found.shape}"
            + ("" if finite else " with values that are not finite")
        )
    return found.astype(float)


def energy(atoms: Atoms, *, argument: str = "atoms") -> float:
    """Return the energy of a structure's calculator, eV.

    Raises:
        ValueError: where there is no calculator, it has no energy, or it is not finite.
    """
    value = float(_asked(atoms, "energy", argument, atoms.get_potential_energy))
    if not np.isfinite(value):
        raise ValueError(f"{argument}: expected a finite energy in eV, got {value}")
    return value


def _asked(atoms: Atoms, name: str, argument: str, ask: Callable):
    """Return what a calculator says, or say what is missing."""
    check_is_atoms(atoms, argument=argument)
    if atoms.calc is not None:
        try:
            return ask()
        except PropertyNotImplementedError:
            pass
    others = sorted(key for key in {**atoms.info, **atoms.arrays} if name in key.lower())
    hint = f"it holds {others}, which no calculator reads; " if others else ""
    raise ValueError(
        f"{argument}: {atoms.symbols} has no {name}; {hint}attach a calculator, or reference values: "
        "atoms.calc = ase.calculators.singlepoint.SinglePointCalculator(atoms, energy=..., forces=...)"
    )


def _check_cell(atoms: Atoms, argument: str) -> None:
    cell = atoms.cell[:]
    if not np.isfinite(cell).all():
        raise ValueError(f"{argument}: the cell is not finite: {cell.tolist()} Å")
    periodic = cell[atoms.pbc]
    if len(periodic) and np.linalg.matrix_rank(periodic, tol=1e-6 * np.abs(cell).max()) < len(periodic):
        raise ValueError(
            f"{argument}: pbc is {atoms.pbc.tolist()}, but the cell {cell.tolist()} Å has no volume along "
            "its periodic directions; set the cell, or pbc=False"
        )


def _check_occupancy(atoms: Atoms, argument: str) -> None:
    """Refuse sites that are shared or partly empty, as ``ase.io.read`` finds them in a CIF file."""
    sites = atoms.info.get("occupancy") or {}
    kinds = atoms.arrays.get("spacegroup_kinds")
    partial = []
    for kind, shares in sites.items():
        if len(shares) == 1 and np.isclose(sum(shares.values()), 1, atol=1e-3):
            continue
        mine = [] if kinds is None else np.flatnonzero(kinds.astype(str) == str(kind)).tolist()
        if kinds is None or mine:
            mixture = " ".join(f"{symbol} {share:g}" for symbol, share in shares.items())
            partial.append(f"site {kind}{f' (atoms {mine})' if mine else ''}: {mixture}")
    if partial:
        raise ValueError(
            f"{argument}: the occupancy is partial, {'; '.join(partial)}; choose which atom sits where, and "
            'del atoms.info["occupancy"], or see tutorial_utils.phonons.alloys for mixtures'
        )


def _named(atoms: Atoms, numbers: np.ndarray) -> str:
    names = [f"{atoms.symbols[n]} {n}" for n in numbers[:3]]
    return ", ".join(names) + (" …" if len(numbers) > 3 else "")


explain(globals())
