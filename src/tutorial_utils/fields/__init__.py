"""Fields without atoms: turbulent flows, and matter in the universe."""
