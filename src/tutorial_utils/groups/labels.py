"""Names of classes and irreps of point groups (Schoenflies, Mulliken), by one convention about axes.

Books differ, and then B1 and B2, or two kinds of twofold axes, change places. Here:

* The main axis is the one of highest order, rotations or rotoreflections; among several, that nearest to z
  (for D2 and D2h that named z).
* C2' is the class of twofold axes across the main axis that comes nearest to x, C2'' the other one.
* σh is a mirror across the main axis; σv contains an axis C2', or, where there is none, comes nearest to x;
  other mirrors are σd. In cubic groups σh lies across the cube's edges, the others are σd.
* D2, C2v, D2h: axes and planes are named by letters, "C2(y)", "σ(xz)". The three directions that they have
  are shared out among x, y, z so that they come nearest to them together.
* A, B: + or - under the smallest turn about the main axis; a rotoreflection counts only where neither i nor
  σh is there. Index 1, 2: + or - under C2', or σv without C2'. E_k turns k times as fast as the axis does.
* D2, D2h: B1, B2, B3 are + under the axes z, y, x.
* Cubic: index 1, 2 of A and T: + or - under the turn about z. An index that tells nothing apart is left out.
* g, u: + or - under i; ' and '': + or - under σh where there is no i.
* Complex conjugates share a name; "*" marks the one whose first imaginary part is negative.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Complex, Float
from scipy.spatial.transform import Rotation

Classes = tuple[tuple[int, ...], ...]

_NEAR_Z, _NEAR_X = np.array([0.1, 0.01, 1]), np.array([1, 0.01, 0.1])  # generic, so that nothing ties
_NEAR_Y = np.array([0.03, 1, 0.02])
_MARKS = ("", "'", "''", "h", "v", "d", "(z)", "(y)", "(x)", "(xy)", "(xz)", "(yz)")
_ENDINGS = ("", "g", "u", "'", "''")


@dataclass(frozen=True, eq=False)
class Turn:
    """An orthogonal matrix, told by its axis and angle.

    Attributes:
        axis: unit vector on the side of z; the normal of a mirror; zero for E and i.
        proper: False where the determinant is -1.
        turn: angle as a fraction of a whole turn, of the rotation or of the rotoreflection.
    """

    axis: Float[np.ndarray, "3"]
    proper: bool
    turn: Fraction

    @property
    def symbol(self) -> str:
        """Schoenflies's: E, C3, C3^2, i, σ, S6 or S6^5."""
        n, k = self.turn.denominator, self.turn.numerator
        special = {(True, 1): "E", (False, 1): "σ", (False, 2): "i"}
        if (self.proper, n) in special:
            return special[self.proper, n]
        k += n * (not self.proper and k % 2 == 0)  # S_n^k reflects only for odd k
        return ("C" if self.proper else "S") + str(n) + (f"^{k}" if k > 1 else "")

    def along(self, axis: Float[np.ndarray, "3"]) -> bool:
        """Tell whether this is an operation about the axis, or a mirror across it."""
        return bool(abs(self.axis @ axis) > 0.99)


def analyse(R: Float[np.ndarray, "3 3"]) -> Turn:
    """Return axis and angle of an orthogonal matrix."""
    proper = bool(np.linalg.det(R) > 0)
    vector = Rotation.from_matrix(R if proper else -R).as_rotvec()
    angle = np.linalg.norm(vector)
    axis = vector / angle if angle > 0.05 else np.zeros(3)
    side = -1 if axis @ _NEAR_Z < 0 else 1
    turn = side * angle / (2 * np.pi) + (0 if proper else 0.5)
    return Turn(side * axis, proper, Fraction(float(turn)).limit_denominator(360) % 1)


@dataclass(frozen=True, eq=False)
class Layout:
    """What the names refer to.

    Attributes:
        classes: for each class its operations.
        main: the main axis, a unit vector.
        solid: cubic or icosahedral, with several threefold axes.
        letters: of D2, C2v and D2h, the directions named x, y, z as rows; None for other groups.
    """

    classes: tuple[tuple[Turn, ...], ...]
    main: Float[np.ndarray, "3"]
    solid: bool
    letters: Float[np.ndarray, "3 3"] | None

    def number(self, symbol: str, *, across: bool | None = None) -> int | None:
        """Return a class by the symbol of a member: across the main axis, about it, or any."""
        for c, members in enumerate(self.classes):
            for t in members:
                if t.symbol == symbol and across in (None, not t.along(self.main)):
                    return c
        return None


def lay_out(operations: Float[np.ndarray, "order 3 3"], classes: Classes) -> Layout:
    """Find the main axis of a point group."""
    turns = [analyse(R) for R in operations]
    threefold = [t.axis for t in turns if t.symbol == "C3"]
    solid = any(abs(axis @ threefold[0]) < 0.9 for axis in threefold)
    axes = [t for t in turns if t.axis.any() and not (solid and t.turn.denominator % 3 == 0)]
    # a rotation goes before a mirror: in C2v the axis is that of C2
    best = max(axes, key=lambda t: (t.turn.denominator, t.proper, t.axis @ _NEAR_Z), default=None)
    main = best.axis if best else np.array([0.0, 0, 1])
    letters = _letters(turns)
    if letters is not None and [t.symbol for t in turns].count("C2") == 3:
        main = letters[2]
    return Layout(tuple(tuple(turns[g] for g in members) for members in classes), main, solid, letters)


def _letters(turns: Sequence[Turn]) -> Float[np.ndarray, "3 3"] | None:
    """Share the three directions of D2, C2v or D2h out among x, y and z; None for any other group."""
    from scipy.optimize import linear_sum_assignment  # it would be a fifth of the time that `groups` loads

    symbols = [t.symbol for t in turns]
    involutions = all(t.turn in (0, Fraction(1, 2)) for t in turns)
    if not involutions or max(symbols.count("C2"), symbols.count("σ")) < 2:
        return None
    directions: list[np.ndarray] = []
    for t in turns:
        if t.axis.any() and not any(t.along(axis) for axis in directions):
            directions.append(t.axis)
    closeness = np.abs(np.array([_NEAR_X, _NEAR_Y, _NEAR_Z]) @ np.transpose(directions))
    return np.array(directions)[linear_sum_assignment(closeness, maximize=True)[1]]


def class_labels(layout: Layout) -> tuple[str, ...]:
    """Name each class: how many, Schoenflies symbol, mark."""
    names = []
    for c, members in enumerate(layout.classes):
        count = str(len(members)) if len(members) > 1 else ""
        names.append(count + _representative(members).symbol + _mark(layout, c))
    return tuple(names)


def class_order(layout: Layout) -> list[int]:
    """Sort classes: rotations, the identity first and small turns before large, then these times i."""

    def key(c: int) -> tuple:
        t = _representative(layout.classes[c])
        rotation = t.turn if t.proper else (t.turn + Fraction(1, 2)) % 1
        n = rotation.denominator
        return not t.proper, n > 1, -n, _MARKS.index(_mark(layout, c)), t.turn

    return sorted(range(len(layout.classes)), key=key)


def irrep_labels(layout: Layout, values: Complex[np.ndarray, "irreps classes"]) -> tuple[str, ...]:
    """Name each irrep; the classes come in the order of the columns."""
    parts = [(*_letter(layout, χ), _ending(layout, χ), _star(χ)) for χ in values]
    names = []
    for letter, index, ending, star in parts:
        rivals = {i for l, i, e, _ in parts if (l, e) == (letter, ending)}
        names.append(letter + (str(index) if len(rivals) > 1 else "") + ending + star)
    return tuple(names)


def irrep_order(labels: Sequence[str]) -> list[int]:
    """Sort irreps: g before u, ' before '', then A, B, E, T, G, H, then indices."""

    def key(n: int) -> tuple:
        name = labels[n].rstrip("*")
        index, ending = name[1:].rstrip("gu'"), name.lstrip("ABETGH0123456789")
        return _ENDINGS.index(ending), "ABETGH".index(name[0]), int(index or 0), labels[n]

    return sorted(range(len(labels)), key=key)


def _representative(members: Sequence[Turn]) -> Turn:
    return max(members, key=lambda t: (round(float(t.axis @ _NEAR_Z), 3), -t.turn))


def _mark(layout: Layout, c: int) -> str:
    """Tell a class of twofold axes, or of mirrors, from others of its kind."""
    t = layout.classes[c][0]
    if t.symbol not in ("C2", "σ"):
        return ""
    if layout.letters is not None:
        letter = "xyz"[np.abs(layout.letters @ t.axis).argmax()]
        return f"({letter})" if t.symbol == "C2" else "({})".format("xyz".replace(letter, ""))
    if any(t.along(layout.main) for t in layout.classes[c]):
        return "" if t.symbol == "C2" else "h"
    if layout.solid and layout.number("C2", across=False) is None:  # icosahedral: one kind of each
        return ""
    if t.symbol == "C2":
        return "'" if c == _nearest(layout, "C2") else "''"
    return "d" if layout.solid else _upright(layout, c)


def _upright(layout: Layout, c: int) -> str:
    """Tell σv from σd among mirrors that contain the main axis."""
    if layout.number("C2", across=True) is None:
        return "v" if c == _nearest(layout, "σ") else "d"
    twofold = layout.classes[_nearest(layout, "C2")]
    return "v" if any(abs(t.axis @ s.axis) < 0.1 for t in layout.classes[c] for s in twofold) else "d"


def _nearest(layout: Layout, symbol: str) -> int:
    """Return the class of axes across the main axis that comes nearest to x, or of planes that contain it."""
    towards = np.cross(_NEAR_X, layout.main) if symbol == "σ" else _NEAR_X

    def closeness(c: int) -> float:
        members = layout.classes[c]
        fits = members[0].symbol == symbol and not any(t.along(layout.main) for t in members)
        return max(abs(t.axis @ towards) for t in members) if fits else -1.0

    return max(range(len(layout.classes)), key=closeness)


def _letter(layout: Layout, χ: Complex[np.ndarray, "classes"]) -> tuple[str, int]:
    """Return the letter for the dimension, with the index."""
    d = round(np.abs(χ).max())
    c, n = _main_turn(layout)
    if d == 2 or np.abs(χ.imag).max() > 1e-6:
        angle = np.arccos(np.clip(χ[c].real / d, -1, 1)) / (2 * np.pi)
        return "E", 1 if layout.solid else round(angle * n)
    if d > 2:
        return "TGH"[d - 3], 1 if χ[c].real > 0 else 2
    if layout.letters is not None and layout.number("C2", across=True) is not None:  # D2, D2h
        signs = {_mark(layout, c): x.real for c, x in enumerate(χ) if layout.classes[c][0].symbol == "C2"}
        plus = [index for index, mark in enumerate(("(z)", "(y)", "(x)"), start=1) if signs[mark] > 0]
        return ("A", 1) if len(plus) == 3 else ("B", plus[0])
    return "A" if χ[c].real > 0 or layout.solid else "B", 1 if _second(layout, χ, c) > 0 else 2


def _second(layout: Layout, χ: Complex[np.ndarray, "classes"], main: int) -> float:
    """Return the character that tells index 1 from 2."""
    if layout.solid:
        return χ[main].real
    for symbol in ("C2", "σ"):
        if layout.number(symbol, across=True) is not None:
            return χ[_nearest(layout, symbol)].real
    return 1.0


def _main_turn(layout: Layout) -> tuple[int, int]:
    """Return the class of the smallest turn about the main axis, and its order."""
    reflects = layout.number("i") is None and layout.number("σ", across=False) is None
    about = [
        (t.turn.denominator, -t.turn, c)
        for c, members in enumerate(layout.classes)
        for t in members
        if t.along(layout.main) and (t.proper or (reflects and t.turn > 0))
    ]
    n, _, c = max(about, default=(1, 0, layout.number("E") or 0))
    return c, n


def _ending(layout: Layout, χ: Complex[np.ndarray, "classes"]) -> str:
    inversion, horizontal = layout.number("i"), layout.number("σ", across=False)
    if inversion is not None:
        return "g" if χ[inversion].real > 0 else "u"
    if horizontal is not None:
        return "'" if χ[horizontal].real > 0 else "''"
    return ""


def _star(χ: Complex[np.ndarray, "classes"]) -> str:
    odd = χ.imag[np.abs(χ.imag) > 1e-6]
    return "*" if len(odd) and odd[0] < 0 else ""
