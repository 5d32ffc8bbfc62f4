"""Generative models: a density on the sphere, and flow matching."""

from tutorial_utils.generation import clusters, flow, hydrogens, sphere, trials

__all__ = ["clusters", "flow", "hydrogens", "sphere", "trials"]
