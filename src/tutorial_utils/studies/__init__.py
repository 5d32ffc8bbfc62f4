"""Comparisons of models that a session shows: what is compared, how it is trained, how it is measured."""
