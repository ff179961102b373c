import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from jaxgan import InputError, Score
from jaxgan.penalties import balanced_consistency, consistency, latent_consistency
from tests.builders import play, random, round_of, round_with

REAL, FAKE = random(0, 4, 3), random(1, 5, 3)
W = random(2, 3)


def critic(x):
    return x @ W


def double(key, image):
    return 2 * image


def squares(images):
    """Compute the squares of D(x) - D(2x) = -D(x)."""
    return np.square(np.asarray(images, "f8") @ np.asarray(W, "f8"))


def test_the_change_of_a_real_is_charged():
    # Zhang et al. 2019.
    paid = play(consistency(double, weight=3.0), round_with(critic, REAL, FAKE))
    assert list(paid) == ["discriminator"]
    amount = float(paid["discriminator"]["consistency"])
    assert amount == pytest.approx(3 * squares(REAL).mean(), rel=1e-5)


def test_the_change_of_a_fake_is_charged_too():
    # Zhao et al. 2020, bCR.
    loss = balanced_consistency(double, real_weight=3.0, fake_weight=0.5)
    paid = play(loss, round_with(critic, REAL, FAKE))
    expected = 3 * squares(REAL).mean() + 0.5 * squares(FAKE).mean()
    amount = float(paid["discriminator"]["balanced_consistency"])
    assert amount == pytest.approx(expected, rel=1e-5)


def test_weights_weigh_both():
    v, w = jnp.array([1.0, 0, 2, 1]), jnp.array([0.0, 1, 1, 1, 2])
    record = round_with(critic, REAL, FAKE, weight=v, fake_weight=w)
    expected = (np.asarray(v) * squares(REAL)).mean()
    paid = play(consistency(double, weight=1.0), record)["discriminator"]["consistency"]
    assert float(paid) == pytest.approx(expected, rel=1e-5)
    expected += (np.asarray(w) * squares(FAKE)).mean()
    paid = play(balanced_consistency(double, real_weight=1.0, fake_weight=1.0), record)
    amount = float(paid["discriminator"]["balanced_consistency"])
    assert amount == pytest.approx(expected, rel=1e-5)


def test_every_image_has_its_own_key():
    seen = []

    def note(keys):
        seen.append(np.asarray(keys))

    def transform(key, image):
        jax.debug.callback(note, jax.random.key_data(key), ordered=True)
        return image

    record = round_with(critic, REAL, FAKE[:4])
    paid = play(balanced_consistency(transform), record)
    jax.effects_barrier()
    assert paid["discriminator"]["balanced_consistency"] == 0.0
    assert len({tuple(key.tolist()) for key in seen}) == 8


def test_a_nudge_of_the_latent_is_charged_and_paid_for():
    # Zhao et al. 2020, zCR, with G(z) = z A and D(x) = x·w, so that the nudge
    # σn moves the image by σnA and the logit by σnA·w.
    a, latent, noise = random(3, 2, 3), random(4, 5, 2), random(5, 5, 2)

    def generate(latent, condition=(), train=True):
        return latent @ a

    record = round_of(
        latent=latent,
        generate=Partial(generate),
        critic=Partial(lambda image, condition=(), train=True: Score(critic(image))),
        draw=Partial(lambda sampler, key, shape: noise),
    )
    paid = play(latent_consistency(5.0, generator_weight=0.5, noise=0.1), record)
    step = 0.1 * np.asarray(noise, "f8") @ np.asarray(a, "f8")
    discriminator = 5 * np.square(step @ np.asarray(W, "f8")).mean()
    assert float(paid["discriminator"]["latent_consistency"]) == pytest.approx(
        discriminator, rel=1e-3
    )
    assert float(paid["generator"]["latent_consistency"]) == pytest.approx(
        -0.5 * np.square(step).mean(), rel=1e-3
    )


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf")])
def test_wrong_numbers_are_refused(wrong):
    for make, named in (
        (lambda: consistency(double, weight=wrong), "consistency: weight"),
        (lambda: balanced_consistency(double, real_weight=wrong), "real_weight"),
        (
            lambda: balanced_consistency(double, real_weight=1.0, fake_weight=wrong),
            "fake_weight",
        ),
        (lambda: latent_consistency(wrong), "discriminator_weight"),
        (lambda: latent_consistency(1.0, generator_weight=wrong), "generator_weight"),
        (lambda: latent_consistency(1.0, generator_weight=1.0, noise=wrong), "noise"),
    ):
        with pytest.raises(InputError, match=f"{named} must be .* got {wrong}"):
            make()
