import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import Score
from jaxgan.games.pairing import joint, separate
from tests.builders import assert_close, random

W = random(0, 3, 5)
REAL, FAKE = random(1, 6, 3), 2 + random(2, 4, 3)
KEY = jax.random.key(0)
PAIRINGS = {"separate": separate, "joint": joint}
either = pytest.mark.parametrize("pairing", PAIRINGS)


def plain(stats, key, image, condition):
    """A discriminator that sees each example by itself."""
    hidden = jnp.tanh(image @ W)
    return Score(hidden.sum(-1), features=hidden), stats


def normed(stats, key, image, condition):
    """The same with BatchNorm before tanh, and a running mean."""
    hidden = image @ W
    mean = hidden.mean(axis=0, keepdims=True)
    hidden = jnp.tanh((hidden - mean) / (hidden.std(axis=0, keepdims=True) + 1e-3))
    return Score(hidden.sum(-1), features=hidden), 0.5 * stats + 0.5 * mean


STATS = jnp.zeros((1, 5))


def meet(pairing, judge, condition=()):
    return PAIRINGS[pairing](judge, STATS, KEY, REAL, FAKE, condition)


def logits_of(judge, images):
    return judge(STATS, KEY, images, ())[0].logits


@pytest.mark.parametrize(("judge", "alike"), [(plain, True), (normed, False)])
def test_the_pairing_matters_under_batch_norm_only(judge, alike):
    (real, fake, _), (real_too, fake_too, _) = (meet(p, judge) for p in PAIRINGS)
    for one, other in ((real.score, real_too.score), (fake.score, fake_too.score)):
        assert one.logits.shape == other.logits.shape
        assert np.allclose(one.logits, other.logits, atol=1e-5) == alike
        assert np.allclose(one.features, other.features, atol=1e-5) == alike


def test_separate_scores_are_those_of_two_passes():
    real, fake, stats = meet("separate", normed)
    first, between = normed(STATS, KEY, REAL, ())
    second, after = normed(between, KEY, FAKE, ())
    assert_close((real.score, fake.score, stats), (first, second, after))


def test_joint_scores_are_those_of_one_pass():
    real, fake, stats = meet("joint", normed)
    both, after = normed(STATS, KEY, jnp.concatenate([REAL, FAKE]), ())
    assert_close(jnp.concatenate([real.score.logits, fake.score.logits]), both.logits)
    assert_close(fake.score.features, both.features[6:])
    assert_close(stats, after)


@pytest.mark.parametrize("judge", [plain, normed])
def test_separate_pullbacks_are_gradients_of_each_batch(judge):
    real, fake, _ = meet("separate", judge)
    for judged, images in ((real, REAL), (fake, FAKE)):
        cotangent = random(3, len(images))
        slope = jax.grad(lambda x, c=cotangent: logits_of(judge, x) @ c)(images)
        assert_close(judged.pullback(cotangent), slope, rtol=1e-5)


@pytest.mark.parametrize("judge", [plain, normed])
def test_joint_pullbacks_are_gradients_of_the_concatenated_pass(judge):
    real, fake, _ = meet("joint", judge)

    def together(real, fake):
        logits = logits_of(judge, jnp.concatenate([real, fake]))
        return logits[:6], logits[6:]

    of_real, of_fake = random(4, 6), random(5, 4)
    slope = jax.grad(lambda x: together(x, FAKE)[0] @ of_real)(REAL)
    assert_close(real.pullback(of_real), slope, rtol=1e-5)
    slope = jax.grad(lambda x: together(REAL, x)[1] @ of_fake)(FAKE)
    assert_close(fake.pullback(of_fake), slope, rtol=1e-5)


@either
def test_reals_and_fakes_meet_the_same_condition(pairing):
    def judge(stats, key, image, condition):
        return Score(image.sum(-1) + condition[0]), stats

    offsets = jnp.arange(4.0)
    real, fake, _ = PAIRINGS[pairing](judge, (), KEY, REAL[:4], FAKE, (offsets,))
    assert_close(real.score.logits, REAL[:4].sum(-1) + offsets)
    assert_close(fake.score.logits, FAKE.sum(-1) + offsets)


@pytest.mark.parametrize(("pairing", "keys"), [("separate", 2), ("joint", 1)])
def test_every_pass_has_its_own_randomness(pairing, keys):
    seen = []

    def judge(stats, key, image, condition):
        seen.append(tuple(np.asarray(jax.random.key_data(key)).tolist()))
        return Score(image.sum(-1)), stats

    meet(pairing, judge)
    assert len(seen) == len(set(seen)) == keys


@either
def test_images_may_be_trees(pairing):
    def judge(stats, key, image, condition):
        return Score(image["x"].sum(-1) * image["y"]), stats

    real = {"x": REAL, "y": jnp.arange(6.0)}
    fake = {"x": FAKE, "y": jnp.arange(4.0)}
    judged, _, _ = PAIRINGS[pairing](judge, (), KEY, real, fake, ())
    slope = judged.pullback(jnp.ones(6))
    np.testing.assert_allclose(slope["x"], np.arange(6.0)[:, None].repeat(3, 1))
    np.testing.assert_allclose(slope["y"], REAL.sum(-1), rtol=1e-5)
