import ase.io

from tutorial_utils import groups, tensors

crystal = ase.io.read("crystal.cif")
found = groups.space_group(crystal, tolerance=1e-3)  # Å
print(f"{found.symbol} ({found.number}), point group {found.point_group}")
operations = tensors.operations(crystal, axes="IEEE")
for name, kind in {"elastic": tensors.ELASTIC, "piezoelectric": tensors.PIEZOELECTRIC}.items():
    print(f"{name}: {tensors.independent_constants(kind, operations)} independent")
    print(tensors.pattern(kind, operations))
