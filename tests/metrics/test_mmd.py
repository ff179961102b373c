import jax
import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.metrics import mmd
from jaxgan.metrics.mmd import cmmd, polynomial, rbf, squared_mmd
from tests.builders import unchecked


def features(seed, n, d):
    """Correlated features with a mean of their own."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)


def by_definition(x, y, kernel, biased):
    xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
    if not biased:
        others = [k[~np.eye(len(k), dtype=bool)] for k in (xx, yy)]
        return others[0].mean() + others[1].mean() - 2 * xy.mean()
    return xx.mean() + yy.mean() - 2 * xy.mean()


def test_kernels_are_their_formulas():
    x, y = features(0, 4, 3), features(1, 5, 3)
    inner = np.array([[a @ b for b in y] for a in x])
    square = np.array([[np.square(a - b).sum() for b in y] for a in x])
    np.testing.assert_allclose(polynomial()(x, y), (inner / 3 + 1) ** 3, rtol=1e-12)
    np.testing.assert_allclose(
        polynomial(2, gamma=0.5, coef0=-1.0)(x, y), (inner / 2 - 1) ** 2, rtol=1e-12
    )
    np.testing.assert_allclose(rbf(2.0)(x, y), np.exp(-square / 8), rtol=1e-12)
    mean = (np.exp(-square / 8) + np.exp(-square / 2)) / 2
    np.testing.assert_allclose(rbf((2.0, 1.0))(x, y), mean, rtol=1e-12)
    assert (np.diagonal(rbf(1e-3)(x + 100, x + 100)) <= 1).all()


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("kernel", [polynomial(), rbf((1.0, 4.0))])
@pytest.mark.parametrize("block", [3, 7, 1024])
def test_blocks_make_the_mean_over_all_pairs(monkeypatch, kernel, biased, block):
    monkeypatch.setattr(mmd, "BLOCK", block)
    x, y = features(2, 14, 5), features(3, 10, 5)
    expected = by_definition(x, y, kernel, biased)
    assert squared_mmd(x, y, kernel, biased).value == pytest.approx(expected, rel=1e-11)
    assert squared_mmd(y, x, kernel, biased).value == pytest.approx(expected, rel=1e-11)


def test_the_error_is_that_of_the_projections(monkeypatch):
    monkeypatch.setattr(mmd, "BLOCK", 4)
    x, y, kernel = features(4, 9, 3), features(5, 6, 3), rbf(3.0)
    xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
    h_x = [np.delete(xx[i], i).mean() - xy[i].mean() for i in range(9)]
    h_y = [np.delete(yy[j], j).mean() - xy[:, j].mean() for j in range(6)]
    expected = np.sqrt(4 * np.var(h_x, ddof=1) / 9 + 4 * np.var(h_y, ddof=1) / 6)
    assert squared_mmd(x, y, kernel).error == pytest.approx(expected, rel=1e-12)


# torch-fidelity 0.4.0, kernel_mmd of one subset with all 300 examples
@pytest.mark.parametrize(
    ("kernel", "expected"),
    [(polynomial(), 0.7973451425561127), (rbf(5.0), 0.04094659433606118)],
)
def test_the_value_is_that_of_torch_fidelity(kernel, expected):
    x, y = features(1, 300, 16) / 4, features(2, 300, 16) / 4
    assert squared_mmd(x, y, kernel).value == pytest.approx(expected, rel=1e-10)


def test_a_linear_kernel_compares_means():
    x, y = features(6, 40, 3), features(7, 30, 3)
    linear = polynomial(1, gamma=1.0, coef0=0.0)
    gap = np.square(x.mean(axis=0) - y.mean(axis=0)).sum()
    assert squared_mmd(x, y, linear, biased=True).value == pytest.approx(gap)
    noise = np.trace(np.cov(x.T)) / 40 + np.trace(np.cov(y.T)) / 30
    assert squared_mmd(x, y, linear).value == pytest.approx(gap - noise)


def test_gaussians_are_apart_by_the_closed_form():
    # E k(x, y) of N(0, I), N(μ, I) in d: (1 + 2/σ²)^(-d/2) exp(-‖μ‖² / (2σ² + 4)).
    rng = np.random.default_rng(8)
    d, sigma, shift = 3, 1.5, 1.0
    x, y = rng.normal(size=(1500, d)), rng.normal(size=(1500, d)) + shift
    peak = (1 + 2 / sigma**2) ** (-d / 2)
    expected = 2 * peak * (1 - np.exp(-d * shift**2 / (2 * sigma**2 + 4)))
    value, error = squared_mmd(x, y, rbf(sigma))
    assert error < expected / 20
    assert value == pytest.approx(expected, abs=3 * error)


@pytest.mark.parametrize(("shift", "ratio"), [(0.0, np.sqrt(2)), (1.0, 1.0)])
def test_the_error_is_the_spread_or_at_equality_more(shift, ratio):
    rng, kernel = np.random.default_rng(9), rbf(2.0)

    def draw():
        x, y = rng.normal(size=(60, 4)), rng.normal(size=(90, 4))
        return squared_mmd(x, y + shift, kernel)

    values, errors = np.array([draw() for _ in range(300)]).T
    found = np.sqrt(np.square(errors).mean()) / values.std()
    assert found == pytest.approx(ratio, rel=0.15)


def test_the_unbiased_square_is_0_on_average_and_the_biased_one_never_negative():
    rng, kernel = np.random.default_rng(10), rbf(2.0)
    pairs = rng.normal(size=(200, 2, 30, 4))
    values = np.array([squared_mmd(x, y, kernel).value for x, y in pairs])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(200)
    assert (values < 0).sum() > 50
    for x, y in pairs[:20]:
        assert squared_mmd(x, y, kernel, biased=True).value > 0
        assert abs(squared_mmd(x, x, kernel, biased=True).value) < 1e-15


def test_a_kernel_of_distances_does_not_see_where_the_origin_is():
    x, y = features(0, 50, 3), features(1, 60, 3)
    near, far = squared_mmd(x, y, rbf(1.0)), squared_mmd(x + 1e7, y + 1e7, rbf(1.0))
    # 1e7 + x keeps nine digits of x.
    assert far.value == pytest.approx(near.value, abs=1e-8)
    assert near.value > 0.01


# The formula of google-research's cmmd/distance.py (2025), run in float64 on rows
# divided by their norms.
def test_cmmd_is_the_published_one():
    x, y = features(1, 80, 24), features(2, 50, 24)
    assert cmmd(x, y).value == pytest.approx(1.1055271685089796, rel=1e-10)


def test_cmmd_sees_directions_and_little_but_their_means():
    x, y = features(11, 400, 16) + 3, features(12, 300, 16)
    value, error = cmmd(x, y)
    scaled = cmmd(x * np.linspace(0.1, 9, 400)[:, None], 7 * y)
    np.testing.assert_allclose(scaled, (value, error), rtol=1e-9)
    means = [(z / np.linalg.norm(z, axis=1)[:, None]).mean(axis=0) for z in (x, y)]
    assert value == pytest.approx(10 * np.square(means[0] - means[1]).sum(), rel=0.02)
    assert 0 < error < value / 5


def test_float64_is_used_and_jax_is_left_alone():
    x, y = features(13, 50, 4), features(14, 50, 4)
    narrow = squared_mmd(x.astype("f4"), y.astype("f4"), polynomial()).value
    wide = [z.astype("f4").astype("f8") for z in (x, y)]
    assert narrow == squared_mmd(*wide, polynomial()).value
    assert not jax.config.jax_enable_x64


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: polynomial(0), "polynomial: degree must be an integer of at least 1"),
        (lambda: polynomial(gamma=0.0), "polynomial: gamma must be above 0"),
        (lambda: polynomial(coef0=np.inf), "polynomial: coef0 must be a finite number"),
        (lambda: rbf(0.0), "rbf: sigma must be above 0"),
        (lambda: rbf((1.0, -1.0)), "rbf: sigma must be above 0"),
        (lambda: rbf(()), "rbf: sigma must be a number or a tuple of at least one"),
    ],
)
def test_kernels_that_are_none_are_refused(make, message):
    with unchecked(), pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (np.ones((1, 3)), np.eye(3), "real has 1 examples"),
        (np.eye(3), np.ones((1, 3)), "fake has 1 examples"),
        (np.eye(3), np.eye(4), "same number of dimensions, got 3 and 4"),
        (np.ones((5, 3)), np.eye(3), "all 5 rows of features are the same"),
        (np.eye(3), np.eye(3) * np.nan, "fake holds numbers that are not finite"),
    ],
)
def test_sets_that_do_not_fit_are_refused(real, fake, message):
    with unchecked(), pytest.raises(InputError, match=message):
        squared_mmd(real, fake, polynomial())


def test_embeddings_without_a_direction_are_refused():
    fake = np.eye(3)
    fake[1] = 0
    with pytest.raises(InputError, match=r"fake must hold embeddings .* 0 in row 1"):
        cmmd(np.eye(3), fake)
