import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from jax.tree_util import Partial

from jaxgan import InputError, gradient_penalty, r1, r2, rename
from jaxgan.games.rounds import as_score
from jaxgan.penalties import (
    dragan,
    max_gradient_penalty,
    perturbed_reals,
    zero_centered_penalty,
)
from tests.builders import play, random, round_of, round_with

SHAPE = (4, 3, 3, 2)
REAL, FAKE = random(0, *SHAPE), random(1, *SHAPE)
W = random(2, *SHAPE[1:], scale=0.4)
SQUARE = float(jnp.square(W).sum())

PENALTIES = {
    "r1": r1,
    "r2": r2,
    "gradient_penalty": gradient_penalty,
    "zero_centered_penalty": zero_centered_penalty,
    "dragan": dragan,
    "max_gradient_penalty": max_gradient_penalty,
}
UNIT_SLOPE = {"gradient_penalty", "dragan"}
every_penalty = pytest.mark.parametrize("name", PENALTIES)


def at_reals(term, record, key):
    """Return the reals as points, with the weights of pairs."""
    return record.real, record.weight * record.fake_weight


def linear(w=W):
    """Create a critic D(x) = w·x, with gradient w everywhere."""
    return lambda x: jnp.tensordot(x, w, axes=w.ndim)


def bowl(x):
    """Evaluate the critic D(x) = |x|²/2, with gradient x."""
    return 0.5 * jnp.square(x).sum(axis=tuple(range(1, x.ndim)))


def penalty(loss, critic, real=REAL, fake=FAKE, key=None, **fields):
    """Return the discriminator's loss, after checking that no other player pays."""
    paid = play(loss, round_with(critic, real, fake, **fields), key)
    assert list(paid) == ["discriminator"]
    [amount] = paid["discriminator"].values()
    return amount


@pytest.mark.parametrize("gamma", [0.0, 0.1, 10.0])
@pytest.mark.parametrize("term", [r1, r2])
def test_zero_centered_penalties_of_a_linear_critic(term, gamma):
    assert float(penalty(term(gamma), linear())) == pytest.approx(
        gamma / 2 * SQUARE, rel=1e-5
    )


@pytest.mark.parametrize(("weight", "target"), [(10.0, 1.0), (1.0, 0.0), (3.0, 2.5)])
def test_gradient_penalty_of_a_linear_critic(weight, target):
    paid = penalty(gradient_penalty(weight, target=target), linear())
    assert float(paid) == pytest.approx(
        weight * (np.sqrt(SQUARE) - target) ** 2, rel=1e-5
    )


@pytest.mark.parametrize(("term", "images"), [(r1, REAL), (r2, FAKE)])
def test_squares_are_summed_over_pixels_and_averaged_over_the_batch(term, images):
    expected = np.square(np.asarray(images, "f8")).sum(axis=(1, 2, 3)).mean()
    assert float(penalty(term(2.0), bowl)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "images", "weigh"),
    [
        (lambda: r1(2.0), REAL, lambda real, fake: real),
        (lambda: r2(2.0), FAKE, lambda real, fake: fake),
        (
            lambda: zero_centered_penalty(points=at_reals),
            REAL,
            lambda real, fake: real * fake,
        ),
        (lambda: dragan(1.0, target=0.0, scale=0.0), REAL, lambda real, fake: real),
    ],
    ids=["r1", "r2", "pairs", "dragan"],
)
def test_examples_count_by_their_weights(make, images, weigh):
    weights = jnp.array([0.0, 2.0, 1.0, 3.0]), jnp.array([0.5, 1.0, 0.0, 2.0])
    squares = np.square(np.asarray(images, "f8")).sum(axis=(1, 2, 3))
    paid = penalty(make(), bowl, weight=weights[0], fake_weight=weights[1])
    scale = 10.0 if make().terms.keys() == {"zero_centered_penalty"} else 1.0
    expected = scale * (np.asarray(weigh(*weights)) * squares).mean()
    assert float(paid) == pytest.approx(expected, rel=1e-5)


@every_penalty
def test_patch_logits_are_averaged_before_they_are_differentiated(name):
    ws = random(3, *SHAPE[1:], 2, 3, scale=0.4)

    def patches(x):
        return jnp.tensordot(x, ws, axes=3)

    by_patch = penalty(PENALTIES[name](1.0), patches)
    of_mean = penalty(PENALTIES[name](1.0), linear(ws.mean(axis=(-2, -1))))
    assert patches(REAL).shape == (4, 2, 3)
    assert float(by_patch) == pytest.approx(float(of_mean), rel=1e-5)


def test_one_uniform_epsilon_for_each_example_mixes_real_and_fake():
    epsilons = jnp.array([0.0, 0.25, 0.6, 1.0])
    asked = []

    def draw(sampler, key, shape):
        asked.append((sampler, shape))
        return epsilons.reshape(shape)

    paid = penalty(gradient_penalty(10.0, target=0.5), bowl, draw=Partial(draw))
    epsilon = np.asarray(epsilons, "f8")[:, None, None, None]
    between = epsilon * np.asarray(REAL, "f8") + (1 - epsilon) * np.asarray(FAKE, "f8")
    norms = np.sqrt(np.square(between).sum(axis=(1, 2, 3)))
    assert asked == [(jax.random.uniform, (4,))]
    assert float(paid) == pytest.approx(10 * np.square(norms - 0.5).mean(), rel=1e-5)


def test_epsilons_are_uniform():
    real = jnp.concatenate([jnp.ones((8192, 1)), jnp.zeros((8192, 1))], axis=1)
    record = {"critic": bowl, "real": real, "fake": jnp.zeros_like(real)}
    # The slope at ε·(1, 0) has norm ε: E ε² = 1/3 and E (ε - 1)² = 1/3 only for a
    # mean of 1/2; the standard errors are 0.0033.
    assert float(penalty(gradient_penalty(1.0, target=0.0), **record)) == pytest.approx(
        1 / 3, abs=0.014
    )
    assert float(penalty(gradient_penalty(1.0, target=1.0), **record)) == pytest.approx(
        1 / 3, abs=0.014
    )


def test_another_key_gives_other_epsilons():
    one, other = (
        penalty(gradient_penalty(), bowl, key=jax.random.key(i)) for i in range(2)
    )
    assert one != other


@every_penalty
def test_a_flat_critic_has_a_finite_gradient(name):
    def pay(w):
        return penalty(PENALTIES[name](1.0), linear(w))

    value, slope = jax.value_and_grad(pay)(jnp.zeros_like(W))
    assert float(value) == (1.0 if name in UNIT_SLOPE else 0.0)
    np.testing.assert_array_equal(slope, 0.0)


@every_penalty
@pytest.mark.parametrize("extreme", [-1e4, 1e4])
def test_extreme_logits_leave_penalties_exact(name, extreme):
    def pay(w):
        return penalty(PENALTIES[name](2.0), lambda x: linear(w)(x) + extreme)

    norm = np.sqrt(SQUARE)
    value, slope = jax.value_and_grad(pay)(W)
    if name in UNIT_SLOPE:
        expected, factor = 2 * (norm - 1) ** 2, 4 * (norm - 1) / norm
    elif name in ("r1", "r2"):
        expected, factor = SQUARE, 2.0
    else:
        expected, factor = 2 * SQUARE, 4.0
    assert float(value) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(slope, factor * W, rtol=1e-4, atol=1e-6)


@every_penalty
def test_gradients_match_finite_differences(name):
    with jax.enable_x64(True):
        w, real, fake = (
            jnp.asarray(np.asarray(random(i, *shape)), jnp.float64)
            for i, shape in enumerate([(3, 5), (4, 3), (4, 3)])
        )

        def pay(w):
            return penalty(
                PENALTIES[name](1.5), lambda x: jnp.tanh(x @ w).sum(axis=-1), real, fake
            )

        check_grads(pay, (w,), order=1, modes=["rev"])


@every_penalty
def test_a_bfloat16_critic_is_paid_for_in_float32(name):
    def critic(x):
        narrow = linear(W.astype(jnp.bfloat16))(x.astype(jnp.bfloat16))
        return as_score(narrow).logits

    paid = penalty(PENALTIES[name](1.0), critic)
    assert paid.dtype == jnp.float32
    assert float(paid) == pytest.approx(
        float(penalty(PENALTIES[name](1.0), linear())), rel=0.05
    )


@every_penalty
def test_the_weight_may_be_traced(name):
    weights = jnp.array([0.5, 2.0])
    paid = jax.vmap(lambda weight: penalty(PENALTIES[name](weight), bowl))(weights)
    singles = [float(penalty(PENALTIES[name](float(w)), bowl)) for w in weights]
    np.testing.assert_allclose(paid, singles, rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (r1, "r1: gamma"),
        (r2, "r2: gamma"),
        (gradient_penalty, "gradient_penalty: weight"),
        (lambda x: gradient_penalty(1.0, target=x), "gradient_penalty: target"),
        (zero_centered_penalty, "zero_centered_penalty: weight"),
        (dragan, "dragan: weight"),
        (lambda x: dragan(1.0, target=x), "dragan: target"),
        (lambda x: dragan(1.0, target=1.0, scale=x), "perturbed_reals: scale"),
        (max_gradient_penalty, "max_gradient_penalty: weight"),
    ],
)
@pytest.mark.parametrize("wrong", [-0.1, float("nan"), float("inf")])
def test_weights_must_be_finite_and_not_negative(make, named, wrong):
    with pytest.raises(InputError, match=f"{named} must be .* got {wrong}"):
        make(wrong)


@pytest.mark.parametrize(
    "make",
    [gradient_penalty, zero_centered_penalty, max_gradient_penalty],
    ids=lambda f: f.__name__,
)
def test_interpolates_need_as_many_fakes_as_reals(make):
    with pytest.raises(InputError, match=rf"{make.__name__} .* 4 reals and 3 fakes"):
        penalty(make(), bowl, fake=FAKE[:3])


# The variations


@pytest.mark.parametrize(("length", "expected"), [(0.25, 0.0), (1.0, 0.0), (3.0, 4.0)])
def test_the_one_sided_penalty_charges_only_what_is_too_steep(length, expected):
    w = jnp.zeros(SHAPE[1:]).at[0, 0, 0].set(length)
    paid = penalty(gradient_penalty(1.0, one_sided=True), linear(w))
    assert float(paid) == pytest.approx(expected, abs=1e-5)
    both = penalty(gradient_penalty(1.0), linear(w))
    assert float(both) == pytest.approx((length - 1) ** 2, abs=1e-5)


def test_the_zero_centered_penalty_is_that_of_target_zero():
    zero, target = (
        penalty(rename(loss, names={name: "same"}), bowl)
        for name, loss in (
            ("zero_centered_penalty", zero_centered_penalty(3.0)),
            ("gradient_penalty", gradient_penalty(3.0, target=0.0)),
        )
    )
    assert float(zero) == pytest.approx(float(target), rel=1e-6)


def test_the_greatest_slope_counts_alone():
    def draw(sampler, key, shape):
        return jnp.array([0.0, 0.25, 0.6, 1.0]).reshape(shape)

    epsilon = np.array([0.0, 0.25, 0.6, 1.0])[:, None, None, None]
    between = epsilon * np.asarray(REAL, "f8") + (1 - epsilon) * np.asarray(FAKE, "f8")
    greatest = np.square(between).sum(axis=(1, 2, 3)).max()
    paid = penalty(max_gradient_penalty(0.5), bowl, draw=Partial(draw))
    assert float(paid) == pytest.approx(0.5 * greatest, rel=1e-5)


def test_dragan_stays_around_the_reals():
    real = 3 + 2 * random(5, 4096, 8)
    points, weight = perturbed_reals(0.5)(
        "dragan", round_of(real=real), jax.random.key(0)
    )
    noise = np.asarray(points - real)
    assert weight is None
    # scale · s = 0.5 · 2; of 32768 numbers the standard error of the mean is 0.0055.
    assert noise.mean() == pytest.approx(0, abs=0.025)
    assert noise.std() == pytest.approx(0.5 * float(real.std()), rel=0.02)
    by_hand = penalty(gradient_penalty(1.0, points=lambda *of: (points, None)), bowl)
    paid = penalty(rename(dragan(1.0), names={"dragan": "x"}), bowl, real, real)
    assert float(by_hand) == pytest.approx(float(paid), rel=0.02)


def test_points_may_be_anywhere():
    half = penalty(
        zero_centered_penalty(1.0, points=lambda *of: (REAL / 2, None)), bowl
    )
    whole = penalty(zero_centered_penalty(1.0, points=lambda *of: (REAL, None)), bowl)
    assert float(half) == pytest.approx(float(whole) / 4, rel=1e-5)
    local = penalty(
        gradient_penalty(1.0, target=0.0, points=perturbed_reals(0.0)), bowl
    )
    assert float(local) == pytest.approx(float(whole), rel=1e-5)
