"""Equivariance reports: healthy models pass, empty passes are called vacuous, bad arguments are named."""

import doctest
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from e3nn import o3
from toy_models import (
    CUTOFF,
    Network,
    density,
    ethanol,
    network,
    salt,
    slab,
    triple_product,
    weighted,
)

from tutorial_utils import graphs, nn, symmetry
from tutorial_utils.symmetry import Law, equivariance_report

# --- healthy models pass -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [salt, slab, ethanol])
def test_healthy_models_pass(make, seed):
    atoms = make()
    for x in (atoms, graphs.to_graph(atoms, CUTOFF)):
        for model, irreps in ((density, "0e+1o+2e"), (network(), "2x0e+1o+1e+2e")):
            report = equivariance_report(model, x, irreps, per="atom", seed=seed)
            assert report.passed and not report.vacuous, str(report)
            laws = ["rotation", "parity", "translation", "permutation", "supercell"]
            assert list(dict.fromkeys(law for law, _ in report.errors)) == laws[: 5 if atoms.pbc.any() else 4]
            assert str(report).endswith("passed") and "< 1e-10" in str(report)


@pytest.mark.parametrize("size", ["intensive", "extensive"])
def test_healthy_totals_pass(size):
    reduce = {"intensive": lambda y: y.mean(dim=0), "extensive": lambda y: y.sum(dim=0)}[size]
    report = equivariance_report(lambda s: reduce(weighted(s)), salt(), "0e+1o+2e", size=size)
    assert report.passed and not report.vacuous and ("supercell", "2e") in report.errors


def test_healthy_tensor_functions_pass():
    product = o3.FullyConnectedTensorProduct("4x0e+2x1o", "4x0e+2x1o", "0e+1o+1e+2e")
    x = torch.randn(7, 10, generator=torch.Generator().manual_seed(0))
    report = equivariance_report(
        lambda x: product(x, x.square().sum() * x), x, product.irreps_out, irreps_in="4x0e+2x1o"
    )
    assert report.passed and set(law for law, _ in report.errors) == {"rotation", "parity"}


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-10)])
def test_tolerance_follows_the_dtype(dtype, tolerance):
    torch.set_default_dtype(dtype)
    report = equivariance_report(Network(), graphs.to_graph(salt(), CUTOFF), "2x0e+1o+1e+2e", per="atom")
    assert report.passed and report.tolerance == tolerance


def test_outputs_of_one_number_may_have_any_shape():
    energy = lambda s: density(s)[:, 0].sum()  # noqa: E731
    for f in (
        energy,
        lambda s: float(energy(s)),
        lambda s: energy(s)[None, None],
        lambda s: energy(s).numpy(),
    ):
        assert equivariance_report(f, ethanol(), "0e").passed
    assert equivariance_report(lambda s: density(s)[:, 0], ethanol(), "0e", per="atom").passed
    assert equivariance_report(lambda s: s.get_moments_of_inertia(), ethanol(), "3x0e").passed


def test_single_precision_constants_are_recognised():
    torch.set_default_dtype(torch.float32)
    model = Network().double()
    torch.set_default_dtype(torch.float64)
    report = equivariance_report(model, ethanol(), "2x0e+1o+1e+2e", per="atom")
    assert not report.passed and max(report.errors.values()) < 1e-5
    assert "torch.set_default_dtype" in report.suspect


# --- vacuous passes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "make", "irreps", "vacuous", "cause"),
    [
        (lambda s: torch.zeros(4), ethanol, "0e+1o", ("0e", "1o"), "1o output is zero"),
        (lambda s: float(len(s)), ethanol, "0e", ("0e",), "0e output is the same for every input"),
        (
            lambda s: weighted(s)[:, :4].sum(dim=0) * torch.tensor([1, 0, 0, 0]),
            ethanol,
            "0e+1o",
            ("1o",),
            "1o output is zero",
        ),
        (lambda s: triple_product(s), lambda: molecule("H2O"), "0o", ("0o",), "planar"),
        (lambda s: s.positions.sum() * 0 + 7, salt, "0e", ("0e",), "geometry does not enter"),
    ],
    ids=["zeros", "number of atoms", "only the vector", "pseudoscalar of a plane", "hidden constant"],
)
def test_vacuous_passes_are_named(model, make, irreps, vacuous, cause):
    report = equivariance_report(model, make(), irreps)
    assert report.passed and report.vacuous == vacuous and cause in report.suspect
    assert "VACUOUS" in str(report) and not str(report).endswith("passed")


def test_the_same_pseudoscalar_is_no_longer_vacuous_in_space():
    report = equivariance_report(triple_product, ethanol(), "0o")
    assert report.passed and not report.vacuous
    assert equivariance_report(triple_product, ethanol(), "0e").first_failure == ("parity", "0e")


def test_a_symmetric_input_hides_nothing():
    """In rock salt every site is a centre of inversion, where vectors vanish; not once it is deformed."""
    crystal = bulk("NaCl", "rocksalt", a=5.6)
    assert density(crystal)[:, 1:4].abs().max() < 1e-12
    report = equivariance_report(lambda s: density(s)[:, 1:4].relu(), crystal, "1o", per="atom")
    assert report.first_failure == ("rotation", "1o") and not report.vacuous


def test_a_failure_leaves_the_vacuous_irreps_named():
    report = equivariance_report(
        lambda s: density(s)[:, :4].relu() * torch.tensor([0, 1, 1, 1]), ethanol(), "0e+1o", per="atom"
    )
    assert report.vacuous == ("0e",) and report.first_failure == ("rotation", "1o")


# --- laws from elsewhere, and errors -----------------------------------------------------------------------


def phase_law(sign=1):
    """A charged field: every site's phase is free."""
    return Law(
        "gauge",
        sample=lambda rng, x: rng.uniform(0, 2 * np.pi, len(x["field"])),
        act_in=lambda α, x: {"field": x["field"] * np.exp(1j * α)},
        act_out=lambda α, y: y * torch.tensor(np.exp(sign * 1j * np.asarray(α)))[:, None],
        deform=lambda rng, x: {"field": x["field"] * rng.uniform(0.5, 2, len(x["field"]))},
    )


def test_laws_from_elsewhere_are_tested():
    x = {"field": np.exp(1j * np.arange(5)) * np.arange(1, 6)}
    healthy = equivariance_report(lambda x: x["field"] * np.abs(x["field"]), x, "0e", laws=[phase_law()])
    assert healthy.passed and not healthy.vacuous and list(healthy.errors) == [("gauge", "0e")]
    invariant = equivariance_report(lambda x: np.abs(x["field"]), x, "0e", laws=[phase_law()])
    assert "does not change under the law gauge" in invariant.suspect
    conjugate = equivariance_report(lambda x: x["field"].conj(), x, "0e", laws=[phase_law()])
    assert conjugate.first_failure == ("gauge", "0e") and "complex conjugate" in conjugate.suspect
    neither = equivariance_report(lambda x: x["field"] ** 2, x, "0e", laws=[phase_law()])
    assert "breaks the law gauge" in neither.suspect


def test_laws_may_be_chosen_by_name():
    report = equivariance_report(lambda s: s.positions[0], ethanol(), "1o", laws=["rotation", "parity"])
    assert report.passed and {law for law, _ in report.errors} == {"rotation", "parity"}


@pytest.mark.parametrize(
    ("x", "arguments", "message"),
    [
        (ethanol(), {"laws": ["supercell"]}, "laws: 'supercell' does not apply here"),
        (ethanol(), {"laws": []}, "laws: none to test"),
        (torch.zeros(3), {}, "give irreps_in= for a tensor"),
        (torch.zeros(4), {"irreps_in": "1o"}, r"x: expected \(..., 3\) for 1o, got \(4,\)"),
        (ethanol(), {"irreps_in": "1o"}, "irreps_in: only for a tensor"),
        (ethanol(), {"size": "extensive"}, "size: 'extensive' needs a periodic structure"),
        (salt(), {"size": "extensive", "per": "atom"}, 'needs a periodic structure and per="system"'),
        (salt(), {"size": "large"}, 'size: expected None, "intensive"'),
        (salt(), {"per": "bond"}, 'per: expected "system" or "atom"'),
        (salt(), {"group": "O(2)"}, "group: expected"),
        (salt(), {"trials": 1}, "trials: expected two at least"),
        (salt(), {"laws": "rotation"}, r"laws: expected a list of names, such as \['rotation'\]"),
        (salt(), {"tolerance": -1e-3}, "tolerance: expected a relative error, 0 or more"),
        ("salt.cif", {}, r"x: expected an ase.Atoms, .* got a str; ase.io.read\(path\)"),
        (np.ones((4, 3)), {"irreps_in": "1o"}, "x: expected .* got a ndarray; torch.as_tensor"),
        (torch.ones(3, dtype=torch.int64), {"irreps_in": "1o"}, "x: expected a tensor of a floating dtype"),
        (
            {"a": 1},
            {"laws": [Law("none", lambda rng, x: 0, lambda g, x: x, lambda g, y: y)]},
            "how to deform a dict",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_named(x, arguments, message):
    with pytest.raises(ValueError, match=message):
        equivariance_report(lambda x: torch.ones(3), x, "1o", **arguments)


def test_a_vector_that_cancels_is_no_fault():
    """What is left of terms 1e7 times larger is known to 9 digits; it is no fault of the dtype."""
    large = lambda s: 1e7 * density(s)[:, 1:4]  # noqa: E731
    cancelling = lambda s: large(s) + density(s)[:, 1:4] - large(s).mul(3).div(3)  # noqa: E731
    assert equivariance_report(cancelling, ethanol(), "1o", per="atom").passed


def test_a_tiny_output_is_judged_like_a_large_one():
    for factor in (1.0, 1.6e-29):
        report = equivariance_report(
            lambda s, c=factor: c * density(s)[:, 1:4].relu(), ethanol(), "1o", per="atom"
        )
        assert not report.vacuous and "ReLU on components" in report.suspect
        assert equivariance_report(lambda s, c=factor: c * density(s), ethanol(), IRREPS, per="atom").passed
    forces = lambda s: (pulls(s) - pulls(s)).sum(dim=0) + pulls(s).sum(dim=0)  # noqa: E731
    assert equivariance_report(forces, ethanol(), "1o").vacuous == ("1o",)


IRREPS = "0e+1o+2e"


def pulls(structure):
    """Forces between pairs, which add up to zero but for round-off."""
    graph = graphs.to_graph(structure, CUTOFF)
    v = graphs.edge_vectors(graph)
    return v.new_zeros(len(graph.pos), 3).index_add(
        0, graph.edge_index[1], v * torch.exp(-v.norm(dim=1))[:, None]
    )


def test_a_model_of_so3_is_spared_inversion():
    mixed = lambda s: density(s)[:, 1:4] + network()(s)[:, 5:8]  # noqa: E731
    report = equivariance_report(mixed, ethanol(), "1o", per="atom", group="SO(3)")
    assert report.passed and ("parity", "1o") not in report.errors


def test_new_positions_obey_a_law_of_their_own():
    moves = Law(
        "moves along",
        sample=lambda rng, x: torch.tensor(rng.normal(size=3)),
        act_in=lambda shift, x: symmetry.translate(x, shift),
        act_out=lambda shift, y: y + shift,
    )
    new = lambda s: s.positions + 0.1 * density(s)[:, 1:4].numpy()  # noqa: E731
    laws = ["rotation", "parity", "permutation", moves]
    assert equivariance_report(new, ethanol(), "1o", per="atom", laws=laws).passed


def test_a_last_layer_of_zeros_is_named():
    head = torch.nn.Linear(1, 1)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    report = equivariance_report(lambda s: head(density(s)[:, :1]).sum(), ethanol(), "0e")
    assert report.vacuous and "a last layer is still zero" in report.suspect


@pytest.mark.parametrize("default", [torch.float32, torch.float64])
def test_any_ase_calculator_is_one_line(default):
    torch.set_default_dtype(default)
    copper = bulk("Cu", cubic=True)
    copper.rattle(0.05, seed=0)
    copper.set_constraint(FixAtoms([0, 1]))
    for quantity, irreps, options in (
        ("energy", "0e", {"size": "extensive"}),
        ("forces", "1o", {"per": "atom"}),
        ("stress", "0e+2e", {"size": "intensive"}),
    ):
        f = symmetry.of_calculator(EMT(), quantity)
        report = equivariance_report(f, copper, irreps, **options)
        assert report.passed and not report.vacuous and report.tolerance == 1e-10, report
    free = copper.copy()
    free.set_constraint()
    free.calc = EMT()
    np.testing.assert_allclose(symmetry.of_calculator(EMT(), "forces")(copper), free.get_forces())
    assert np.isclose(symmetry.of_calculator(EMT(), "stress")(copper)[0], free.get_stress()[:3].sum())
    with pytest.raises(ValueError, match="quantity: expected"):
        symmetry.of_calculator(EMT(), "dipole")
    with pytest.raises(ValueError, match="quantity: this calculator has no stress for OC"):
        symmetry.of_calculator(EMT(), "stress")(molecule("CO"))
    with pytest.raises(ValueError, match=r"calculator: expected one that is made, such as EMT\(\)"):
        symmetry.of_calculator(EMT, "energy")


def test_the_packages_own_network_takes_atoms():
    network = nn.EquivariantNetwork(["H", "C", "O"], "1x1o", irreps_hidden="4x0e+4x1o")
    assert equivariance_report(network, ethanol(), "1x1o").passed
    with pytest.raises(ValueError, match=r"give lambda atoms: f\(graphs.to_graph\(atoms, cutoff\)\)"):
        equivariance_report(lambda graph: network(graph), ethanol(), "1o")


@dataclass
class Answer:
    energy: torch.Tensor
    forces: torch.Tensor


def test_outputs_in_collections_are_listed():
    y = torch.ones(9, 3)
    for output, message in (
        (
            {"energy": y[0], "forces": y},
            r"dict with the keys 'energy' \(3,\), 'forces' \(9, 3\); give lambda x",
        ),
        ((y[0], y), r"tuple of Tensor \(3,\), Tensor \(9, 3\); give lambda x: f\(x\)\[0\]"),
        (None, "returned None; is a `return` missing"),
        (Answer(y[0], y), r"Answer of 'energy' \(3,\), 'forces' \(9, 3\); give lambda x: f\(x\)\.energy"),
        ("text", "expected it to return numbers .* got a str"),
        (object(), "expected it to return numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            equivariance_report(lambda s, output=output: output, ethanol(), "1o", per="atom")


def test_python_and_numpy_numbers_keep_their_precision():
    torch.set_default_dtype(torch.float32)
    distances = lambda atoms: np.exp(-atoms.get_all_distances()).sum()  # noqa: E731
    for f in (distances, lambda atoms: float(distances(atoms)), lambda atoms: [float(distances(atoms))]):
        report = equivariance_report(f, ethanol(), "0e")
        assert report.passed and report.tolerance == 1e-10, report
    single = equivariance_report(lambda atoms: float(np.float32(distances(atoms))), ethanol(), "0e")
    assert single.passed and single.tolerance == 1e-4, single


def test_outputs_that_do_not_fit_are_named():
    with pytest.raises(
        ValueError, match=r"shape \(9, 9\), expected \(1, 9\) for 1x0e\+1x1o\+1x2e per system"
    ):
        equivariance_report(density, ethanol(), "0e+1o+2e")
    for shape, cure in (((9, 4), 'per="atom"'), ((1, 9, 4), r"f\(x\)\[0\]"), ((4, 9), r"f\(x\)\.T")):
        per = "system" if shape == (9, 4) else "atom"
        with pytest.raises(ValueError, match=cure):
            equivariance_report(lambda s, shape=shape: torch.ones(shape), ethanol(), "0e+1o", per=per)
    with pytest.raises(ValueError, match=r"shape \(4,\), expected \(9, 4\)"):
        equivariance_report(lambda s: torch.ones(4), ethanol(), "0e+1o", per="atom")
    with pytest.raises(ValueError, match="irreps_out: expected at least one output"):
        equivariance_report(density, ethanol(), "0x0e")
    with pytest.raises(ValueError, match="one structure at a time"):
        equivariance_report(density, graphs.batch([graphs.to_graph(salt(), CUTOFF)]), "0e")


def test_a_model_that_answers_in_one_array_hides_nothing():
    """Each answer overwrites the one before, and all would agree."""
    answer = np.zeros(3)

    def square(atoms):
        answer[:] = (atoms.positions[0] - atoms.positions.mean(axis=0)) ** 2
        return answer

    report = equivariance_report(square, ethanol(), "3x0e", laws=["rotation"])
    assert report.first_failure == ("rotation", "0e"), report


def test_chance_is_named_however_seldom_it_strikes():
    """One answer in three has the wrong sign; and complex outputs have a suspect too."""
    chance = np.random.default_rng(0)
    flips = lambda s: density(s)[:, 1:4] * (-1 if chance.random() < 1 / 3 else 1)  # noqa: E731
    for seed in range(4):
        report = equivariance_report(flips, ethanol(), "1o", per="atom", seed=seed)
        assert "another output each time" in report.suspect, report
    phase = lambda s: density(s)[:, 1:4] * np.exp(1j * s.positions[0, 0])  # noqa: E731
    assert "origin" in equivariance_report(phase, ethanol(), "1o", per="atom", laws=["translation"]).suspect
    assert not equivariance_report(phase, ethanol(), "1o", per="atom").passed


def test_what_the_report_cannot_turn_is_named():
    spins = ethanol()
    spins.set_initial_magnetic_moments(np.random.default_rng(0).normal(size=(9, 3)))
    from_centre = lambda s: s.positions - s.positions.mean(axis=0)  # noqa: E731
    work = lambda s: (s.get_initial_magnetic_moments() * from_centre(s)).sum()  # noqa: E731
    report = equivariance_report(work, spins, "0o", laws=["rotation"])
    assert "initial_magmoms, vectors that the atoms carry? They were not turned" in report.suspect
    with pytest.raises(TypeError) as caught:
        equivariance_report(lambda numbers, positions: 0.0, ethanol(), "0e")
    assert "f was called with a copy of x alone, a Atoms" in caught.value.__notes__[0]
    numbers = salt().numbers
    with pytest.raises(ValueError) as caught:
        equivariance_report(lambda s: (s.positions[:, 0] * numbers).sum(), salt(), "0e", size="extensive")
    assert "the law supercell" in caught.value.__notes__[0]


def test_a_double_network_gets_its_graphs_in_double_precision():
    torch.set_default_dtype(torch.float32)
    network = nn.EquivariantNetwork(["H", "C", "O"], "1o", irreps_hidden="4x0e+4x1o", layers=1)
    assert equivariance_report(network.double(), ethanol(), "1o").passed


def test_coarse_numbers_are_not_taken_for_a_constant():
    size = ethanol().get_all_distances().sum()
    coarse = lambda s: torch.tensor(s.get_all_distances().sum() / size, dtype=torch.bfloat16)  # noqa: E731
    report = equivariance_report(coarse, ethanol(), "0e")
    assert report.vacuous and "no more than its own round-off" in report.suspect, report
    tiny = lambda s: (1e-40 * density(s)[:, 1:4]).float()  # noqa: E731  # below the smallest normal number
    assert equivariance_report(tiny, ethanol(), "1o", per="atom").passed


def test_the_table_reads_well():
    report = equivariance_report(density, ethanol(), "0e+1e+2e", per="atom")
    lines = str(report).splitlines()
    assert [len(line) for line in lines[:4]] == [58] * 4 and repr(report) == str(report)
    assert lines[2].startswith("1e          < 1e-10") and lines[2].count("!") == 1
    assert lines[4].startswith("FAILED: parity of 1e, error 1.")


def test_the_example_in_the_docstring_runs():
    assert doctest.testmod(symmetry).failed == doctest.testmod(symmetry.laws).failed == 0
