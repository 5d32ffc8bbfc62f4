"""The registry: all cards, by name. Those of bundled files lie beside them, NAME.card.json."""

from functools import cache
from pathlib import Path

from tutorial_utils.datasets import cards, published

BUNDLED = Path(__file__).parent / "bundled"


@cache
def known() -> dict[str, cards.Card]:
    """Return all cards by name: bundled files first, then published ones."""
    bundled = [cards.read(path) for path in sorted(BUNDLED.glob(f"*{cards.ENDING}"))]
    return {card.name: card for card in (*bundled, *published.CARDS)}


def names() -> tuple[str, ...]:
    """Return the names of all datasets."""
    return tuple(known())


def card(name: str) -> cards.Card:
    """Return the card of a dataset.

    Raises:
        ValueError: if there is no such dataset.
    """
    if name not in known():
        raise ValueError(f"name: there is no dataset {name!r}; datasets.names() gives {', '.join(names())}")
    return known()[name]
