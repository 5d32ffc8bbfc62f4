"""Cards of data that others have published; users download them, nothing of them lies here."""

from tutorial_utils.datasets.cards import Card

_TUTORIAL_2021 = (
    "https://raw.githubusercontent.com/ninarina12/phononDoS_tutorial/e1911bb556e091a42b3df478def93bd9674fabe3"
)

CARDS = (
    Card(
        name="silicon_md_published",
        what=(
            "110 frames of 64 silicon atoms from molecular dynamics, of the NequIP tutorial. "
            "Sign of stress as published."
        ),
        units={"positions": "Å", "energy": "eV", "forces": "eV/Å", "stress": "eV/Å³"},
        licence="MIT",
        made_by="github.com/mir-group/nequip-tutorial @ 8f90935ba42fd9e03df323cf03428c456d87b881",
        file="sitraj.xyz",
        sha256="c08d3771a06beb82b0ed4258f78eecc7ce623f73ca6df20be99bd5722163e770",
        url=(
            "https://raw.githubusercontent.com/mir-group/nequip-tutorial/"
            "8f90935ba42fd9e03df323cf03428c456d87b881/sitraj.xyz"
        ),
    ),
    Card(
        name="qm7x_published",
        what=(
            "100 geometries of one molecule, C5H7NS, of the QM7-X set, as a test of another program carries "
            "them. Polarizabilities at another level of theory than molecules_hf."
        ),
        units={"positions": "Å", "polarizability": "bohr³"},
        licence="BSD-3-Clause",
        made_by="github.com/metatensor/metatrain @ e2af06720264c6853020864db416aa53f215f058",
        file="qm7x_reduced_100.xyz",
        sha256="0d392ae49704b0c12c852ea0909ad493f41380b48e5776a11d523a5db9163cc7",
        url=(
            "https://raw.githubusercontent.com/metatensor/metatrain/"
            "e2af06720264c6853020864db416aa53f215f058/tests/resources/qm7x_reduced_100.xyz"
        ),
        reference="https://doi.org/10.1038/s41597-021-00812-2",
    ),
    Card(
        name="water_density_published",
        what=(
            "80 water trimers with fitted electron densities, energies and their gradients, by a hybrid "
            "functional in a larger basis than that of water_clusters_pbe; densities.published converts "
            "them. Forces as published: gradients of the energy."
        ),
        units={
            "positions": "Å",
            "coefficients": "",
            "exponents": "bohr⁻²",
            "norms": "",
            "energy": "Hartree",
            "forces": "Hartree/bohr",
        },
        licence="MIT",
        made_by=(
            "github.com/JoshRackers/equivariant_electron_density @ 97a27ccb833e843d5e89981bab4f8dedec86d9ae"
        ),
        file="w3_dzhf_def2_train_energyforce.pkl",
        sha256="15f6f49f8135fbc0ef2e1b4e45fd199c5db59ac437289d4a7b8cae2be59a8880",
        url=(
            "https://raw.githubusercontent.com/JoshRackers/equivariant_electron_density/"
            "97a27ccb833e843d5e89981bab4f8dedec86d9ae/ml-dna/test-models/saux/"
            "w3_dzhf_def2_train_energyforce.pkl"
        ),
        reference="https://doi.org/10.1088/2632-2153/acb314",
    ),
    Card(
        name="phonon_dos_published",
        what=(
            "Phonon densities of states of 1522 crystals at 0, 20, … 1000 1/cm, each divided by its maximum, "
            "by density functional perturbation theory (Petretto et al. 2018), with the split of the 2021 "
            "tutorial: 1192 to train, 141 to validate, 189 to test. NaN where the file gives no spectrum."
        ),
        units={"positions": "Å", "row": "", "dos": ""},
        licence="MIT",
        made_by="github.com/Kozlan-TA/phononDos @ 6537bf8e39b119049023b2627b781ff559b7f0cf",
        file="data_union.csv",
        sha256="c2a97d69c0dff2016216867e3eda2f3cba5f6fa9033565e6a12c1702e3c720e7",
        url=(
            "https://raw.githubusercontent.com/Kozlan-TA/phononDos/"
            "6537bf8e39b119049023b2627b781ff559b7f0cf/data/data_union.csv"
        ),
        reference="https://doi.org/10.1038/sdata.2018.65",
        gaps=frozenset({"dos"}),
        any_copy=True,
        split={
            "train": (
                f"{_TUTORIAL_2021}/data/idx_train.txt",
                "3a5699c21a80c21075769f26de976fbb738278dc7b7ff8d535e055f7edeff3f6",
            ),
            "valid": (
                f"{_TUTORIAL_2021}/data/idx_valid.txt",
                "23bd0d8aaa5a3879b9cf4bce395da730a54d5d190c98d0ff4b79c01d8ee2f6b6",
            ),
        },
    ),
)
