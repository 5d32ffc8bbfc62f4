"""Reference data with its papers: what it is, in which units, who made it, under which licence.

`names()` lists, `card(name)` tells, `load(name)` gives structures and named arrays.
"""

from tutorial_utils.arguments import explain
from tutorial_utils.datasets.cards import Card
from tutorial_utils.datasets.loading import Dataset, DatasetError, load
from tutorial_utils.datasets.registry import card, names

__all__ = ["Card", "Dataset", "DatasetError", "card", "load", "names"]

explain(globals())
