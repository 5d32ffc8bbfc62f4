import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tutorial_utils import gauge, symmetry

LATTICES = {
    "ring": lambda: gauge.ring(5, 0.7),
    "ring of two": lambda: gauge.ring(2, 0.7),
    "torus": lambda: gauge.torus(3, 4, quanta=2, holes=(0.4, -1.1)),
    "torus of one row": lambda: gauge.torus(5, 1, quanta=2, holes=(0.4, -1.1)),
    "square": lambda: gauge.square(4, 3, flux=0.9),
}


def lattices():
    return pytest.mark.parametrize("make", LATTICES.values(), ids=LATTICES.keys())


def other_gauge(lattice, seed=0):
    return gauge.transform(lattice, gauge.random_angles(lattice, np.random.default_rng(seed)))


def random_field(lattice, seed=0):
    noise = np.random.default_rng(seed).uniform(-3, 3, lattice.phases.shape)
    return replace(lattice, phases=lattice.phases + torch.as_tensor(noise))


# spectra


def test_ring_has_the_levels_of_the_textbook():
    for sites in (1, 2, 3, 6, 7):
        flux = 1.3
        wave_numbers = (2 * math.pi * torch.arange(sites) + flux) / sites
        expected = torch.sort(-2 * 1.5 * torch.cos(wave_numbers)).values
        torch.testing.assert_close(gauge.spectrum(gauge.ring(sites, flux), 1.5), expected)


def test_benzene_without_field():
    levels = gauge.spectrum(gauge.ring(6))
    torch.testing.assert_close(levels, torch.tensor([-2.0, -1, -1, 1, 1, 2]))
    assert gauge.ground_energy(gauge.ring(6), 3).item() == pytest.approx(-4)


@lattices()
def test_the_hamiltonian_changes_by_a_unitary_and_the_spectrum_not(make):
    lattice = random_field(make())
    angles = gauge.random_angles(lattice, np.random.default_rng(1))
    before, after = gauge.hamiltonian(lattice), gauge.hamiltonian(gauge.transform(lattice, angles))
    torch.testing.assert_close(before, before.mH)
    assert not torch.allclose(before, after) or lattice.sites == 1
    U = torch.diag(torch.polar(torch.ones_like(angles), angles))
    torch.testing.assert_close(after, U @ before @ U.mH)
    torch.testing.assert_close(torch.linalg.eigvalsh(after), torch.linalg.eigvalsh(before))


@settings(max_examples=25, deadline=None)
@given(flux=st.floats(-7, 7), sites=st.integers(3, 8), turns=st.integers(-2, 2))
def test_one_flux_quantum_is_no_flux(flux, sites, turns):
    a, b = gauge.ring(sites, flux), gauge.ring(sites, flux + 2 * math.pi * turns)
    torch.testing.assert_close(gauge.spectrum(a), gauge.spectrum(b))
    torch.testing.assert_close(gauge.loops(a), gauge.loops(b))


def test_half_a_flux_quantum_differs_from_none():
    assert (gauge.spectrum(gauge.ring(5, math.pi)) - gauge.spectrum(gauge.ring(5))).abs().max() > 0.1


def test_a_batch_of_fields_is_many_single_fields():
    flux = torch.linspace(-3, 3, 4)
    batch = gauge.ring(5, flux)
    for n in range(4):
        torch.testing.assert_close(gauge.spectrum(batch)[n], gauge.spectrum(gauge.ring(5, flux[n].item())))
    holes = torch.linspace(0, 1, 4)
    batch = gauge.torus(2, 3, quanta=1, holes=(holes, 0.2))
    single = gauge.torus(2, 3, quanta=1, holes=(holes[2].item(), 0.2))
    torch.testing.assert_close(gauge.loops(batch)[2], gauge.loops(single))


# Hofstadter


def test_half_flux_has_the_bands_of_the_textbook():
    holes = torch.rand(50) * 7, torch.rand(50) * 7
    levels = gauge.spectrum(gauge.torus(2, 1, quanta=1, holes=holes))
    upper = 2 * torch.sqrt(torch.cos(holes[0] / 2) ** 2 + torch.cos(holes[1]) ** 2)
    torch.testing.assert_close(levels, torch.stack([-upper, upper], dim=-1))


def test_third_flux_has_bands_of_the_cubic():
    # E^3 - 6 E + 2 cos(kx) + 2 cos(3 ky) = 0 for flux 1/3 and t = 1 (characteristic polynomial).
    kx, ky = torch.rand(20) * 7, torch.rand(20) * 7
    E = gauge.spectrum(gauge.torus(3, 1, quanta=1, holes=(kx, ky)))
    residue = E**3 - 6 * E + (2 * torch.cos(kx) + 2 * torch.cos(3 * ky))[:, None]
    assert residue.abs().max() < 1e-10


def test_a_large_torus_has_the_bloch_levels_of_harper():
    # 6 x 4 sites with flux 1/3 through each plaquette: 2 magnetic cells along x, 4 along y.
    whole = gauge.spectrum(gauge.torus(6, 4, quanta=8))
    kx = math.pi * torch.arange(2).repeat_interleave(4)
    ky = 2 * math.pi * torch.arange(4).repeat(2) / 4
    cells = gauge.spectrum(gauge.torus(3, 1, quanta=1, holes=(kx, ky)))
    torch.testing.assert_close(whole, torch.sort(cells.flatten()).values)


def test_open_square_has_uniform_flux_of_any_size():
    lattice = gauge.square(4, 3, flux=0.3)
    assert (lattice.plaquettes.shape, len(lattice.wilson)) == ((6, 17), 0)
    torch.testing.assert_close(gauge.loops(lattice).angle(), torch.full((6,), 0.3))
    # No field: products of two open chains.
    chain = 2 * torch.cos(math.pi * torch.arange(1, 5) / 5)
    other = 2 * torch.cos(math.pi * torch.arange(1, 4) / 4)
    expected = torch.sort(-(chain[:, None] + other[None, :]).flatten()).values
    torch.testing.assert_close(gauge.spectrum(gauge.square(4, 3)), expected)


# loops


@lattices()
def test_loops_are_invariant_and_as_many_as_independent_cycles(make):
    lattice = random_field(make())
    torch.testing.assert_close(gauge.loops(other_gauge(lattice)), gauge.loops(lattice))
    rows = torch.cat([lattice.plaquettes, lattice.wilson])
    cycles = len(lattice.links) - lattice.sites + 1
    assert int(torch.linalg.matrix_rank(rows)) == cycles


@lattices()
def test_fields_with_equal_loops_differ_by_a_gauge_change_only(make):
    # Completeness: what all loops leave open is spanned by gauge changes.
    lattice = make()
    rows = torch.cat([lattice.plaquettes, lattice.wilson])
    silent = torch.linalg.svd(rows).Vh[int(torch.linalg.matrix_rank(rows)) :]  # changes no loop feels
    changes = (
        torch.stack([gauge.transform(lattice, a).phases for a in torch.eye(lattice.sites)]) - lattice.phases
    )
    assert int(torch.linalg.matrix_rank(changes)) == len(silent) == lattice.sites - 1
    assert int(torch.linalg.matrix_rank(torch.cat([silent, changes]))) == len(silent)


def test_plaquettes_alone_miss_the_holes_of_a_torus():
    a, b = gauge.torus(3, 3), gauge.torus(3, 3, holes=(2.0, 0.0))
    torch.testing.assert_close(gauge.loops(a, wilson=False), gauge.loops(b, wilson=False))
    assert (gauge.loops(a) - gauge.loops(b)).abs().max() > 1
    assert abs(gauge.ground_energy(a, 1) - gauge.ground_energy(b, 1)) > 0.1
    assert int(torch.linalg.matrix_rank(a.plaquettes)) == 8


def test_torus_holds_whole_quanta_evenly():
    for columns, rows, quanta in ((3, 4, 5), (1, 4, 1), (5, 1, 2), (2, 2, 3)):
        lattice = gauge.torus(columns, rows, quanta=quanta, holes=(0.4, -1.1))
        flux = 2 * math.pi * quanta / (columns * rows)
        expected = torch.tensor([flux] * (columns * rows) + [0.4, -1.1])
        torch.testing.assert_close(gauge.loops(lattice), torch.exp(1j * expected))


# currents


def test_current_is_the_derivative_of_the_energy():
    step = 1e-5
    for sites, electrons, flux in ((6, 3, 1.0), (5, 2, -0.4), (7, 7, 0.3)):
        plus, minus = (
            gauge.ground_energy(gauge.ring(sites, flux + s), electrons, hopping=2.0) for s in (step, -step)
        )
        currents = gauge.link_currents(gauge.ring(sites, flux), electrons, hopping=2.0)
        torch.testing.assert_close(
            currents, (-(plus - minus) / (2 * step)).expand(sites), atol=1e-8, rtol=1e-6
        )


def test_current_is_odd_in_the_flux_and_gone_without():
    up, down = (gauge.link_currents(gauge.ring(7, f), 3) for f in (0.8, -0.8))
    torch.testing.assert_close(up, -down)
    assert up.abs().min() > 0.01
    assert gauge.link_currents(gauge.ring(7), 3).abs().max() < 1e-12


@lattices()
def test_currents_obey_kirchhoff_and_do_not_depend_on_the_gauge(make):
    lattice = make()
    currents = gauge.link_currents(lattice, 1)
    torch.testing.assert_close(gauge.link_currents(other_gauge(lattice), 1), currents, atol=1e-9, rtol=1e-6)
    assert currents.abs().max() > 1e-3
    assert gauge.divergence(lattice, currents).abs().max() < 1e-12


def test_divergence_tells_source_from_sink():
    lattice = gauge.ring(4)
    flow = torch.tensor([1.0, 0, 0, 0])  # from site 0 to site 1
    torch.testing.assert_close(gauge.divergence(lattice, flow), torch.tensor([-1.0, 1, 0, 0]))


# the layer and its receptive field


@pytest.mark.parametrize("sites", [3, 4, 7])
def test_powers_of_h_are_blind_to_flux_below_the_length_of_the_ring(sites):
    with_flux, without = gauge.hamiltonian(gauge.ring(sites, 0.9)), gauge.hamiltonian(gauge.ring(sites))
    for k in range(1, sites + 1):
        difference = torch.linalg.matrix_power(with_flux, k) - torch.linalg.matrix_power(without, k)
        seen = difference.diagonal().abs().max().item()
        if k < sites:
            assert seen < 1e-12
        else:
            assert seen == pytest.approx(2 * (1 - math.cos(0.9)))


@lattices()
def test_charged_features_turn_like_links(make):
    lattice = random_field(make())
    angles = gauge.random_angles(lattice, np.random.default_rng(3))
    U = torch.diag(torch.polar(torch.ones_like(angles), angles))
    outputs = []
    torch.manual_seed(2)
    layers = [gauge.GaugeLayer(3) for _ in range(4)]
    for field in (lattice, gauge.transform(lattice, angles)):
        h = torch.eye(lattice.sites, dtype=torch.complex128).expand(3, -1, -1)
        for layer in layers:
            h, closed = layer(h, gauge.link_matrix(field) / 2)
        outputs.append((h, closed))
    (h, closed), (turned, same) = outputs
    torch.testing.assert_close(turned, U @ h @ U.mH)
    torch.testing.assert_close(same, closed)
    assert closed.abs().max() > 1e-3 or lattice.sites == 2


def test_first_layers_give_the_paths_of_the_link_matrix():
    # With mixing and gates switched off, two layers are the square of the link matrix.
    layer = gauge.GaugeLayer(1)
    layer.load_state_dict(
        {"mix": torch.ones(1, 1), "gate.weight": torch.zeros(1, 2), "gate.bias": torch.zeros(1)}
    )
    e = gauge.link_matrix(gauge.ring(5, 0.7))
    h, closed = layer(torch.eye(5, dtype=e.dtype)[None], e)
    torch.testing.assert_close(h[0], e)
    assert closed.abs().max() == 0
    h, closed = layer(h, e)
    torch.testing.assert_close(closed[:, 0], (e @ e).diagonal().real)
    torch.testing.assert_close(h[0] + 2 * torch.eye(5), e @ e)


@pytest.mark.parametrize("sites", [4, 5])
def test_network_sees_the_flux_at_depth_equal_to_the_ring_and_not_before(sites):
    rings = gauge.ring(sites, torch.tensor([0.0, 0.9, 2.5]))
    for depth in range(1, sites + 2):
        output = gauge.GaugeNetwork(depth)(rings)
        spread = (output - output[0]).abs().max().item()
        assert (spread > 1e-6) == (depth >= sites), (depth, spread)


def test_network_learns_the_energy_of_a_ring():
    rng = np.random.default_rng(0)
    rings = other_gauge(gauge.ring(4, torch.as_tensor(rng.uniform(-np.pi, np.pi, 80))))
    energy = gauge.ground_energy(rings, 1)
    network = gauge.GaugeNetwork(4)
    adam = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(100):
        loss = ((network(rings) - (energy - energy.mean()) / energy.std()) ** 2).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert loss.item() < 0.1


def test_gradient_of_an_untrained_network_obeys_kirchhoff():
    lattice = random_field(gauge.torus(3, 3))
    phases = lattice.phases.clone().requires_grad_()
    flow = torch.autograd.grad(gauge.GaugeNetwork(4)(replace(lattice, phases=phases)), phases)[0]
    assert flow.abs().max() > 1e-6
    assert gauge.divergence(lattice, flow).abs().max() < 1e-12 * max(1, flow.abs().max())


# the report


def report(f, lattice):
    return symmetry.equivariance_report(f, lattice, "0e", per="system", laws=[gauge.gauge_law()])


def test_report_passes_the_network_and_the_spectrum():
    lattice = random_field(gauge.torus(3, 3))
    network = gauge.GaugeNetwork(4)
    for f in (network, lambda x: gauge.ground_energy(x, 2)):
        result = report(f, lattice)
        assert result.passed and not result.vacuous, result


def test_report_calls_a_network_that_is_too_shallow_vacuous():
    # Three layers on a ring of five: gauge invariant, and blind to the flux.
    result = report(gauge.GaugeNetwork(3), random_field(gauge.ring(5)))
    assert result.passed and result.vacuous == ("0e",)


def test_report_finds_planted_gauge_faults():
    lattice = random_field(gauge.ring(5))
    weights = torch.randn(5)
    raw = report(lambda x: torch.cos(x.phases) @ weights, lattice)
    # A layer that reads an open path, h_12, breaks the law too.
    opened = report(lambda x: gauge.link_matrix(x)[1, 2].real, lattice)
    for result in (raw, opened):
        assert not result.passed
        assert result.first_failure[0] == "gauge"
        assert max(result.errors.values()) > 1e-2


# bad input


def test_bad_input_is_named_with_its_cure():
    ring = gauge.ring(4)
    cases = [
        ("sites", lambda: gauge.ring(0)),
        ("rows", lambda: gauge.torus(3, 0)),
        ("columns", lambda: gauge.square(2.5, 3)),
        ("quanta", lambda: gauge.torus(3, 3, quanta=0.5)),
        ("electrons", lambda: gauge.ground_energy(ring, 5)),
        ("electrons", lambda: gauge.link_currents(ring, 0)),
        ("angles", lambda: gauge.transform(ring, torch.zeros(3))),
        ("flow", lambda: gauge.divergence(ring, torch.zeros(3))),
        ("phases", lambda: replace(ring, phases=torch.zeros(3))),
        ("phases", lambda: replace(ring, phases=torch.zeros(4, dtype=torch.complex128))),
        ("depth", lambda: gauge.GaugeNetwork(0)),
    ]
    for name, call in cases:
        with pytest.raises(ValueError, match=f"^{name} must"):
            call()
