"""Cards of the data of session 10: turbulent flows, halos, and how well models predict them."""

from tutorial_utils.datasets.cards import DATA_LICENCE, Card

CARDS = (
    Card(
        name="turbulence",
        what=(
            "Points of two turbulent flows in a periodic box of edge 2π, 64³ points, viscosity 0.02: one "
            "stirred without a preferred direction (isotropic), one pushed by sin y (Kolmogorov). Velocity "
            "gradient after smoothing with a Gaussian of width 2π/6, and the trace-free stress that "
            "smoothing hides; eight times, the first four for training. Half precision."
        ),
        units={"flow": "", "time": "", "train": "", "gradient": "1/time", "stress": "speed²"},
        licence=DATA_LICENCE,
        made_by="reference_data/turbulence.py",
        file="turbulence.npz",
        sha256="ae3157c572914659f66a370ba6f52e78175efb62f4251636285fbc3219e64f6e",
        reference="https://doi.org/10.1103/PhysRevLett.28.76",
    ),
    Card(
        name="turbulence_planes",
        what="A plane across each of the two flows at its last time: gradient and stress on 32² points.",
        units={"flow": "", "gradient": "1/time", "stress": "speed²"},
        licence=DATA_LICENCE,
        made_by="reference_data/turbulence.py",
        file="turbulence_planes.npz",
        sha256="8c08578240488e22065893160a5e6b83ab2f6e329d3c2a3f1045fa92624c3962",
    ),
    Card(
        name="turbulence_flow",
        what="The isotropic flow at its last time, all waves that 28³ points can hold, not smoothed.",
        units={"velocity": "speed"},
        licence=DATA_LICENCE,
        made_by="reference_data/turbulence.py",
        file="turbulence_flow.npz",
        sha256="92da8af605622019a91cc905ad89e5d415f1cf6fe0951539dd3449dc6d6a382d",
    ),
    Card(
        name="turbulence_series",
        what=(
            "How well the first terms of an expansion in the filter width give the hidden stress, from the "
            "smoothed flow alone, on the test times: mean square error over the mean square."
        ),
        units={"flow": "", "time": "", "orders": "", "error": ""},
        licence=DATA_LICENCE,
        made_by="reference_data/turbulence.py",
        file="turbulence_series.json",
        sha256="f58309da695a3c18dba3e0aaf92b45fd1ddb63a3b0e021602f2579bef828dc82",
    ),
    Card(
        name="closures",
        what=(
            "Closures for the hidden stress of dataset turbulence, three seeds: mean square error over the "
            "mean square on later times of the flow (later), the same in random orientations (turned), on "
            "the other flow (other), and the part of the error in random orientations that is broken "
            "equivariance (share)."
        ),
        units={
            "model": "",
            "flow": "",
            "points": "",
            "seed": "",
            "later": "",
            "turned": "",
            "other": "",
            "share": "",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/closures.py",
        file="closures.json",
        sha256="faa0d38f1061ea29ba36012a42d97622cb393473c1dc02dc5ab1590fcd1c7c53",
        reference="https://doi.org/10.1017/jfm.2016.615",
    ),
    Card(
        name="cosmos",
        what=(
            "Halos (groups of at least 25 particles) in ten periodic boxes of 100 Mpc/h, from a "
            "particle-mesh simulation of 64³ particles in a universe of matter alone. Mass in particles; "
            "velocity in km/s; shape: second moment of the particles over its trace, less a third."
        ),
        units={"box": "", "position": "Mpc/h", "mass": "particles", "velocity": "km/s", "shape": ""},
        licence=DATA_LICENCE,
        made_by="reference_data/cosmos.py",
        file="cosmos.npz",
        sha256="de0b5815569b12cd330b906901d73dd7f6baeec5e0ccf60bb8a42068be19ff32",
    ),
    Card(
        name="cosmos_map",
        what="Particles in a slab of the first box, 20 Mpc/h thick, counted on 160² pixels.",
        units={"column_density": "particles"},
        licence=DATA_LICENCE,
        made_by="reference_data/cosmos.py",
        file="cosmos_map.npz",
        sha256="b3d8e1d1072a9fb16a36dab20dbc619e84f5390851a597ce2022b9fa51d9e666",
    ),
    Card(
        name="cosmos_models",
        what=(
            "Share of the variance (R²) of halo velocities and shapes in four test boxes that models "
            "explain: one-number gravity, linear theory, least squares on sums of Y_l by cutoff (Mpc/h), and "
            "the course's network, three seeds."
        ),
        units={"target": "", "model": "", "lmax": "", "cutoff": "Mpc/h", "seed": "", "explained": ""},
        licence=DATA_LICENCE,
        made_by="reference_data/cosmos_models.py",
        file="cosmos_models.json",
        sha256="b19193e42984d60c019738aac32dd8a5f8bd1be6e8500459c86a73abe62614e7",
        reference="https://arxiv.org/abs/2507.03707",
    ),
)
