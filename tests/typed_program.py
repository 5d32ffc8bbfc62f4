"""A user's program with three mistakes, which mypy (`make types`) knows from the package's signatures.

Were the signatures lost, the marks of the mistakes would be of no use, and mypy says so.
"""

from ase.build import molecule

from tutorial_utils import graphs, nn, symmetry

graphs.to_graph(molecule("H2O"), cutoff="four")  # type: ignore[arg-type]
nn.EquivariantNetwork(elements=8, irreps_out="0e")  # type: ignore[arg-type]
symmetry.rotate(molecule("H2O"))  # type: ignore[call-arg]
