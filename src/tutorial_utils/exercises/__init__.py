"""Exercises that test properties: `check("1.2", answer)` says what holds, `hint("1.2")` helps a step further.

A check accepts every correct solution. A wrong one learns which law failed, for which irrep, by how much,
and what to suspect. An untouched stub reads "not attempted yet". Nothing here ever raises.
"""

from tutorial_utils.exercises.engine import check, hint

__all__ = ["check", "hint"]
