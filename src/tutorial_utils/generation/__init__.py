"""Generative models: a density on the sphere, and flow matching in space and on a torus."""

from tutorial_utils.generation import clusters, flow, hydrogens, sphere, torus, trials

__all__ = ["clusters", "flow", "hydrogens", "sphere", "torus", "trials"]
