"""Exercises of session 3: building equivariant networks with e3nn."""

from tutorial_utils.exercises.session_03 import counting, layers, structures, testing

__all__ = ["counting", "layers", "structures", "testing"]
