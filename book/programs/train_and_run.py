import ase.io
from ase import units
from ase.md.verlet import VelocityVerlet

from tutorial_utils import graphs, nn, training

frames = ase.io.read("frames.extxyz", index=":")  # with energies (eV) and forces (eV/Å)
data = [
    graphs.to_graph(a, 4.0, system={"energy": a.get_potential_energy()}, atom={"forces": a.get_forces()})
    for a in frames
]
model = nn.Potential(nn.EquivariantNetwork(["H", "O"], "0e", irreps_hidden="8x0e+4x1o"))
loss = nn.energy_and_forces(energy=1.0, force=1.0)
training.fit(model, loss, train=data[4:], valid=data[:4], epochs=3, batch_size=4, quiet=True)
training.save("potential.pt", model)
atoms = frames[0].copy()
atoms.calc = nn.Calculator(nn.load("potential.pt"))
VelocityVerlet(atoms, 0.5 * units.fs, trajectory="run.traj").run(5)
print("largest force at the end:", abs(atoms.get_forces()).max().round(2), "eV/Å")
