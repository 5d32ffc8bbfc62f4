"""Cards of the data that this course computes: files in `bundled`, scripts in reference_data."""

from tutorial_utils.datasets.cards import DATA_LICENCE, Card

CARDS = (
    Card(
        name="ethanol_xtb",
        what=(
            "1500 frames of one ethanol molecule from GFN2-xTB molecular dynamics at 500 K, 100 fs apart, "
            "all turned to one orientation. Polarizabilities by finite field; the minimal basis of GFN2-xTB "
            "makes them too small."
        ),
        units={
            "positions": "Å",
            "energy": "eV",
            "forces": "eV/Å",
            "dipole": "e·Å",
            "polarizability": "Å³",
            "time": "fs",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/ethanol.py",
        file="ethanol_xtb.npz",
        sha256="d21de96e5756ea26f751feec7e71873cc7fa7c3652b89b2b19753118b7625ed8",
        reference="https://doi.org/10.1021/acs.jctc.8b01176",
    ),
    Card(
        name="vibrations_xtb",
        what=(
            "H2O, NH3, CH4 and C6H6 at their GFN2-xTB minima, exactly symmetric, with derivatives of energy "
            "(second), dipole and polarizability with respect to all coordinates, by finite differences "
            "without use of symmetry. n atoms fill the first 3n rows (and columns), the rest is zero. "
            "The minimal basis makes polarizabilities too small."
        ),
        units={
            "positions": "Å",
            "name": "",
            "group": "",
            "hessian": "eV/Å²",
            "dipole_derivative": "e",
            "polarizability_derivative": "Å²",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/vibrations.py",
        file="vibrations_xtb.npz",
        sha256="4f12a3063e793aaf15121e04c1ac2bddfe27292dc53d048af50221ddc13bb89a",
        reference="https://doi.org/10.1021/acs.jctc.8b01176",
    ),
    Card(
        name="elastic_crystals",
        what=(
            "Elastic stiffness of silicon, gallium nitride, Al2Cu and quartz at rest, in Voigt's order, each "
            "turned at random: `rotation` leads from the crystal's axes to the laboratory's. "
            "Empirical potentials in LAMMPS; not symmetrised."
        ),
        units={"name": "", "point_group": "", "stiffness": "GPa", "rotation": ""},
        licence=DATA_LICENCE,
        made_by="reference_data/elasticity.py",
        file="elastic_crystals.npz",
        sha256="4bec6b75293882b4bb12a19f3f9aac3f9a800ea59cbcdb28015b77ecc9998b41",
    ),
    Card(
        name="elastic_silicon_300K",
        what=(
            "60 measurements of the elastic stiffness of Stillinger-Weber silicon at 300 K, 64 atoms turned "
            "as in elastic_crystals: stresses are means over 2 ps, so each is noisy. Not symmetrised."
        ),
        units={"stiffness": "GPa"},
        licence=DATA_LICENCE,
        made_by="reference_data/elasticity.py",
        file="elastic_silicon_300K.npz",
        sha256="bc8824c7db73dfd1a5cffdcf3c3b0e5a28b4d94fb60365f82ad1a8a96fa65e44",
        reference="https://doi.org/10.1103/PhysRevB.31.5262",
    ),
    Card(
        name="augmentation",
        what=(
            "Test error of force models of ethanol, trained on n geometries in k random orientations each "
            "(0: nothing is turned, not even the test), three seeds: four message-passing networks that "
            "differ in one thing at a time, ridge and kernel ridge. error: mean length of the error vector."
        ),
        units={"model": "", "n": "", "k": "", "seed": "", "steps": "", "error": "eV/Å"},
        licence=DATA_LICENCE,
        made_by="reference_data/augmentation.py",
        file="augmentation.json",
        sha256="fe4bf0be2cba0d673d0dc3117c0f0bc01cbb53cbfd7fc02427fc64118d88d742",
    ),
    Card(
        name="lj13",
        what=(
            "5120 configurations of 13 Lennard-Jones particles in a harmonic trap, at kT equal to the depth "
            "of the well: 1024 Metropolis chains, 5 samples of each in a row, 160 sweeps apart. Unit: "
            "10⁻⁴ of the distance at the bottom of the well."
        ),
        units={"coordinates": "10⁻⁴"},
        licence=DATA_LICENCE,
        made_by="reference_data/lj13.py",
        file="lj13.npz",
        sha256="2ce419d540672ca05e65491a1efc25805b1efb46f8574532d4a2a38fdf63c0cd",
        reference="https://arxiv.org/abs/2006.02425",
    ),
    Card(
        name="hydrogens",
        what=(
            "Densities on the sphere of degree lmax for the direction of a lost hydrogen, on molecules_hf "
            "dealt into five parts by molecule, each part the test once. nll: mean of -log p per solid angle "
            "on the test; angle: median error of the most probable direction where one hydrogen is missing."
        ),
        units={"lmax": "", "fold": "", "seed": "", "nll": "nats", "angle": "°"},
        licence=DATA_LICENCE,
        made_by="reference_data/hydrogens.py",
        file="hydrogens.json",
        sha256="a5609463f1f45e08c9c74489832d7e783b0e6bdc8d491d834a64941800d7640b",
        reference="https://arxiv.org/abs/2311.16199",
    ),
    Card(
        name="flow_matching",
        what=(
            "Flow matching on lj13 by model, processor time of training and seed. W1: distance of the "
            "energies from those of the Markov chain; in_range: fraction of samples with energies within "
            "those of the chain; detour: length of a path over its straight line; ess: effective sample size "
            "of 128 samples over their number, not computed for the transformer; violation: relative error "
            "of the velocity under rotations and reflections."
        ),
        units={
            "model": "",
            "seconds": "s",
            "seed": "",
            "steps": "",
            "loss": "",
            "W1": "kT",
            "in_range": "",
            "detour": "",
            "ess": "",
            "violation": "",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/flow_matching.py",
        file="flow_matching.json",
        gaps=frozenset({"ess"}),
        sha256="d1f95f47f6cd24c5bdd93bb4e2632689972f3d78edbb682cd246a2d9110f5775",
        reference="https://arxiv.org/abs/2306.15030",
    ),
    Card(
        name="convolution_speed",
        what=(
            "Time of a training step a graph, one thread: a 2021-style network turned into the course's, "
            "one change at a time (network), by batch size (float32, float64), kind of product, and lmax."
        ),
        units={"series": "", "setting": "", "milliseconds": "ms", "machine": "", "date": ""},
        licence=DATA_LICENCE,
        made_by="benchmarks/convolution.py",
        file="convolution_speed.json",
        sha256="66296a2184ebc477c5c0ee6a3ecc106b4f71fb5b6a67fd3481ebf6388e49c419",
    ),
    Card(
        name="descriptor_speed",
        what=(
            "SOAP on one thread: time and peak memory by number of atoms (series atoms, the setting), and "
            "the times of this package and of featomic for values and for gradients."
        ),
        units={"series": "", "setting": "", "seconds": "s", "peak_MB": "MB", "machine": "", "date": ""},
        licence=DATA_LICENCE,
        made_by="benchmarks/descriptors.py",
        file="descriptor_speed.json",
        sha256="937533cb460756f912cf8112e13204e5647d85424e16fa51595b965f552e5fab",
    ),
    Card(
        name="md_speed",
        what=(
            "Steps per second of processor time, one thread, of silicon: one NequIP model (l up to 1, 16 "
            "features) driven in four ways, and the potential it learned from."
        ),
        units={"driver": "", "atoms": "", "steps_per_s": "1/s", "machine": "", "date": ""},
        licence=DATA_LICENCE,
        made_by="benchmarks/molecular_dynamics.py",
        file="md_speed.json",
        sha256="e76a3ac6a9e76cc5998566024620a8e9efe6287a2d5f1a1885d74b3cd0297b2b",
    ),
    Card(
        name="molecules_hf",
        what=(
            "66 small molecules of H, C, N, O and S, five geometries each from GFN2-xTB molecular dynamics "
            "at 500 K, randomly oriented. Labels by Hartree-Fock in the basis def2-SVPD, without correlation "
            "of electrons: PBE0 in the same basis gives dipoles smaller by 7 to 27 % and polarizabilities "
            "larger by 2 to 13 % for water, acetaldehyde, furan and thiophene."
        ),
        units={"positions": "Å", "name": "", "dipole": "e·Å", "polarizability": "Å³"},
        licence=DATA_LICENCE,
        made_by="reference_data/molecules.py",
        file="molecules_hf.npz",
        sha256="56da7a2a473617d0a0a8414c27815063f6d31e8fd9116884c93105ddccf24504",
        reference="https://doi.org/10.1002/wcms.1340",
    ),
    Card(
        name="tensor_ladder",
        what=(
            "Errors of the models of session 3 for dipoles and polarizabilities, by number of training "
            "molecules and seed, on new molecules, on new geometries of known ones, and on qm7x_published. "
            "Networks have as many scalars, or as many weights, as the last of them."
        ),
        units={
            "model": "",
            "equal": "",
            "molecules": "",
            "seed": "",
            "test": "",
            "target": "",
            "error": "e·Å for dipoles, else Å³",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/tensor_ladder.py",
        file="tensor_ladder.json",
        sha256="b2c04b6cd26924c5d1f105376fa8a207001d9a5b0173d80e7b3bf1444590d185",
    ),
    Card(
        name="alloys_eam",
        what=(
            "1032 relaxed boxes of 108 atoms on the fcc lattice: 7 pure metals, 203 ordered compounds, 822 "
            "random alloys of 2, 3, 4 and 7 of Ag, Al, Au, Cu, Ni, Pd, Pt. Frequencies at the wave vector "
            "zero of the box, ascending; stiffness of an atom is the trace of its own force constants. "
            "An embedded-atom potential whose alloys follow from a mixing rule: not nature's numbers."
        ),
        units={
            "positions": "Å",
            "name": "",
            "kind": "",
            "energy": "eV",
            "frequencies": "THz",
            "stiffness": "eV/Å²",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/alloys.py",
        file="alloys_eam.npz",
        sha256="729fc4bd0f2fa122bd9bd9c83f97519b629425b3fa34d8197c8e59ea9657e77a",
        reference="https://doi.org/10.1103/PhysRevB.69.144113",
    ),
    Card(
        name="phonon_experiments",
        what=(
            "Measured frequencies at the zone centre (top: the highest one; TO: the transverse optical one) "
            "and heat capacities of cubic crystals, with the source of each number; where it is a NASA "
            "report, a fit to assessed measurements. Heat capacities are at constant pressure, above those "
            "at constant volume."
        ),
        units={
            "crystal": "",
            "quantity": "",
            "value": "1/cm for frequencies, J/(K mol of atoms) for heat capacities",
            "temperature": "K",
            "source": "",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/phonon_experiments.py",
        file="phonon_experiments.json",
        sha256="a07eae09587051baf11b23f2766df8a7144c2fabe8c86686116149d26dce9320",
    ),
    Card(
        name="phases",
        what=(
            "Crystals and liquids from molecular dynamics, periodic boxes: six metals at five temperatures, "
            "copper as it freezes, copper with a stacking fault, silicon as crystal, melt, and as it melts. "
            "Embedded-atom and Stillinger-Weber potentials, positions rounded to 0.001 Å. cna: common "
            "neighbour analysis of each atom (1 fcc, 2 hcp, 3 bcc, 4 icosahedral, 5 other; 0 not done)."
        ),
        units={
            "positions": "Å",
            "system": "",
            "phase": "",
            "temperature": "K",
            "melting_point": "K",
            "time": "ps",
            "cna": "",
            "cna_quenched": "",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/phases.py",
        file="phases.npz",
        sha256="b173d7cd2cefd3a212b9923d77e4bf8ff2a9fbc2c0cd4e033e74fccb50a1eda1",
        reference="https://doi.org/10.1103/PhysRevB.69.144113",
    ),
    Card(
        name="phase_rivals",
        what=(
            "What OVITO 3.17.2 calls the atoms of the bulk metals in `phases`: common neighbour analysis "
            "with an adaptive cutoff, and polyhedral template matching with six limits of the RMSD. Shares "
            "of the atoms of each frame."
        ),
        units={
            "frame": "",
            "method": "",
            "cutoff": "",
            "fcc": "",
            "hcp": "",
            "bcc": "",
            "other": "",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/phase_rivals.py",
        file="phase_rivals.json",
        sha256="413fe972e8a66e26c2ad105e0bf88ccdf3a08ea606f778a140f4dfd5e1259d64",
        reference="https://doi.org/10.1088/0965-0393/18/1/015012",
    ),
    Card(
        name="recovery",
        what=(
            "Geometry recovered from power spectrum and bispectrum by least squares: of 64 starts for each "
            "environment (16 in the map), how many end right, wrong with the same invariants, or stuck. "
            "Fifty random environments, a map over l_max and number of radial functions, symmetric sites."
        ),
        units={
            "experiment": "",
            "site": "",
            "neighbours": "",
            "seed": "",
            "invariants": "",
            "lmax": "",
            "size": "radial functions",
            "starts": "",
            "right": "starts",
            "wrong": "starts",
            "stuck": "starts",
            "rmsd": "Å",
            "steps": "",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/recovery.py",
        file="recovery.json",
        sha256="8ccdaaeb236185f504bbaf43d796f96ae77edcb9edaf81e146120b3130077ce0",
    ),
    Card(
        name="ethanol_pbe0",
        what=(
            "500 frames of ethanol_xtb, 300 fs apart, with energies, forces and dipoles by PBE0/def2-SVP "
            "(density fitting, exact gradient); the labels of GFN2-xTB on the same frames travel along."
        ),
        units={
            "positions": "Å",
            "energy": "eV",
            "forces": "eV/Å",
            "dipole": "e·Å",
            "energy_xtb": "eV",
            "forces_xtb": "eV/Å",
            "time": "fs",
        },
        licence=DATA_LICENCE,
        made_by="reference_data/ethanol_dft.py",
        file="ethanol_pbe0.npz",
        sha256="41a3979c7ba5695b49a74f33d76622bf6b815b863f135442c85b1f8617d6f043",
        reference="https://doi.org/10.1063/1.478522",
    ),
)
