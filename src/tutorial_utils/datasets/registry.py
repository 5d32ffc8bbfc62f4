"""The registry: all cards, by name."""

from tutorial_utils.datasets import (
    computed,
    computed_densities,
    computed_fields,
    computed_phonons,
    computed_scaling,
    published,
)
from tutorial_utils.datasets.cards import Card

_CARDS = (
    *computed.CARDS,
    *computed_densities.CARDS,
    *computed_fields.CARDS,
    *computed_phonons.CARDS,
    *computed_scaling.CARDS,
    *published.CARDS,
)


def names() -> tuple[str, ...]:
    """Return the names of all datasets."""
    return tuple(known.name for known in _CARDS)


def card(name: str) -> Card:
    """Return the card of a dataset.

    Raises:
        ValueError: if there is no such dataset.
    """
    for known in _CARDS:
        if known.name == name:
            return known
    raise ValueError(f"name: there is no dataset {name!r}; datasets.names() gives {', '.join(names())}")
