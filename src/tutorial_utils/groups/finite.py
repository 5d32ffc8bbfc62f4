"""Finite groups, from generating matrices to a multiplication table, and what the table alone tells.

A table is all that a group is: `table[i, j]` is the number of the element g_i g_j, where g_j acts first.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Complex, Float, Int, Shaped

Matrices = Float[np.ndarray, "order n n"] | Complex[np.ndarray, "order n n"]
Table = Int[np.ndarray, "order order"]


def generate(
    generators: Sequence[np.ndarray] | Shaped[np.ndarray, "generators n n"], *, limit: int = 1000
) -> Matrices:
    """Multiply matrices by each other until nothing new appears.

    Args:
        generators: (n, n) matrices, real or complex.
        limit: the largest order to try.

    Returns:
        The elements of the group, the identity first.

    Raises:
        ValueError: if the generators are no square matrices, or give more than `limit` elements.
    """
    g = square(generators, "generators")
    elements = np.eye(g.shape[1], dtype=g.dtype)[None]
    done = 0
    while done < len(elements):
        for product in elements[done] @ g:
            if np.abs(elements - product).max(axis=(1, 2)).min() > 1e-6:
                elements = np.concatenate([elements, product[None]])
        done += 1
        if len(elements) > limit:
            raise ValueError(f"generators: more than {limit} products; is an angle no fraction of a turn?")
    return elements


def multiplication_table(elements: Matrices, *, tolerance: float = 0.02, name: str = "elements") -> Table:
    """Number the products of all pairs of elements.

    Args:
        elements: matrices, all different.
        tolerance: how far an entry of a product may be from that of its element; loose, because the
            operations of a real molecule hold only as well as its coordinates.
        name: of the argument, for the message.

    Returns:
        table[i, j] = k where g_i g_j = g_k.

    Raises:
        ValueError: if there are no square matrices, two are the same, or a product is not among them.
    """
    elements = square(elements, name)
    flat = _real(elements)  # (order, numbers)
    size = (flat**2).sum(axis=1)
    apart = size[:, None] + size - 2 * flat @ flat.T  # squared
    pairs = np.argwhere(np.triu(apart < tolerance**2, 1))
    if len(pairs):
        distinct = len(elements) - len(np.unique(pairs.max(axis=1)))
        raise ValueError(
            f"{name}: of {len(elements)} only {distinct} are different ({pairs[0][0]} and {pairs[0][1]} are "
            "the same, for example); keep each once. In a conventional cell spglib gives each rotation with "
            "several translations: np.unique(rotations, axis=0)"
        )

    def nearest(g: int) -> np.ndarray:
        return (_real(elements[g] @ elements) @ flat.T - size / 2).argmax(axis=1)

    table, _ = _spanned(len(flat), nearest)
    miss = np.array(
        [np.abs(_real(g @ elements) - flat[row]).max(axis=1) for g, row in zip(elements, table, strict=True)]
    )
    if miss.max() > tolerance:
        i, j = np.argwhere(miss > tolerance)[0]
        cure = (
            f"; it misses element {table[i, j]} by {miss[i, j]:.2g} only: noise? Give a larger tolerance"
            if miss.max() < 0.1
            else ": an operation is left out, or one too many is there"
        )
        raise ValueError(f"{name}: no group, the product of elements {i} and {j} is not among them{cure}")
    return table


def _spanned(order: int, row: Callable[[int], np.ndarray]) -> tuple[Table, list[int]]:
    """Return a multiplication table, and the few generators whose rows alone are asked for.

    The row of s h is that of s, taken at the row of h: s (h k) = (s h) k.
    """
    table, generators = np.full((order, order), -1), list[int]()
    for g in range(order):
        if table[g, 0] >= 0:
            continue
        table[g] = row(g)
        generators.append(g)
        waiting = np.flatnonzero(table[:, 0] >= 0).tolist()
        while waiting:
            h = waiting.pop()
            for s in generators:
                product = table[s, h]
                if table[product, 0] < 0:
                    table[product] = table[s][table[h]]
                    waiting.append(product)
    return table, generators


def square(matrices: Sequence[np.ndarray] | Matrices, name: str) -> Matrices:
    """Return an array (number, n, n) of finite numbers; refuse everything else by the argument's name."""
    try:
        found = np.asarray(matrices)
    except ValueError:
        found = np.empty(0, dtype=object)  # rows of different lengths
    square = found.ndim == 3 and found.shape[1] == found.shape[2] and found.size
    if not square or found.dtype.kind not in "iufc":
        raise ValueError(f"{name}: expected square matrices (number, n, n), got shape {found.shape}")
    if not np.isfinite(found).all():
        raise ValueError(f"{name}: expected finite matrices, got NaN or infinity")
    return found


def checked_table(table: Table) -> Table:
    """Return a square table of whole numbers; refuse everything else."""
    try:
        found = np.asarray(table)
    except ValueError:
        found = np.empty(0, dtype=object)  # rows of different lengths
    if found.ndim != 2 or found.shape[0] != found.shape[1] or not found.size or found.dtype.kind not in "iu":
        raise ValueError(
            "table: expected a square table of whole numbers, as multiplication_table(operations) gives it, "
            f"got {found.dtype} of shape {found.shape}"
        )
    return found


def failed_axioms(table: Table) -> tuple[str, ...]:
    """Name the axioms of a group that a table breaks; an empty tuple means that it is a group.

    Args:
        table: any square table of integers; a number outside 0 … order - 1 stands for "not in the set".

    Returns:
        Those of "closure", "associativity", "identity" and "inverses" that fail. Without closure the others
        cannot be asked, without an identity no inverses.
    """
    table = checked_table(table)
    everything = np.arange(len(table))
    if not np.isin(table, everything).all():
        return ("closure",)
    failed = []
    _, generators = _spanned(len(table), lambda g: table[g])
    if not all((table[table[s]] == table[s][table]).all() for s in generators):  # Light: (s h) k = s (h k)
        failed.append("associativity")
    units = [e for e in everything if (table[e] == everything).all() and (table[:, e] == everything).all()]
    if not units:
        return (*failed, "identity")
    one = table == units[0]
    if not (one & one.T).any(axis=1).all():  # some h with g h = 1 and h g = 1
        failed.append("inverses")
    return tuple(failed)


def identity(table: Table) -> int:
    """Return the number of the identity: the element that is its own square."""
    table = checked_table(table)
    own_square = np.flatnonzero(table.diagonal() == np.arange(len(table)))
    if not len(own_square) or table.min() < 0 or table.max() >= len(table):
        raise ValueError("table: no group; groups.failed_axioms(table) tells why")
    return int(own_square[0])


def inverses(table: Table) -> Int[np.ndarray, "order"]:
    """Return the number of each element's inverse."""
    one = identity(table)
    return (np.asarray(table) == one).argmax(axis=1)


def element_orders(table: Table) -> Int[np.ndarray, "order"]:
    """Return for each g the smallest k > 0 with g^k = 1."""
    one, table = identity(table), checked_table(table)
    g = np.arange(len(table))
    power, orders = g.copy(), np.ones(len(table), dtype=int)
    for _ in table:  # no order is larger than the group
        going = power != one
        orders += going
        power = np.where(going, table[power, g], power)
    return orders


def conjugacy_classes(table: Table) -> tuple[tuple[int, ...], ...]:
    """Sort elements into classes: g and h g h⁻¹ are the same operation, seen from another side.

    Returns:
        The numbers of the elements, ascending; classes in the order of their first elements.
    """
    table = checked_table(table)
    conjugates = table[table, inverses(table)[:, None]]  # [h, g]: h g h⁻¹
    return tuple(sorted({tuple(sorted({int(c) for c in column})) for column in conjugates.T}))


def _real(matrices: Matrices) -> Float[np.ndarray, "order numbers"]:
    flat = matrices.reshape(len(matrices), -1)
    return np.concatenate([flat.real, flat.imag], axis=1) if np.iscomplexobj(flat) else flat.astype(float)
