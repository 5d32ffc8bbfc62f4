"""Cards of the data of session 8: speed, learnt symmetry, Fock matrices, published potentials."""

from tutorial_utils.datasets.cards import DATA_LICENCE, Card

CARDS = (
    Card(
        name="scaling_speed",
        what=(
            "Time of one forward pass of three products, up to degree L: e3nn's Clebsch-Gordan product, the "
            "same "
            "map by an SO(2) layer, and the Gaunt product. 500 edges, 16 channels, float32, one thread. "
            "outputs: "
            "how many results can have a weight of their own."
        ),
        units={"product": "", "L": "", "milliseconds": "ms", "outputs": "", "machine": "", "date": ""},
        licence=DATA_LICENCE,
        made_by="benchmarks/scaling.py",
        file="scaling_speed.json",
        sha256="8c59d4552d8959947a6dd58b5948f984f8857e28bd4a6e32c75c171858c0d5ad",
    ),
    Card(
        name="kernel_speed",
        what=(
            "Other kernels beside e3nn's default, forward pass, 500 edges, float32, one thread: harmonics by "
            "sphericart, a product by cuEquivariance (its method for tests) and by e3nn in its own modes. "
            "difference: the largest, over the largest number. ratio: time over e3nn's in the same run."
        ),
        units={
            "package": "",
            "version": "",
            "what": "",
            "difference": "",
            "milliseconds": "ms",
            "ratio": "",
            "machine": "",
            "date": "",
        },
        licence=DATA_LICENCE,
        made_by="benchmarks/kernels.py",
        file="kernel_speed.json",
        sha256="30e3b86fe28842d287302a0cfa99d659021c1e3d59b94d68aa0a685fea26f949",
    ),
    Card(
        name="learnt_symmetry",
        what=(
            "A transformer learns ethanol's forces from frames in random orientations, three seeds, "
            "constant or "
            "falling learning rate. loss: mean square error on later frames, in random orientations, over "
            "that of "
            "predicting zero. share: which part of it is broken equivariance."
        ),
        units={"schedule": "", "steps": "", "seed": "", "step": "", "loss": "", "share": ""},
        licence=DATA_LICENCE,
        made_by="reference_data/learnt_symmetry.py",
        file="learnt_symmetry.json",
        sha256="bcd9d50727ac4e71f91251a92b11087a782fcceaa4e9535f50f1452f5c13d5c3",
    ),
    Card(
        name="fock_matrices",
        what=(
            "Fock matrices (Hartree-Fock, def2-SVP) of displaced geometries of water and of its dimer, "
            "fitted by "
            "polynomials in the molecule's own frame: mean error of an entry, cycles to self-consistency "
            "from "
            "PySCF's guess and from the fit, and the error of the energy without any cycle. 25 test "
            "geometries."
        ),
        units={
            "molecule": "",
            "train": "",
            "degree": "",
            "terms": "",
            "error": "Eh",
            "cycles": "",
            "cycles_guess": "",
            "energy_error": "Eh",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/fock_matrices.py",
        file="fock_matrices.json",
        sha256="7522a11a19bb791c6b79fb56ed9ac325f0c51b40d6c8255b9287d18eab7ac69e",
        reference="https://doi.org/10.1063/5.0006074",
    ),
    Card(
        name="published_potentials",
        what=(
            "52 published potentials with a κSRME in the leaderboard Matbench Discovery, snapshot of "
            "2026-07-16: "
            "F1 of finding stable crystals, and the error κSRME of thermal conductivity (0 is perfect, 2 the "
            "worst). record: the file of that repository about the model. rotations_built_in: read from the "
            "papers."
        ),
        units={
            "model": "",
            "weights": "",
            "F1": "",
            "kappa_srme": "",
            "forces": "",
            "rotations_built_in": "",
            "training": "",
            "record": "",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/published_potentials.py",
        file="published_potentials.json",
        sha256="9391b71660b0a1c9f93c3d823c95b9aaa2c45068fdef0629d798ebc48f3cd7ab",
        reference="https://doi.org/10.1038/s42256-025-01055-1",
    ),
)
