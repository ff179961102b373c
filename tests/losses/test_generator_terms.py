import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from jaxgan import InputError, Score
from jaxgan.losses import feature_matching
from jaxgan.penalties import mode_seeking, path_length, pulling_away
from tests.builders import play, random, round_of, unchecked


def with_features(real, fake, **fields):
    scores = {
        "real_score": Score(jnp.zeros(4), features=real),
        "fake_score": Score(jnp.zeros(4), features=fake),
    }
    return round_of(**scores, **fields)


def generated_by(generate, latent, **fields):
    """Create a round whose generator is `generate(latent)`."""
    return round_of(
        latent=latent,
        generate=Partial(lambda latent, condition=(), train=True: generate(latent)),
        **fields,
    )


def paid_by_the_generator(loss, record, state=None):
    paid = play(loss, record, state=state)
    assert list(paid) == ["generator"]
    [amount] = paid["generator"].values()
    return amount


# Feature matching


def test_feature_matching_compares_the_averages_of_every_layer():
    # Salimans et al. 2016, section 3.1.
    real = random(0, 4, 5), {"deep": random(1, 4, 2, 3)}
    fake = random(2, 3, 5), {"deep": random(3, 3, 2, 3)}
    expected = sum(
        ((np.asarray(x, "f8").mean(0) - np.asarray(y, "f8").mean(0)) ** 2).sum()
        for x, y in zip(jax.tree.leaves(real), jax.tree.leaves(fake), strict=True)
    )
    paid = paid_by_the_generator(feature_matching(0.5), with_features(real, fake))
    assert float(paid) == pytest.approx(0.5 * expected, rel=1e-5)


def test_feature_matching_is_weighed():
    real, fake = jnp.array([[1.0], [5.0]]), jnp.array([[2.0], [8.0]])
    record = with_features(
        real, fake, weight=jnp.array([2.0, 0]), fake_weight=jnp.array([0.0, 2])
    )
    assert paid_by_the_generator(feature_matching(), record) == 49.0


def test_equal_features_match_under_weights_of_any_mean():
    layer = jnp.ones((4, 3))
    weights = {"weight": jnp.full(4, 0.5), "fake_weight": jnp.array([0.0, 1, 2, 5])}
    record = with_features(layer, layer, **weights)
    assert float(paid_by_the_generator(feature_matching(), record)) < 1e-12


# Pulling away


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ([[1.0, 0], [0, 2], [0, 0]], 0.0),  # right angles, and a code of zero
        ([[1.0, 1], [-2, -2], [3, 3]], 1.0),  # all on one line
        ([[1.0, 0], [1, 1]], 0.5),  # cos² of 45 degrees
        ([[1.0, 0], [0, 3], [1, 1]], 1 / 3),  # (0 + ½ + ½) / 3 pairs
    ],
)
def test_pulling_away_is_the_mean_squared_cosine(code, expected):
    # Zhao et al. 2016, section 2.4.
    record = with_features((), (jnp.zeros((3, 9)), jnp.array(code)))
    paid = paid_by_the_generator(pulling_away(2.0), record)
    assert float(paid) == pytest.approx(2 * expected, abs=1e-6)


def test_pulling_away_has_a_finite_slope_at_zero_and_does_not_see_length():
    def pay(code):
        return paid_by_the_generator(pulling_away(1.0), with_features((), code))

    assert jnp.isfinite(jax.grad(pay)(jnp.zeros((3, 2)))).all()
    code = random(4, 5, 3)
    assert float(pay(7 * code)) == pytest.approx(float(pay(code)), rel=1e-5)


def test_pulling_away_is_weighed():
    code = jnp.array([[1.0, 0], [1, 1], [0, 1]])
    record = with_features((), code, fake_weight=jnp.array([2.0, 2, 0]))
    # cos² is ½ for the one pair that counts.
    paid = paid_by_the_generator(pulling_away(1.0), record)
    assert float(paid) == pytest.approx(0.5, rel=1e-5)


# Mode seeking


def test_mode_seeking_is_the_inverse_ratio_of_distances():
    # Mao et al. 2019: of G(z) = 3z the ratio is 3.
    latent = random(5, 6, 2)
    paid = paid_by_the_generator(
        mode_seeking(2.0, epsilon=0.5), generated_by(lambda z: 3 * z, latent)
    )
    assert float(paid) == pytest.approx(2 / 3.5, rel=1e-5)


def test_a_collapsed_generator_pays_the_most():
    collapsed = generated_by(lambda z: 0 * z, random(6, 4, 2))
    assert float(paid_by_the_generator(mode_seeking(), collapsed)) == pytest.approx(1e5)


def test_neighbors_swap_under_the_condition_of_the_first():
    asked = []

    def generate(latent, condition=(), train=True):
        asked.append((np.asarray(latent)[:, 0].tolist(), condition))
        return latent * condition[0][:, None]

    labels = jnp.array([1.0, 2, 3, 4])
    record = round_of(
        latent=jnp.arange(4.0)[:, None],
        condition=(labels,),
        generate=Partial(generate),
    )
    paid = paid_by_the_generator(mode_seeking(1.0), record)
    assert [latent for latent, _ in asked] == [[0, 1, 2, 3], [1, 0, 3, 2]]
    # |c(z - z')| is c everywhere, 2.5 on average, and |z - z'| is 1.
    assert float(paid) == pytest.approx(1 / 2.5, rel=1e-4)


def test_equal_latents_are_not_divided_by():
    record = generated_by(lambda z: z, jnp.ones((4, 2)))
    assert float(paid_by_the_generator(mode_seeking(1.0, epsilon=0.5), record)) == 2.0


# Path length


def test_the_length_of_a_path_is_the_norm_of_the_transposed_jacobian():
    # Karras et al. 2019, equation 4: of a linear generator z ↦ zA into 4 by 3 pixels,
    # l = ‖A y‖ / √12 with the y that was drawn.
    a, noise = random(7, 2, 24), random(8, 5, 4, 3, 2)
    record = generated_by(
        lambda z: (z @ a).reshape(-1, 4, 3, 2),
        random(9, 5, 2),
        draw=Partial(lambda sampler, key, shape: noise),
    )
    y = np.asarray(noise, "f8").reshape(5, 24)
    lengths = np.linalg.norm(y @ np.asarray(a, "f8").T, axis=1) / math.sqrt(12)
    loss = path_length(2.0, decay=0.75)
    average = jnp.float32(1.0)
    paid, state = loss.evaluate(record, {"path_length": average}, jax.random.key(0))
    moved = 1 + 0.25 * (lengths.mean() - 1)
    assert float(state["path_length"]) == pytest.approx(moved, rel=1e-5)
    expected = 2 * ((lengths - moved) ** 2).mean()
    assert float(paid["generator"]["path_length"]) == pytest.approx(expected, rel=1e-4)


def test_the_lengths_of_a_rotation_are_known():
    # A rotation of n numbers: l² is χ² with n degrees of freedom; E l = 1.2533 for 2.
    loss = path_length(1.0, decay=0.0)
    record = generated_by(lambda z: z[:, ::-1], random(10, 20_000, 2))
    paid, state = loss.evaluate(record, loss.init({}), jax.random.key(1))
    assert float(state["path_length"]) == pytest.approx(1.2533, abs=0.015)
    # Var l = 2 - π/2 = 0.4292
    assert float(paid["generator"]["path_length"]) == pytest.approx(0.4292, abs=0.015)


def test_the_average_length_counts_as_a_constant():
    latent, noise = random(11, 3, 2), random(12, 3, 2)

    def pay(scale, decay, state):
        record = generated_by(
            lambda z: scale * z,
            latent,
            draw=Partial(lambda sampler, key, shape: noise),
        )
        state = {"path_length": jnp.float32(state)}
        return paid_by_the_generator(path_length(1.0, decay=decay), record, state)

    lengths = np.linalg.norm(np.asarray(noise, "f8"), axis=1)
    moved = 0.5 * lengths.mean()
    slope = jax.grad(pay)(1.0, 0.5, 0.0)
    expected = (2 * (lengths - moved) * lengths).mean()
    assert float(slope) == pytest.approx(expected, rel=1e-5)


# What is refused


@pytest.mark.parametrize("loss", [feature_matching(), pulling_away()])
def test_terms_of_features_need_features(loss):
    [name] = loss.terms
    message = rf"{name} needs the discriminator's features, but it returns none: let"
    with pytest.raises(InputError, match=message):
        play(loss, round_of(jnp.zeros(4), jnp.zeros(4)))


@pytest.mark.parametrize("loss", [mode_seeking(), path_length()])
def test_terms_of_the_generator_need_one(loss):
    [name] = loss.terms
    message = f"{name} needs `generate`, which the rounds of this game do not have"

    class WithoutGenerator:
        latent, condition = jnp.zeros((2, 1)), ()

    with unchecked(), pytest.raises(InputError, match=message):
        loss.evaluate(WithoutGenerator(), loss.init({}), jax.random.key(0))


def test_odd_batches_have_no_pairs():
    record = generated_by(lambda z: z, random(13, 3, 2))
    with pytest.raises(InputError, match=r"mode_seeking pairs .* even .* got 3"):
        play(mode_seeking(), record)


def test_one_fake_has_nobody_to_be_pulled_away_from():
    record = with_features((), jnp.ones((1, 2)))
    with pytest.raises(
        InputError, match=r"pulling_away compares .* at least 2 fakes, got 1"
    ):
        play(pulling_away(), record)


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf")])
def test_wrong_weights_are_refused(wrong):
    for make in (feature_matching, pulling_away, mode_seeking, path_length):
        with pytest.raises(InputError, match=f"{make.__name__}: weight must be"):
            make(wrong)
    with pytest.raises(InputError, match="path_length: decay must be"):
        path_length(decay=wrong)
    with pytest.raises(InputError, match="mode_seeking: epsilon must be"):
        mode_seeking(epsilon=wrong)
