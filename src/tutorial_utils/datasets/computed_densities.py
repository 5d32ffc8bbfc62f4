"""Cards of session 6: densities of water clusters, and the networks that predict them."""

from tutorial_utils.datasets.cards import DATA_LICENCE, Card

CARDS = (
    Card(
        name="water_clusters_pbe",
        what=(
            "400 clusters of 1 to 20 water molecules cut out of flexible SPC/Fw water at 300 K, split by "
            "frames. PBE/def2-SVP: energy, forces, dipole, and the density fitted in the Coulomb metric, "
            "102 coefficients a molecule (O, H, H) in e3nn's order, normalised functions, atomic units; the "
            "same for molecules one by one. Padded with zeros. Errors are integrals of |difference| over "
            "the number of electrons; seconds are those of one thread."
        ),
        units={
            **dict.fromkeys(("split", "frame", "molecules", "coefficients", "monomer_coefficients"), ""),
            **dict.fromkeys(("fit_error", "interaction", "interaction_fit_error"), "%"),
            **{"positions": "Å", "energy": "eV", "monomer_energies": "eV", "forces": "eV/Å"},
            **{"dipole": "e·Å", "seconds": "s"},
        },
        licence=DATA_LICENCE,
        made_by="reference_data/water.py",
        file="water_clusters_pbe.npz",
        sha256="7f065eedfb077fa3c2e5787a3e645661b0112643c63279a88b50e0963f5f7c4d",
        reference="https://doi.org/10.1088/2632-2153/acb314",
    ),
    Card(
        name="density_speed",
        what=(
            "Time and peak memory of the density network against the number of water molecules, which stand "
            "on a lattice at the density of the liquid, turned at random; one thread."
        ),
        units={"molecules": "", "seconds": "s", "peak_MB": "MB", "machine": "", "date": ""},
        licence=DATA_LICENCE,
        made_by="benchmarks/densities.py",
        file="density_speed.json",
        sha256="ae57bb02076444d4d9a6038ba14f970fdb4570d345b75ff112ef73658f3d887a",
    ),
    Card(
        name="density_network",
        what=(
            "Networks that predict water_clusters_pbe, and what they are held against: one number a row, by "
            "study, model, training clusters, seed, molecules in a test cluster (0: of all) and measure. "
            "error and electrons in %, dipole D, potential V, energy kcal/mol a molecule, seconds s."
        ),
        units=dict.fromkeys(("study", "model", "clusters", "seed", "molecules", "measure", "value"), ""),
        licence=DATA_LICENCE,
        made_by="reference_data/density_network.py",
        file="density_network.json",
        sha256="5cbe39b364830351975f63b6693b04d6eab765d7dfc579783b1152279c629b5d",
        reference="https://doi.org/10.1088/2632-2153/acb314",
    ),
)
