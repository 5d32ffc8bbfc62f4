"""Point groups as orthogonal matrices: the 32 of crystals, those of molecules, and a name for any of them.

Axes of the crystals, Cartesian, as in Nye's book and the IEEE standard on piezoelectricity:

* monoclinic: the twofold axis, or the normal of the mirror, is y; elsewhere the main axis is z;
* trigonal and hexagonal: x is the lattice vector a, so 32, -3m and 622 have twofold axes along x, while
  3m and -6m2 have a mirror across x; 422 and -42m have twofold axes along x;
* cubic: the edges of the cube are x, y, z.

Molecules: the main axis is always z (also of C2, Cs, C2h); Dn and Dnd have a twofold axis along x, Cnv and
Dnh a mirror across x. A linear molecule's infinite group is approximated by a large even n: "D8h", "C8v".
"""

import re
from functools import cache
from types import MappingProxyType

import numpy as np
import spglib
from jaxtyping import Float

from tutorial_utils.groups.checks import TOLERANCE, Operations, checked
from tutorial_utils.groups.finite import element_orders, generate, multiplication_table

# Hermann–Mauguin -> Schoenflies, in the order of the International Tables.
CRYSTALLOGRAPHIC = MappingProxyType(
    {"1": "C1", "-1": "Ci", "2": "C2", "m": "Cs", "2/m": "C2h", "222": "D2", "mm2": "C2v", "mmm": "D2h"}
    | {"4": "C4", "-4": "S4", "4/m": "C4h", "422": "D4", "4mm": "C4v", "-42m": "D2d", "4/mmm": "D4h"}
    | {"3": "C3", "-3": "S6", "32": "D3", "3m": "C3v", "-3m": "D3d"}
    | {"6": "C6", "-6": "C3h", "6/m": "C6h", "622": "D6", "6mm": "C6v", "-6m2": "D3h", "6/mmm": "D6h"}
    | {"23": "T", "m-3": "Th", "432": "O", "-43m": "Td", "m-3m": "Oh"}
)

# Other names of the same groups in the same axes, spglib's among them.
_ALIASES = MappingProxyType({"C3i": "S6", "S2": "Ci", "C1h": "Cs", "S1": "Cs", "V": "D2", "Vh": "D2h"})

_I = np.eye(3)
_INVERSION, _MIRROR_Z, _MIRROR_X, _HALF_X = (
    -_I,
    np.diag([1.0, 1, -1]),
    np.diag([-1.0, 1, 1]),
    np.diag([1.0, -1, -1]),
)
_HALF_Z, _DIAGONAL = np.diag([-1.0, -1, 1]), np.roll(_I, 1, axis=0)  # a third of a turn about [111]


def crystallographic(name: str) -> Operations:
    """Return the Cartesian operations of one of the 32 point groups, in the axes that this module states.

    They are spglib's for the space group P + name, turned from the lattice's basis to orthonormal axes.

    Args:
        name: Hermann–Mauguin ("4/mmm") or Schoenflies ("D4h", "C3i" too).

    Returns:
        Orthogonal matrices, the identity first; read-only, because all callers share them.

    Raises:
        ValueError: if there is no such group.
    """
    name = _known(name)
    symbols = {v: k for k, v in CRYSTALLOGRAPHIC.items()}
    symbol = symbols.get(name, name)
    if symbol not in CRYSTALLOGRAPHIC:
        raise ValueError(f"name: {name!r} is none of the 32, which are {', '.join(CRYSTALLOGRAPHIC)}")
    return _crystal_class(symbol)


@cache
def _crystal_class(symbol: str) -> Operations:
    rotations = np.unique(_of_space_group({f"P{symbol}", f"P{symbol}1"}), axis=0)  # P321, P3m1: second axis a
    hexagonal = np.abs(rotations).sum(axis=(1, 2)).max() > 3  # no matrix of signed axes
    lattice = np.array([[1, -0.5, 0], [0, 0.75**0.5, 0], [0, 0, 1]]) if hexagonal else _I  # columns a, b, c
    return _finished(lattice @ rotations @ np.linalg.inv(lattice))


def molecular(name: str) -> Operations:
    """Return the operations of a molecular point group, in the axes that this module states.

    Args:
        name: Schoenflies: Cs, Ci, Cn, Cnv, Cnh, Dn, Dnh, Dnd with a number for n, S4, S6, … and T, Td,
            Th, O, Oh, I, Ih.

    Returns:
        Orthogonal matrices, the identity first; read-only, because all callers share them.

    Raises:
        ValueError: if there is no such group.
    """
    return _molecular(_known(name))


@cache
def _molecular(name: str) -> Operations:
    solid = _solids().get(name)
    if solid:
        return _finished(generate(solid))
    match = re.fullmatch(r"([CDS])([1-9]\d?)([vhd]?)", name)
    n = int(match[2]) if match else 1
    more = {"C": [], "Cv": [_MIRROR_X], "Ch": [_MIRROR_Z], "D": [_HALF_X], "Dh": [_MIRROR_X, _MIRROR_Z]}
    more |= {"Dd": [_HALF_X, rotation_about_z(2 * n) @ _MIRROR_Z]}
    if match and match[1] + match[3] in more:
        return _finished(generate([rotation_about_z(n), *more[match[1] + match[3]]]))
    if match and match[1] + match[3] == "S" and n % 2 == 0:
        return _finished(generate([rotation_about_z(n) @ _MIRROR_Z]))
    raise ValueError(
        f"name: {name!r} is no Schoenflies symbol such as C3v, D6h, S4, Td; a "
        "linear molecule's group is approximated by C8v or D8h"
    )


def _known(name: str) -> str:
    """Return the name that this module uses."""
    if not isinstance(name, str):
        raise ValueError(f"name: expected a symbol such as D4h, got {name!r}")
    name = name.strip()
    return _ALIASES.get(name, name)


def rotation_about_z(n: int) -> Float[np.ndarray, "3 3"]:
    """Return the rotation about z by one n-th of a turn."""
    c, s = np.cos(2 * np.pi / n), np.sin(2 * np.pi / n)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def schoenflies(operations: Operations, *, tolerance: float = TOLERANCE) -> str:
    """Name a finite group of rotations and reflections, in whatever orientation.

    Without inversion i, a group with improper operations becomes one of pure rotations once these are
    multiplied by i; the pair (that group, the proper half) has a unique name.

    Args:
        operations: orthogonal matrices that form a group.
        tolerance: see `groups.checks.checked`.

    Returns:
        The Schoenflies symbol, "D4h".

    Raises:
        ValueError: if the operations are no group.
    """
    R, _ = checked(operations, tolerance=tolerance)
    det = np.linalg.det(R).round()
    small = _rotation_group(R[det > 0])
    if (det > 0).all():
        return small
    kind, n = small[0], int(small[1:] or 0)
    if np.abs(R + _I).max(axis=(1, 2)).min() < 1e-6:  # the inversion is there
        odd, even = {"C": f"S{2 * n}", "D": f"D{n}d"}, {"C": f"C{n}h", "D": f"D{n}h"}
        return "Ci" if n == 1 else (odd if n % 2 else even).get(kind, f"{kind}h")
    large = _rotation_group(R * det[:, None, None])
    if large[0] != kind:
        return {"O": "Td", "D": f"C{n}v"}[large[0]]
    odd, even = {"C": f"C{n}h", "D": f"D{n}h"}, {"C": f"S{2 * n}", "D": f"D{n}d"}
    return "Cs" if n == 1 else (odd if n % 2 else even)[kind]


def _rotation_group(rotations: Operations) -> str:
    """Name a group of pure rotations: Cn, Dn, T, O or I."""
    n, largest = len(rotations), int(element_orders(multiplication_table(rotations)).max())
    solids = {(12, 3): "T", (24, 4): "O", (60, 5): "I"}
    return solids.get((n, largest)) or (f"C{n}" if largest == n else f"D{n // 2}")


def _solids() -> dict[str, list[np.ndarray]]:
    """Return generators of the groups without a number in their names."""
    golden = (1 + 5**0.5) / 2
    axis = np.array([0, 1, golden]) / np.sqrt(2 + golden)  # a vertex of the icosahedron
    K = np.cross(_I, axis)
    fifth = _I - np.sin(2 * np.pi / 5) * K + (1 - np.cos(2 * np.pi / 5)) * K @ K
    T = [_HALF_Z, _DIAGONAL]
    groups = {"Cs": [_MIRROR_Z], "Ci": [_INVERSION], "T": T, "Td": [*T, rotation_about_z(4) @ _MIRROR_Z]}
    groups |= {"Th": [*T, _INVERSION], "O": [*T, rotation_about_z(4)], "I": [*T, fifth]}
    return groups | {"Oh": [*groups["O"], _INVERSION], "Ih": [*groups["I"], _INVERSION]}


def _of_space_group(symbols: set[str]) -> np.ndarray:
    """Return the rotations, in the lattice's basis, of the first space group with one of the symbols."""
    for number in range(1, 531):
        kind, database = spglib.get_spacegroup_type(number), spglib.get_symmetry_from_database(number)
        if kind and database and kind.international_short in symbols:
            return database["rotations"]
    raise LookupError(f"spglib knows no space group {symbols}")


def _finished(operations: Operations) -> Operations:
    first = np.abs(operations - _I).sum(axis=(1, 2)).argsort(kind="stable")  # identity first
    found = operations[first] + 0.0
    found.flags.writeable = False
    return found
