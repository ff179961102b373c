import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from jaxgan import InputError, Score
from jaxgan.losses import sinkhorn
from tests.builders import play, random, round_of, tiered

REAL, FAKE = random(0, 6), random(1, 6) + 2
R, F = np.asarray(REAL, "f8"), np.asarray(FAKE, "f8")


def value(loss, real=REAL, fake=FAKE, **fields):
    paid = play(loss, round_of(real, fake, **fields))
    if not isinstance(paid["generator"]["sinkhorn"], jax.core.Tracer):
        assert paid["discriminator"]["sinkhorn"] == -paid["generator"]["sinkhorn"]
    return paid["generator"]["sinkhorn"]


def test_for_small_epsilon_it_is_the_squared_wasserstein_distance():
    # On a line the best plan pairs the sorted points.
    exact = np.square(np.sort(R) - np.sort(F)).mean()
    found = float(value(sinkhorn(epsilon=0.01, iterations=2000)))
    assert found == pytest.approx(exact, rel=0.01)


def test_for_large_epsilon_it_is_the_squared_distance_of_the_means():
    exact = (R.mean() - F.mean()) ** 2
    assert float(value(sinkhorn(epsilon=1e4))) == pytest.approx(exact, rel=1e-3)


def test_equal_batches_are_at_distance_zero():
    paid, slope = jax.value_and_grad(lambda t: value(sinkhorn(), t, REAL))(REAL)
    assert float(paid) == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(slope, 0, atol=1e-5)


def test_in_the_plane_it_is_the_best_assignment():
    real, fake = random(2, 8, 2), random(3, 8, 2) + 1
    cost = np.square(np.asarray(real)[:, None] - np.asarray(fake)[None]).sum(axis=-1)
    best = cost[linear_sum_assignment(cost)].mean()
    scores = {
        "real_score": Score(jnp.zeros(8), features=real),
        "fake_score": Score(jnp.zeros(8), features=fake),
    }
    loss = sinkhorn(0.01, iterations=2000, embed=lambda score: score.features)
    assert float(value(loss, **scores)) == pytest.approx(best, rel=0.02)


def test_it_is_what_the_dual_problem_gives():
    # The value by brute force: ascent on the dual problem of Feydy et al. 2019, in
    # float64 and without Sinkhorn's iterations.
    from scipy.optimize import minimize

    epsilon = 0.5

    def transport(x, y):
        cost = np.square(x[:, None] - y[None, :])

        def dual(potentials):
            f, g = np.split(potentials, [len(x)])
            mass = np.exp((f[:, None] + g[None, :] - cost) / epsilon)
            slope = (1 - mass.mean(axis=1)) / len(x), (1 - mass.mean(axis=0)) / len(y)
            objective = f.mean() + g.mean() - epsilon * (mass.mean() - 1)
            return -objective, -np.concatenate(slope)

        start = np.zeros(len(x) + len(y))
        return -minimize(dual, start, jac=True, method="BFGS", tol=1e-10).fun

    exact = transport(R, F) - transport(R, R) / 2 - transport(F, F) / 2
    assert float(value(sinkhorn(epsilon))) == pytest.approx(exact, rel=1e-4)


def test_it_is_positive_and_pulls_the_fakes_towards_the_reals():
    paid, slope = jax.value_and_grad(lambda t: value(sinkhorn(), REAL, t))(FAKE)
    assert paid > 1
    assert (slope > 0).all()  # all fakes lie to the right, and should go left


@pytest.mark.slow
def test_a_weight_of_zero_removes_an_example_and_equal_weights_change_nothing():
    weight = jnp.array([2.0, 2, 0, 2, 2, 2])
    without = jnp.concatenate([REAL[:2], REAL[3:]])
    found, expected = value(sinkhorn(), weight=weight), value(sinkhorn(), without)
    assert float(found) == pytest.approx(float(expected), rel=1e-5)
    slope = jax.grad(lambda t: value(sinkhorn(), t, weight=weight))(REAL)
    assert jnp.isfinite(slope).all() and slope[2] == 0


def test_a_batch_of_no_weight_counts_as_one_of_equal_weights():
    none = value(sinkhorn(), weight=jnp.zeros(6))
    assert float(none) == pytest.approx(float(value(sinkhorn())), rel=1e-5)


def converged(real, fake, epsilon):
    """Compute S and its gradients by plain Sinkhorn iterations in float64.

    ε falls over 3,000 iterations, then stays for up to 20,000, until the plans have
    their marginals to 1e-4.
    """

    def update(cost, f, epsilon):
        return -epsilon * (
            jax.nn.logsumexp((f[:, None] - cost) / epsilon, axis=0) - jnp.log(len(f))
        )

    @jax.jit
    def transport(x, y):
        cost = jnp.square(x[:, None] - y[None]).sum(axis=-1)

        def both(f, epsilon):
            return update(cost.T, update(cost, f, epsilon), epsilon)

        def plan(f):
            g = update(cost, f, epsilon)
            mass = jnp.exp((f[:, None] + g[None] - cost) / epsilon) / cost.size
            return mass, f.mean() + g.mean()

        def wrong(f):
            return jnp.abs(plan(f)[0].sum(axis=1) * len(x) - 1).mean()

        falling = jnp.geomspace(jnp.maximum(cost.max(), epsilon), epsilon, 3000)
        f, _ = jax.lax.scan(lambda f, e: (both(f, e), None), jnp.zeros(len(x)), falling)
        f, error, _ = jax.lax.while_loop(
            lambda s: (s[1] > 1e-4) & (s[2] < 200),
            lambda s: (
                (f := jax.lax.fori_loop(0, 100, lambda _, f: both(f, epsilon), s[0])),
                wrong(f),
                s[2] + 1,
            ),
            (f, jnp.inf, 0),
        )
        mass, value = plan(f)
        slope_x = 2 * (x * mass.sum(axis=1)[:, None] - mass @ y)
        slope_y = 2 * (y * mass.sum(axis=0)[:, None] - mass.T @ x)
        return value, slope_x, slope_y, error

    with jax.enable_x64(True):
        x, y = (jnp.asarray(np.asarray(points, "f8")) for points in (real, fake))
        cross, reals, fakes = transport(x, y), transport(x, x), transport(y, y)
        assert max(cross[3], reals[3], fakes[3]) < 1e-4
        value = cross[0] - reals[0] / 2 - fakes[0] / 2
        slopes = cross[1] - reals[1], cross[2] - fakes[1]
        return float(value), [np.asarray(slope) for slope in slopes]


def clouds(kind, n, scale, width):
    """Two batches of `n` embedded examples."""
    real, fake = random(5, n, width), random(6, n, width)
    if kind == "apart":
        fake += 1
    if kind == "modes":
        fake = fake / 10 + 2 * jnp.sign(random(7, n, 1))
    return scale * real, scale * fake


CASES = [
    (kind, n, scale, width)
    for kind in ("apart", "alike", "modes")
    for n, scale in ((16, 1.0), (16, 5.0), (16, 30.0), (64, 10.0), (256, 30.0))
    for width in (1, 2, 16)
]


@pytest.mark.parametrize(
    "case",
    tiered(
        CASES, [("apart", 16, 30.0, 1), ("alike", 16, 5.0, 2), ("modes", 16, 1.0, 16)]
    ),
    ids=str,
)
def test_by_default_value_and_gradient_have_converged(case):
    real, fake = clouds(*case)
    exact, slopes = converged(real, fake, 1.0)

    def paid(real, fake):
        n = len(real)
        return value(
            sinkhorn(embed=lambda score: score.features),
            real_score=Score(jnp.zeros(n), features=real),
            fake_score=Score(jnp.zeros(n), features=fake),
        )

    found, gradients = jax.jit(jax.value_and_grad(paid, (0, 1)))(real, fake)
    assert float(found) == pytest.approx(exact, rel=0.01)
    for gradient, slope in zip(gradients, slopes, strict=True):
        assert np.linalg.norm(gradient - slope) < 0.05 * np.linalg.norm(slope)


def test_beyond_float32_a_stretched_embedding_scales_the_value():
    # ε = 1 would be 1e-8 and 1e-10 of the largest squared distance.
    real, fake = 1e4 * REAL, 1e4 * FAKE
    once, slope = jax.value_and_grad(lambda t: value(sinkhorn(), t, fake))(real)
    more, steep = jax.value_and_grad(lambda t: value(sinkhorn(), t, 10 * fake))(
        10 * real
    )
    np.testing.assert_allclose(more, 100 * once, rtol=1e-4)
    np.testing.assert_allclose(
        steep, 10 * slope, rtol=1e-3, atol=1e-3 * abs(slope).max()
    )


def test_wrong_arguments_are_refused():
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match="sinkhorn: epsilon must be"):
            sinkhorn(wrong)
    with pytest.raises(InputError, match="sinkhorn: iterations must be"):
        sinkhorn(iterations=0)
    with pytest.raises(InputError, match=r"sinkhorn compares .* at least 2"):
        value(sinkhorn(), REAL[:1])
