"""A card: what a dataset is, in which units, who made it, under which licence."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ENDING = ".card.json"  # of the card beside each bundled file


@dataclass(frozen=True)
class Card:
    """What has to be known about a dataset before it is used.

    Attributes:
        name: how `load` finds it.
        what: one or two sentences, with the limits of the data.
        units: array name -> unit; `load` insists on exactly these ("positions" live in the structures).
        licence: SPDX identifier.
        made_by: the script that makes the file, or the repository and commit it is taken from.
        file: file name; its ending tells the format (.npz, .json, .xyz, .csv).
        sha256: checksum of the file.
        url: where a published file is downloaded from; None for files inside the package.
        reference: DOI or arXiv address of the method or of the data.
        gaps: arrays that are NaN in rows where nobody knows the value.
        any_copy: a local copy may differ from the published file, as where targets are withheld: its
            contents are looked at, not its checksum.
        split: part -> (url, sha256) of a file of row numbers; rows that no file names are the part "test".
    """

    name: str
    what: str
    units: Mapping[str, str]
    licence: str
    made_by: str
    file: str
    sha256: str
    url: str | None = None
    reference: str | None = None
    gaps: frozenset[str] = frozenset()
    any_copy: bool = False
    split: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def __str__(self) -> str:
        units = ", ".join(f"{array} [{unit}]" if unit else array for array, unit in self.units.items())
        lines = [self.name, f"  {self.what}", f"  arrays    {units}", f"  licence   {self.licence}"]
        lines.append(f"  made by   {self.made_by}")
        if self.reference:
            lines.append(f"  reference {self.reference}")
        lines.append(f"  file      {self.url or self.file + ' (inside the package)'}")
        return "\n".join(lines)


def read(path: Path) -> Card:
    """Read a card from the file beside the data; all attributes but the name stand in it."""
    told = json.loads(path.read_text(encoding="utf-8"))
    told["gaps"] = frozenset(told.get("gaps", ()))
    return Card(name=path.name.removesuffix(ENDING), **told)


def seal(path: Path) -> str:
    """Return the checksum of a file, and put it on the card beside it if there is one."""
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    card = path.with_name(path.stem + ENDING)
    if card.exists():
        told = json.loads(card.read_text(encoding="utf-8")) | {"sha256": checksum}
        card.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return checksum
