import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from jaxgan import InputError, Score
from jaxgan.losses import sinkhorn
from tests.builders import play, random, round_of

REAL, FAKE = random(0, 6), random(1, 6) + 2
R, F = np.asarray(REAL, "f8"), np.asarray(FAKE, "f8")


def value(loss, real=REAL, fake=FAKE, **fields):
    paid = play(loss, round_of(real, fake, **fields))
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


def test_wrong_arguments_are_refused():
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match="sinkhorn: epsilon must be"):
            sinkhorn(wrong)
    with pytest.raises(InputError, match="sinkhorn: iterations must be"):
        sinkhorn(iterations=0)
    with pytest.raises(InputError, match=r"sinkhorn compares .* at least 2"):
        value(sinkhorn(), REAL[:1])
