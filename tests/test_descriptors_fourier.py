"""Radial functions, projections, functions on a ball."""

from functools import partial

import numpy as np
import pytest
import torch
from e3nn import o3
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import spherical_jn

from tutorial_utils import descriptors, symmetry
from tutorial_utils.descriptors import FourierTensor, SphericalBessel, fourier, radial


@pytest.fixture
def cloud():
    """Seven neighbours between 1 and 3 Å, in a ball of 4 Å."""
    rng = np.random.default_rng(0)
    v = rng.normal(size=(7, 3))
    return torch.tensor(v / np.linalg.norm(v, axis=1, keepdims=True) * rng.uniform(1, 3, size=(7, 1)))


def smooth_function(points):
    """Something without symmetry that a basis of moderate size can hold."""
    x, y, z = points.unbind(-1)
    return torch.exp(-(points**2).sum(-1) / 2) * (1 + 0.5 * x - 0.3 * y * z + 0.2 * x * z)


# ---- radial functions


def test_bessel_functions_are_those_of_scipy():
    x = torch.cat([torch.linspace(0, 50, 5001), torch.logspace(-12, 0, 50)])
    degrees = tuple(range(11))
    found = radial.spherical_bessel(degrees, x.expand(11, -1))
    wanted = torch.stack([torch.tensor(spherical_jn(l, x.numpy())) for l in degrees])
    assert torch.allclose(found, wanted, atol=1e-14, rtol=1e-12)


def test_bessel_functions_have_derivatives_of_every_kind():
    x = torch.tensor([[0.0, 0.5, 7.0], [0.0, 1.9, 2.1], [1e-3, 2.9, 12.0]], requires_grad=True)
    j = partial(radial.spherical_bessel, (0, 1, 4))
    assert torch.autograd.gradcheck(j, x + 1e-4) and torch.autograd.gradgradcheck(j, x + 1e-4)
    (backwards,) = torch.autograd.grad(j(x).sum(), x)
    assert torch.allclose(torch.func.jvp(j, (x.detach(),), (torch.ones_like(x),))[1], backwards)
    assert torch.allclose(backwards[:, 0], torch.tensor([0.0, 1 / 3, 0.0]), atol=1e-8)  # x/3 for l = 1


def test_orthonormal_in_the_ball_by_another_rule_of_integration():
    for size, cutoff in ((1, 1.0), (3, 4.0), (8, 6.5)):
        b = SphericalBessel(size, cutoff)
        assert torch.allclose(descriptors.overlap(b, b, 6), torch.eye(size), atol=1e-10, rtol=0)
        r = torch.linspace(0, cutoff, 20001)
        R = b(r, 6)
        S = torch.trapezoid(R[..., :, None] * R[..., None, :] * r[:, None, None, None] ** 2, r, dim=0)
        assert torch.allclose(S, torch.eye(size), atol=1e-5, rtol=0)


def test_each_function_is_a_standing_wave_of_the_ball():
    """u = r R obeys -u'' + l(l+1)/r² u = k² u, by finite differences."""
    b, h = SphericalBessel(3, 4.0), 1e-3
    r = torch.linspace(0.5, 3.5, 7)
    u, near = r[:, None, None] * b(r, 4), [(r + s)[:, None, None] * b(r + s, 4) for s in (-h, h)]
    l = torch.arange(5)[:, None]
    waves = -(near[0] + near[1] - 2 * u) / h**2 + l * (l + 1) / r[:, None, None] ** 2 * u
    k = (waves * u).sum(dim=0) / u.square().sum(dim=0)
    assert torch.allclose(waves, k * u, atol=1e-4)


def test_nothing_jumps_at_the_centre_or_at_the_cutoff():
    """A neighbour that passes the centre by a hair changes its direction, not the coefficients."""
    b = SphericalBessel(5, 4.0)
    for vector in torch.randn(4, 3):
        at = [descriptors.project(s * vector[None], b, 6) for s in (-1e-9, 0.0, 1e-9)]
        assert torch.allclose(at[0], at[1], atol=1e-7) and torch.allclose(at[1], at[2], atol=1e-7)
    assert b(torch.tensor([4 - 1e-9]), 6).abs().max() < 1e-7
    assert (b(torch.tensor([4.0001, 50.0]), 6) == 0).all()


def test_derivatives_at_the_centre():
    r = torch.zeros(1, requires_grad=True)
    b = SphericalBessel(6, 4.0)
    (slope,) = torch.autograd.grad(b(r, 3).sum(), r, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), r)
    assert b(r, 3).isfinite().all() and slope.isfinite().all() and curvature.isfinite().all()


def test_fewer_functions_are_the_first_of_more():
    four, nine = SphericalBessel(4, 5.0), SphericalBessel(9, 5.0)
    r = torch.linspace(0, 5, 50)
    assert torch.allclose(nine(r, 5)[..., :4], four(r, 5))
    assert torch.allclose(nine(r, 5)[:, :3], nine(r, 2))


def test_smooth_cutoff_ends_without_step_and_kink():
    r = torch.tensor([0.0, 2.0, 4.0 - 1e-6, 4.0, 9.0], requires_grad=True)
    f = descriptors.smooth_cutoff(r, 4.0)
    (slope,) = torch.autograd.grad(f.sum(), r)
    assert torch.allclose(f, torch.tensor([1.0, 0.5, 0, 0, 0]), atol=1e-11)
    assert slope[2:].abs().max() < 1e-5


@pytest.mark.parametrize(
    ("size", "cutoff", "word"), [(0, 4.0, "size"), (3, 0.0, "cutoff"), (3, np.nan, "cutoff")]
)
def test_senseless_radial_functions_are_refused(size, cutoff, word):
    with pytest.raises(ValueError, match=word):
        SphericalBessel(size, cutoff)


# ---- projection


def test_harmonics_are_orthonormal_on_the_sphere():
    polar, w = np.polynomial.legendre.leggauss(20)
    around = torch.arange(40) * 2 * torch.pi / 40
    y, a = torch.meshgrid(torch.tensor(polar), around, indexing="ij")
    s = (1 - y**2).sqrt()
    Y = descriptors.harmonics(torch.stack([s * a.sin(), y, s * a.cos()], -1), 4)
    weight = torch.tensor(w)[:, None, None, None] * 2 * torch.pi / 40
    overlap = (Y[..., :, None] * Y[..., None, :] * weight).sum((0, 1))
    assert torch.allclose(overlap, torch.eye(25), atol=1e-10)


def test_the_definition_term_by_term(cloud):
    b, w = SphericalBessel(3, 4.0), torch.arange(1.0, 8)
    c = descriptors.project(cloud, b, 3, weights=w)
    for n in range(3):
        for k in range(16):
            l = int(k**0.5)
            Y = o3.spherical_harmonics(l, cloud, normalize=True, normalization="integral")[:, k - l**2]
            assert torch.allclose(c[n, k], (w * b(cloud.norm(dim=1), 3)[:, l, n] * Y).sum())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), improper=st.booleans())
def test_coefficients_turn_with_the_vectors_and_ignore_their_order(seed, improper):
    rng = np.random.default_rng(seed)
    R = torch.tensor(symmetry.random_rotation(rng)) * (-1 if improper else 1)
    v, b = torch.tensor(rng.normal(size=(2, 6, 3))), SphericalBessel(3, 4.0)
    D = o3.Irreps.spherical_harmonics(4).D_from_matrix(R)
    order = torch.tensor(rng.permutation(6))
    c = descriptors.project(v, b, 4)
    assert torch.allclose(descriptors.project(v[:, order] @ R.T, b, 4), c @ D.T, atol=1e-10)


def test_weights_of_both_shapes(cloud):
    b, w = SphericalBessel(3, 4.0), torch.rand(7, 2)
    both = descriptors.project(cloud, b, 2, weights=w)
    assert both.shape == (2, 3, 9)
    for k in range(2):
        assert torch.allclose(both[k], descriptors.project(cloud, b, 2, weights=w[:, k]))
    batch = descriptors.project(torch.stack([cloud, cloud]), b, 2, weights=torch.stack([w, w]))
    assert torch.allclose(batch[1], both)


def test_padding_and_far_neighbours_add_nothing(cloud):
    b = SphericalBessel(3, 4.0)
    far = torch.cat([cloud, torch.tensor([[9.0, 0, 0]])])
    assert torch.allclose(descriptors.project(far, b, 2), descriptors.project(cloud, b, 2))
    padded = torch.cat([cloud, torch.zeros(2, 3)])
    w = torch.tensor([1.0] * 7 + [0, 0])
    assert torch.allclose(descriptors.project(padded, b, 2, weights=w), descriptors.project(cloud, b, 2))


def test_gradients_against_finite_differences(cloud):
    b = SphericalBessel(3, 4.0)
    assert torch.autograd.gradcheck(lambda v: descriptors.project(v, b, 4), cloud.requires_grad_())


SPECIAL = {
    "collinear": [[0.0, 0, 1], [0, 0, 2], [0, 0, -1]],
    "on the polar axis": [[0.0, 1, 0], [0, -1, 0]],
    "at the cutoff, twice": [[4.0, 0, 0], [4.0, 0, 0]],
    "at the centre": [[0.0, 0, 0], [1, 0, 0]],
    "none": np.zeros((0, 3)),
}


def test_no_nan_at_special_geometries():
    for name, vectors in SPECIAL.items():
        v = torch.tensor(np.array(vectors), requires_grad=True)
        c = descriptors.project(v, SphericalBessel(3, 4.0), 4)
        (slope,) = torch.autograd.grad(c.square().sum(), v, create_graph=True)
        (second,) = torch.autograd.grad(slope.square().sum(), v)
        assert all(x.isfinite().all() for x in (c, slope, second)), name
        assert name != "none" or (c == 0).all()


@pytest.mark.parametrize(
    ("vectors", "lmax", "weights", "word"),
    [
        (torch.ones(3), 2, None, "vectors"),
        (torch.ones(4, 2), 2, None, "vectors"),
        (torch.ones(4, 3), -1, None, "lmax"),
        (torch.ones(4, 3), 2, torch.ones(3), "weights"),
        (torch.ones(4, 3), 2, torch.ones(2, 4), "weights"),
    ],
)
def test_senseless_projections_are_refused(vectors, lmax, weights, word):
    with pytest.raises(ValueError, match=word):
        descriptors.project(vectors, SphericalBessel(2, 4.0), lmax, weights=weights)


# ---- functions on the ball


def integral_over_the_ball(f, cutoff, n=24):
    """∫ f d³r by a product rule, independent of the basis."""
    r, w = radial.quadrature(cutoff, nodes=n)
    y, v = (torch.tensor(a) for a in np.polynomial.legendre.leggauss(n))
    a = torch.arange(2 * n) * torch.pi / n
    R, Y, A = torch.meshgrid(r, y, a, indexing="ij")
    s = (1 - Y**2).sqrt()
    points = R[..., None] * torch.stack([s * A.sin(), Y, s * A.cos()], -1)
    return (f(points) * w[:, None, None] * v[None, :, None] * torch.pi / n).sum()


def test_inner_product_is_the_integral(cloud):
    first = FourierTensor.from_geometry(cloud, SphericalBessel(3, 4.0), 3)
    second = FourierTensor.from_geometry(-0.7 * cloud[:4], SphericalBessel(3, 4.0), 2)
    direct = integral_over_the_ball(lambda p: first.evaluate(p) * second.evaluate(p), 4.0)
    assert torch.allclose(first.inner(second), direct, atol=1e-10)
    assert torch.allclose(first.inner(second), second.inner(first))


def test_projection_reproduces_a_delta_under_the_integral(cloud):
    """∫ g Σδ = Σ g(r_j) for every g in the span: the property that defines the coefficients."""
    delta = FourierTensor.from_geometry(cloud, SphericalBessel(4, 4.0), 3)
    g = FourierTensor(torch.rand(4, 16), SphericalBessel(4, 4.0), 3)
    assert torch.allclose(delta.inner(g), g.evaluate(cloud).sum())


def test_samples_give_the_function_back():
    rng = np.random.default_rng(1)
    f = FourierTensor(torch.tensor(rng.normal(size=(2, 3, 9))), SphericalBessel(3, 4.0), 2)
    points = torch.tensor(rng.uniform(-4, 4, size=(300, 3)))
    found = FourierTensor.from_samples(points, f.evaluate(points), SphericalBessel(3, 4.0), 2)
    assert torch.allclose(found.coefficients, f.coefficients, atol=1e-8)


def test_more_functions_come_closer_to_a_smooth_function():
    points = torch.tensor(np.random.default_rng(2).uniform(-3, 3, size=(4000, 3)))
    errors = []
    for size, lmax in ((2, 1), (4, 2), (8, 4)):
        f = FourierTensor.from_samples(points, smooth_function(points), SphericalBessel(size, 3.0), lmax)
        near = points[points.norm(dim=1) < 2.5]
        errors.append((f.evaluate(near) - smooth_function(near)).square().mean().sqrt())
    assert errors[0] > 3 * errors[1] > 4 * errors[2]


def test_turning_the_coefficients_turns_the_function(cloud):
    f = FourierTensor.from_geometry(cloud, SphericalBessel(3, 4.0), 4)
    rng = np.random.default_rng(3)
    points = torch.tensor(rng.normal(size=(20, 3)))
    for R in (symmetry.random_rotation(rng), -np.eye(3), np.diag([1.0, 1, -1])):
        R = torch.tensor(R)
        turned = f.rotate(R)
        assert torch.allclose(turned.evaluate(points @ R.T), f.evaluate(points), atol=1e-10)
        again = FourierTensor.from_geometry(cloud @ R.T, SphericalBessel(3, 4.0), 4)
        assert torch.allclose(turned.coefficients, again.coefficients, atol=1e-10)
        assert torch.allclose(turned.inner(turned), f.inner(f))


def test_sums_and_changes_of_lmax(cloud):
    b = SphericalBessel(3, 4.0)
    low, high = FourierTensor.from_geometry(cloud[:3], b, 2), FourierTensor.from_geometry(cloud[3:], b, 4)
    whole = FourierTensor.from_geometry(cloud, b, 4)
    total = low + high
    assert total.lmax == 4
    assert torch.allclose(total.with_lmax(2).coefficients, whole.with_lmax(2).coefficients)
    assert torch.allclose(total.coefficients[..., 9:], high.coefficients[..., 9:])


def test_a_change_of_the_radial_basis_is_the_best_approximation(cloud):
    f = FourierTensor.from_geometry(cloud, SphericalBessel(6, 4.0), 2)
    moved = f.with_radial(SphericalBessel(4, 4.5))

    def distance(other):
        return integral_over_the_ball(lambda p: (f.evaluate(p) - other.evaluate(p)) ** 2, 4.5)

    for _ in range(3):
        other = FourierTensor(moved.coefficients + 0.01 * torch.randn(4, 9), moved.radial, 2)
        assert distance(other) > distance(moved)
    assert torch.allclose(f.with_radial(SphericalBessel(6, 4.0)).coefficients, f.coefficients, atol=1e-10)


def test_grid_and_channels(cloud):
    f = FourierTensor.from_geometry(cloud, SphericalBessel(3, 4.0), 2, weights=torch.rand(7, 2))
    points, values = f.grid(5)
    assert points.shape == (5, 5, 5, 3) and values.shape == (2, 5, 5, 5)
    assert torch.allclose(values[1, 2, 3, 1], f.evaluate(points[2, 3, 1])[1])
    assert (values[:, 0, 0, 0] == 0).all()  # a corner of the cube is outside the ball
    assert f.inner(f).shape == (2,)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda: FourierTensor(torch.ones(3, 8), SphericalBessel(3, 4.0), 2), "coefficients"),
        (lambda: FourierTensor(torch.ones(3, 9), SphericalBessel(3, 4.0), 2).rotate(2 * torch.eye(3)), "R"),
        (
            lambda: (
                FourierTensor(torch.ones(3, 9), SphericalBessel(3, 4.0), 2)
                + FourierTensor(torch.ones(3, 9), SphericalBessel(3, 5.0), 2)
            ),
            "with_radial",
        ),
        (
            lambda: FourierTensor.from_samples(torch.rand(5, 3), torch.rand(5), SphericalBessel(3, 4.0), 2),
            "only 5",
        ),
        (
            lambda: FourierTensor.from_samples(torch.rand(5, 3), torch.rand(4), SphericalBessel(1, 4.0), 0),
            "points, values",
        ),
    ],
)
def test_what_does_not_fit_is_refused(wrong, word):
    with pytest.raises(ValueError, match=word):
        wrong()


def test_single_precision_stays_single():
    v = torch.randn(5, 3, dtype=torch.float32)
    c = descriptors.project(v, SphericalBessel(3, 4.0), 3)
    turned = fourier.FourierTensor(c, SphericalBessel(3, 4.0), 3).rotate(torch.eye(3))
    assert c.dtype == turned.coefficients.dtype == torch.float32
