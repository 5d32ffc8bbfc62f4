"""Cards of the data of session 5: learning curves, committees, a prior, long runs of two substances."""

from tutorial_utils.datasets.cards import DATA_LICENCE, Card

CARDS = (
    Card(
        name="ethanol_torsion",
        what=(
            "Ethanol at 500 K by GFN2-xTB and by NequIP, which learned it from 300 frames of ethanol_xtb; "
            "six runs each. quantity is share (of time, by dihedral C-C-O-H, °), vdos (1/THz, by THz), cost "
            "(s a run); NequIP's run 0 is a test on new frames: force_mae, force_rms (eV/Å), energy_error "
            "(eV, by dihedral)."
        ),
        units={"potential": "", "run": "", "quantity": "", "x": "", "value": ""},
        licence=DATA_LICENCE,
        made_by="reference_data/ethanol_torsion.py",
        file="ethanol_torsion.json",
        sha256="fcf315b57c5fb4ab25bcc7d3aa0393ee8c955b99918ed80e99dcac09c2f9f6af",
    ),
    Card(
        name="silicon_md",
        what=(
            "Molecular dynamics of silicon, with Stillinger and Weber's potential and with a NequIP that "
            "learned it: lattice constant, radial distribution, mean-square displacement, vibrations, "
            "heating, and crystal beside melt. 216 and 288 atoms, one run each; errors are those of block "
            "means. Units go with quantity: Å, -, Å², 1/THz, eV an atom, Å³ an atom, eV/Å."
        ),
        units={
            "potential": "",
            "experiment": "",
            "temperature": "K",
            "quantity": "",
            "x": "",
            "value": "",
            "error": "",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/silicon_md.py",
        file="silicon_md.json",
        sha256="2a26e98cfaf2eb5d0596d2743c162bcccb7ece53a8c513f5feac6a4ec0b2689a",
        reference="https://doi.org/10.1103/PhysRevB.31.5262",
    ),
    Card(
        name="nequip_learning",
        what=(
            "Test errors of ethanol's energies and forces against the number of training frames, three "
            "seeds: NequIP with l up to 0 (16 and 64 features), 1 and 2, a potential of pairs, a network of "
            "distances and angles, and no forces at all. 2000 steps each, the same 100 test frames."
        ),
        units={
            "model": "",
            "frames": "",
            "seed": "",
            "energy_mae": "eV an atom",
            "force_mae": "eV/Å",
            "weights": "",
            "seconds": "s",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/nequip_learning.py",
        file="nequip_learning.json",
        sha256="006e95026c8bbc415b2f95a86e9d54c64ac017084a455e3d88a4ff6b17965bfb",
        reference="https://doi.org/10.1038/s41467-022-29939-5",
    ),
    Card(
        name="silicon_committee",
        what=(
            "What four NequIP models, trained on 30 frames of Stillinger-Weber silicon at 300 K, know of "
            "their errors in hot runs (rows with what = frame), and two rounds of active learning against "
            "frames picked at random, three seeds each (what = round). 64 atoms, runs of 0.2 ps."
        ),
        units={
            "what": "",
            "choice": "",
            "seed": "",
            "round": "",
            "temperature": "K",
            "spread": "eV/Å",
            "error": "eV/Å",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/silicon_committee.py",
        file="silicon_committee.json",
        sha256="3154e029eb9f48c556ce5cd058099fb0b1cc0cae53092cc133680bc4b13cc97b",
        reference="https://doi.org/10.1103/PhysRevB.31.5262",
    ),
    Card(
        name="silicon_prior",
        what=(
            "What ZBL's repulsion is worth to NequIP on silicon: shortest distance (Å) and energy an atom by "
            "Stillinger and Weber's potential at the end (eV) of a run at constant energy that starts with "
            "velocities of 6000 K, force errors at 300 K and in a melt at 2500 K (eV/Å). Trained on a "
            "crystal at 300 K or with hot frames too, 180 steps each; seeds of frames, weights and runs."
        ),
        units={"prior": "", "data": "", "seed": "", "quantity": "", "value": ""},
        licence=DATA_LICENCE,
        made_by="reference_data/silicon_prior.py",
        file="silicon_prior.json",
        sha256="54e78746223319767b49ddeec9e2485070267263cf6361cd4145c0e7a64026af",
        reference="https://doi.org/10.1007/978-1-4615-8103-1_3",
    ),
    Card(
        name="nequip_converged",
        what=(
            "Test errors of ethanol's energies and forces (PBE0) when each model is trained until its "
            "validation error no longer improves, or for 4000 steps: NequIP as its authors recommend and as "
            "small as in the session, a network of distances and angles, pairs, and no forces at all."
        ),
        units={
            "model": "",
            "frames": "",
            "seed": "",
            "energy_mae": "eV an atom",
            "force_mae": "eV/Å",
            "weights": "",
            "steps": "",
            "seconds": "s",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/nequip_converged.py",
        file="nequip_converged.json",
        sha256="13fadd36f20885cfda6641c3a505b4261464977fea4b03a87d670c8eff73b17d",
        reference="https://doi.org/10.1038/s41467-022-29939-5",
    ),
    Card(
        name="ethanol_atoms",
        what=(
            "Energies of isolated atoms (spin-polarised) and of four molecules in ASE's geometries, by "
            "PBE0/def2-SVP with density fitting, as in ethanol_pbe0."
        ),
        units={"species": "", "energy": "eV"},
        licence=DATA_LICENCE,
        made_by="reference_data/ethanol_atoms.py",
        file="ethanol_atoms.json",
        sha256="2f06c2c8eb128e67a2d8c648ed56d532c4c69fb0063fbed7d5a0bb87bf0c8275",
        reference="https://doi.org/10.1063/1.478522",
    ),
)
