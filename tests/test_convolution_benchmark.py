"""The speed comparison is fair, and its stored figures fit together; nothing here takes the time."""

import importlib.util
import json
import math
from pathlib import Path

import pytest

from tutorial_utils import graphs
from tutorial_utils.symmetry import equivariance_report

SCRIPT = Path(__file__).parents[1] / "benchmarks/convolution.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("convolution", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def stored():
    return json.loads(SCRIPT.with_suffix(".json").read_text(encoding="utf-8"))


def test_the_steps_multiply_to_the_whole(stored):
    compared = stored["compared"]
    assert math.prod(compared["factors"].values()) == pytest.approx(compared["total"], rel=0.03)
    times = list(compared["milliseconds_per_graph"].values())
    assert times[0] / times[-1] == pytest.approx(compared["total"], rel=0.03)
    assert compared["total"] >= 8


def test_both_networks_have_the_same_hidden_irreps(benchmark):
    course, other = benchmark.course_network(), benchmark.Network2021()
    assert benchmark.course_network(every_output=True).layers[-1].irreps_out == benchmark.o3.Irreps(
        benchmark.HIDDEN
    )
    *hidden, last = [layer.irreps_out for layer in course.layers]
    assert [*hidden, benchmark.o3.Irreps(benchmark.HIDDEN)] == [gate.irreps_out for gate in other.gates]
    # an energy needs no more: the course's network leaves the rest out
    assert last == benchmark.o3.Irreps(
        [block for block in benchmark.o3.Irreps(benchmark.HIDDEN) if block.ir.l == 0]
    )
    shipped = {convolution.irreps_node_attr for convolution in other.convolutions}
    assert shipped == {benchmark.o3.Irreps("64x0e")}


def test_graphs_have_the_neighbours_that_are_claimed(benchmark, stored):
    edges = [graphs.to_graph(atoms, benchmark.CUTOFF).num_edges for atoms in benchmark.structures()]
    assert sum(edges) / len(edges) == stored["graphs"]["edges_mean"]
    assert stored["graphs"]["edges_mean"] == pytest.approx(10 * benchmark.NEIGHBOURS, rel=0.1)


def test_the_networks_that_are_timed_are_equivariant(benchmark):
    atoms = benchmark.structures()[0]
    for model in (benchmark.Network2021(), benchmark.course_network(full=True)):
        f = lambda atoms, model=model: model(graphs.batch([graphs.to_graph(atoms, benchmark.CUTOFF)]))  # noqa: E731
        report = equivariance_report(f, atoms, "0e", size="extensive", trials=2)
        assert report.passed and not report.vacuous, report
