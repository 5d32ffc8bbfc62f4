"""Alloys without their disorder: the virtual crystal, and the moment that says what it misses.

A virtual crystal has one kind of atom, with the mean mass and the mean force constants of the alloy's. It
needs one cell instead of many, and its waves stay sharp. The mean square of the frequencies tells what is
lost, exactly and without any diagonalisation:

    explicit  ⟨ω²⟩ = Σ_i tr Φ_ii / m_i / 3N        virtual  ⟨ω²⟩ = ⟨tr Φ⟩ / 3⟨m⟩

Where all atoms are held alike, the explicit one is the larger, since ⟨1/m⟩ >= 1/⟨m⟩.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.data import atomic_masses
from jaxtyping import Float

from tutorial_utils.arguments import explain
from tutorial_utils.phonons.lattice import THZ, ForceConstants, frequencies, mesh


def virtual_crystal(parts: Sequence[ForceConstants], shares: Sequence[float]) -> ForceConstants:
    """Return the crystal with the mean masses, lattice and force constants of several.

    Args:
        parts: crystals of one structure type, computed with the same cell and supercell.
        shares: how much of each, not negative, of any sum.

    Raises:
        ValueError: if the crystals are not of one kind, or shares do not fit.
    """
    weights = np.asarray(shares, dtype=float)
    if weights.shape != (len(parts),) or not weights.sum() > 0 or weights.min() < 0:
        raise ValueError(f"shares: expected {len(parts)} numbers, none negative, got {list(shares)}")
    weights = weights / weights.sum()
    first = parts[0]
    places = [part.vectors @ np.linalg.inv(part.atoms.cell.array) for part in parts]
    for part, place in zip(parts, places, strict=True):
        if part.pairs.shape != first.pairs.shape or (part.pairs != first.pairs).any():
            raise ValueError("parts: the crystals have different pairs; compute them with the same cells")
        if np.abs(place - places[0]).max() > 1e-3:
            raise ValueError("parts: the crystals have atoms in different places of their cells")
    cell = np.einsum("k,kab->ab", weights, [part.atoms.cell.array for part in parts])
    atoms = first.atoms.copy()
    atoms.set_cell(cell, scale_atoms=True)
    atoms.set_masses(np.einsum("k,ki->i", weights, [part.atoms.get_masses() for part in parts]))
    values = np.einsum("k,kpab->pab", weights, [part.values for part in parts])
    return replace(first, atoms=atoms, vectors=places[0] @ cell, values=values)


def box_frequencies(constants: ForceConstants, size: int) -> Float[np.ndarray, " modes"]:
    """Return all frequencies of a box of size³ cells at its own wave vector zero, ascending, THz."""
    return np.sort(frequencies(constants, mesh(size)).ravel())


def mean_squares(
    structures: Sequence[Atoms], stiffness: Float[np.ndarray, "crystals atoms"]
) -> tuple[Float[np.ndarray, " crystals"], Float[np.ndarray, " crystals"]]:
    """Return ⟨ν²⟩ with each atom's own mass and stiffness, and with their means, THz².

    Args:
        structures: crystals of one size.
        stiffness: tr Φ_ii of each atom, eV/Å².
    """
    masses = atomic_masses[np.array([atoms.numbers for atoms in structures])]
    if masses.shape != stiffness.shape:
        raise ValueError(f"stiffness: expected the shape {masses.shape}, got {stiffness.shape}")
    explicit = (stiffness / masses).mean(axis=1) / 3 * THZ**2
    virtual = stiffness.mean(axis=1) / masses.mean(axis=1) / 3 * THZ**2
    return explicit, virtual


explain(globals())
