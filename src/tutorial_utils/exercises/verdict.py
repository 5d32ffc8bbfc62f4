"""What a check says, for people: a box in a notebook, plain text elsewhere."""

import sys
from dataclasses import dataclass
from html import escape

# word, icon, colour of the badge. White on each is read at a contrast of 4.5 or more, the box itself takes
# the page's own text colour, so light and dark pages serve alike; the word never leaves the colour alone.
KINDS = {
    "correct": ("Correct", "✔", "#00704F"),
    "wrong": ("Not yet", "✘", "#AD3C00"),
    "untouched": ("Not attempted yet", "…", "#5A5A5A"),
    "error": ("Your answer raised an error", "⚠", "#AD3C00"),
    "unknown": ("No such exercise", "⚠", "#5A5A5A"),
    "hint": ("Hint", "➜", "#00619A"),
}


@dataclass(frozen=True)
class Verdict:
    """The answer to an answer.

    Attributes:
        kind: one of `KINDS`.
        title: the exercise, "1.2 Turn a dipole".
        text: praise, or what is wrong and what to suspect; may have several lines.
    """

    kind: str
    title: str
    text: str = ""

    def __repr__(self) -> str:
        word, icon, _ = KINDS[self.kind]
        return f"{icon} {word} — {self.title}" + (f"\n{self.text}" if self.text else "")

    def _repr_html_(self) -> str:
        word, icon, colour = KINDS[self.kind]
        badge = f"background:{colour};color:#FFFFFF;border-radius:4px;padding:1px 8px;font-weight:bold"
        box = (
            f"border:1px solid {colour};border-left-width:8px;border-radius:4px;padding:8px 12px;margin:4px 0"
        )
        text = (
            f'<div style="white-space:pre-wrap;margin-top:6px">{escape(self.text)}</div>' if self.text else ""
        )
        return (
            f'<div style="{box}"><span style="{badge}"><span aria-hidden="true">{icon}</span> {word}</span> '
            f"<strong>{escape(self.title)}</strong>{text}</div>"
        )


def show(verdict: Verdict) -> None:
    """Display in a notebook, print elsewhere."""
    ipython = sys.modules.get("IPython")
    if ipython and getattr(ipython.get_ipython(), "kernel", None):
        ipython.display.display(verdict)
    else:
        print(verdict)
