"""Exercises of session 4: describe local geometry, and get it back."""

from tutorial_utils.exercises.session_04 import describing, phases, recovering

__all__ = ["describing", "phases", "recovering"]
