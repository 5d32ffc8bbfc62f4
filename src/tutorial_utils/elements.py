"""Lists of chemical elements, and which row of a table belongs to an atom."""

from collections.abc import Sequence

import torch
from ase.data import atomic_numbers, chemical_symbols
from jaxtyping import Int
from torch import Tensor


def distinct(elements: Sequence[str], *, largest: int = len(chemical_symbols) - 1) -> tuple[str, ...]:
    """Return a list of elements, once it is known to be one, in an order that is the same in every run.

    Args:
        elements: chemical symbols.
        largest: atomic number that ends the list of those to be had.

    Raises:
        ValueError: for a single string, a set, no or repeated symbols, or symbols of no element.
    """
    named = not isinstance(elements, str) and isinstance(elements, Sequence) and len(elements) > 0
    if not named or any(
        not isinstance(symbol, str) or not 0 < atomic_numbers.get(symbol, 0) <= largest for symbol in elements
    ):
        cure = "; a set has no order, sorted(elements) has" if isinstance(elements, set) else ""
        raise ValueError(
            f'elements: expected a list of symbols up to {chemical_symbols[largest]}, such as ["H", "O"], '
            f"got {elements!r}{cure}"
        )
    if len(set(elements)) < len(elements):
        raise ValueError(f"elements: expected different symbols, got {list(elements)}")
    return tuple(elements)


def row_of_element(elements: Sequence[str]) -> Int[Tensor, " numbers"]:
    """Return the place of each atomic number in a list of elements, -1 where it is not in there."""
    row = torch.full((len(chemical_symbols),), -1)
    row[[atomic_numbers[symbol] for symbol in elements]] = torch.arange(len(elements))
    return row


def rows(numbers: Int[Tensor, " atoms"], row: Int[Tensor, " numbers"]) -> Int[Tensor, " atoms"]:
    """Return the row of each atom, by its atomic number and the table of `row_of_element`.

    Raises:
        ValueError: for an atom whose element is not in the table.
    """
    found = row[numbers]
    if (found < 0).any():
        strange, known = (
            ", ".join(chemical_symbols[n] for n in some.tolist())
            for some in (numbers[found < 0].unique(), (row >= 0).nonzero()[:, 0])
        )
        raise ValueError(f"graph: holds {strange}, which the network was not trained on; it knows {known}")
    return found
