"""Cards of what this course has computed of crystals and their vibrations."""

from tutorial_utils.datasets.cards import DATA_LICENCE, Card

CARDS = (
    Card(
        name="crystals_pbesol",
        what=(
            "Cubic crystals by density functional theory (PBEsol, GPAW): lattice constant and bulk modulus "
            "from an equation of state, forces in displaced supercells in the order of "
            "atoms.repeat(repeats), NaN where there are none; displacement is (atom, x, y, z). dos at 0, 20, "
            "… 1000 1/cm with the maximum 1, NaN where a mode is imaginary; without the ions' field, so "
            "polar crystals lack their LO-TO splitting. Born charges and dielectric constants of some "
            "(abinit; LDA or PBE) and with them dos_field; NaN where they were not computed."
        ),
        units={
            "positions": "Å",
            "name": "",
            "kind": "",
            "metal": "",
            "polar": "",
            "stable": "",
            "lattice_constant": "Å",
            "bulk_modulus": "GPa",
            "repeats": "",
            "top": "1/cm",
            "born": "e",
            "dielectric": "",
            "dos": "",
            "dos_field": "",
            "displacement": "Å",
            "forces": "eV/Å",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/crystals.py",
        file="crystals_pbesol.npz",
        sha256="4918bead78307bad807b41474b0c7260d22f11fe01890ddc91812d7530e0668c",
        reference="https://doi.org/10.1103/PhysRevLett.100.136406",
        gaps=frozenset({"born", "dielectric", "dos", "dos_field", "displacement", "forces"}),
    ),
    Card(
        name="crystals_convergence",
        what=(
            "Three of crystals_pbesol again, with one setting at a time made finer: highest and mean "
            "frequency, and the mean squared difference of the spectrum from the one in crystals_pbesol."
        ),
        units={
            "crystal": "",
            "change": "",
            "top": "1/cm",
            "mean_frequency": "1/cm",
            "difference": "",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/crystals_convergence.py",
        file="crystals_convergence.json",
        sha256="bf37a98601acb22b32be476c312b75e2cf85dce4a57b4ed92b522c544caff3af",
        reference="https://doi.org/10.1103/PhysRevLett.100.136406",
    ),
    Card(
        name="alloy_metals",
        what=(
            "Force constants of the seven pure metals of alloys_eam, by the same potential: between the four "
            "atoms of the first cubic cell and all 108 of the box."
        ),
        units={"positions": "Å", "name": "", "constants": "eV/Å²"},
        licence=DATA_LICENCE,
        made_by="reference_data/alloy_metals.py",
        file="alloy_metals.npz",
        sha256="f424303bc48d2be002ac5c2a00cfc17882a64a7766cdf48b41087127019394b5",
        reference="https://doi.org/10.1103/PhysRevB.69.144113",
    ),
    Card(
        name="phonon_formulas",
        what=(
            "Formula, space group and number of atoms of the 1522 crystals of phonon_dos_published, and "
            "their part of the split; without spectra."
        ),
        units={"formula": "", "space_group": "", "atoms": "", "part": ""},
        licence=DATA_LICENCE,
        made_by="reference_data/phonon_formulas.py",
        file="phonon_formulas.json",
        sha256="88ee71f7a5aec515eb514fc3bd66b36fff5685e64486e9cb41f31cc80c0c6110",
        reference="https://doi.org/10.1038/sdata.2018.65",
    ),
    Card(
        name="universal_phonons",
        what=(
            "The crystals of crystals_pbesol by a universal potential, SevenNet-0: factor is its own lattice "
            "constant in units of the one there; highest frequency and dos as there, without the field of "
            "the ions; NaN where a mode is imaginary."
        ),
        units={"name": "", "stable": "", "factor": "", "top": "1/cm", "dos": ""},
        licence=DATA_LICENCE,
        made_by="reference_data/universal_phonons.py",
        file="universal_phonons.npz",
        sha256="67608e1f6c531a4352eb4fa11a87ec3546e083703e45f054b47b7fb43d43231f",
        reference="https://doi.org/10.1021/acs.jctc.4c00190",
        gaps=frozenset({"dos"}),
    ),
    Card(
        name="phonon_networks",
        what=(
            "Errors of predicted spectra on the 141 validation crystals of phonon_dos_published, which also "
            "picked the best epoch of each training: a little too good. raw and maximum are mean squared "
            "errors before and after division by the maximum; the study paired compares two models crystal "
            "by crystal, with the standard error."
        ),
        units={
            "study": "",
            "model": "",
            "crystals": "",
            "seed": "",
            "measure": "",
            "value": "1/cm for mean_frequency, J/(K mol of atoms) for heat_capacity, s of processor time",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/phonon_networks.py",
        file="phonon_networks.json",
        sha256="435e5384bb5ffd0c66832271a9207c5c471e20e87f00a9385c23aa38875e1834",
        reference="https://doi.org/10.1002/advs.202004214",
    ),
)
