"""Generative models: a density on the sphere, and flow matching."""

from tutorial_utils.generation import clusters, experiment, flow, hydrogens, sphere

__all__ = ["clusters", "experiment", "flow", "hydrogens", "sphere"]
