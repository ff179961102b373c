"""The losses of classifier heads: formulas, who learns from them, and what for."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import (
    Batch,
    InputError,
    Score,
    alternating,
    gan,
    mlp,
    non_saturating,
    priors,
)
from jaxgan.losses import (
    auxiliary_classifier,
    auxiliary_discriminative_classifier,
    multi_hinge,
)
from jaxgan.networks import headed, labeled, unconditional
from tests.builders import assert_close, play, random, round_of

N, K = 6, 4
LABELS = jnp.array([0, 3, 1, 2, 2, 0], jnp.int32)
WEIGHT, FAKE_WEIGHT = (
    np.array([0, 1, 2, 0.5, 1, 3], "f4"),
    np.array([1, 0, 2, 1, 0.5, 1], "f4"),
)
LOSSES = {
    "auxiliary_classifier": (auxiliary_classifier, K),
    "auxiliary_discriminative_classifier": (auxiliary_discriminative_classifier, 2 * K),
    "multi_hinge": (multi_hinge, K),
}


def logits(width, scale=2.0):
    return random(0, N, width, scale=scale), random(1, N, width, scale=scale)


def paid(name, reals, fakes, named="label", condition=(LABELS,), **options):
    record = round_of(
        real_score=Score(jnp.zeros(N), extra={named: reals}),
        fake_score=Score(jnp.zeros(N), extra={named: fakes}),
        condition=condition,
        weight=jnp.asarray(WEIGHT),
        fake_weight=jnp.asarray(FAKE_WEIGHT),
    )
    terms = play(LOSSES[name][0](**options), record)
    return {player: each[name] for player, each in terms.items()}


def minus_log_softmax(logits, target):
    exp = np.exp(np.asarray(logits, np.float64))
    return -np.log(exp[np.arange(N), target] / exp.sum(axis=1))


def margin(logits):
    logits, each = np.asarray(logits, np.float64), []
    for row, label in zip(logits, LABELS, strict=True):
        each.append(max(0, 1 - row[label] + np.delete(row, label).max()))
    return np.array(each)


def test_an_auxiliary_classifier_charges_both_the_cross_entropy():
    reals, fakes = logits(K)
    of_fakes = (FAKE_WEIGHT * minus_log_softmax(fakes, LABELS)).mean()
    of_reals = (WEIGHT * minus_log_softmax(reals, LABELS)).mean()
    expected = {
        "discriminator": 0.7 * (of_reals + of_fakes),
        "generator": 0.7 * of_fakes,
    }
    found = paid("auxiliary_classifier", reals, fakes, weight=0.7)
    assert_close(found, expected, rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_an_example_whose_label_is_unknown_pays_nothing(name):
    """Or the discriminator would gain by sending all logits to minus infinity."""
    reals, fakes = logits(LOSSES[name][1])
    amounts = jax.jit(lambda label: paid(name, reals, fakes, condition=(label,)))
    assert_close(amounts(-jnp.ones_like(LABELS)), {"discriminator": 0, "generator": 0})


def test_a_discriminative_classifier_tells_reals_and_fakes_of_each_class_apart():
    reals, fakes = logits(2 * K)
    expected = {
        "discriminator": (WEIGHT * minus_log_softmax(reals, LABELS)).mean()
        + (FAKE_WEIGHT * minus_log_softmax(fakes, K + LABELS)).mean(),
        "generator": (
            FAKE_WEIGHT
            * (minus_log_softmax(fakes, LABELS) - minus_log_softmax(fakes, K + LABELS))
        ).mean(),
    }
    found = paid("auxiliary_discriminative_classifier", reals, fakes)
    assert_close(found, expected, rtol=1e-4)


def test_a_multi_hinge_wants_a_margin_to_the_best_other_class():
    reals, fakes = logits(K)
    expected = {
        "discriminator": (WEIGHT * margin(reals)).mean(),
        "generator": (FAKE_WEIGHT * margin(fakes)).mean(),
    }
    assert_close(paid("multi_hinge", reals, fakes), expected, rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_a_head_of_another_name_and_the_last_condition_are_read(name):
    reals, fakes = logits(LOSSES[name][1])
    captions = jnp.zeros((N, 2))
    expected = paid(name, reals, fakes)
    found = paid(name, reals, fakes, "digit", (captions, LABELS), head="digit")
    assert_close(found, expected)


def test_easy_fakes_gain_with_a_classifier_and_not_with_a_discriminative_one():
    """Of reals and fakes of two classes on a line of values, fakes at easy values."""
    values = np.linspace(-3, 3, 601)

    def bell(center, scale):
        p = np.exp(-np.square((values - center) / scale) / 2)
        return p / p.sum()

    real = np.stack([bell(-0.5, 1), bell(0.5, 1)]) / 2
    easy = np.stack([bell(-2.5, 0.3), bell(2.5, 0.3)]) / 2

    def generator_pays(fake):
        joint = np.concatenate([real, fake])  # of the class and of real or fake
        best = jnp.asarray(np.log(joint / joint.sum(axis=0)).T, jnp.float32)
        class_of = jnp.asarray(np.log((real + fake) / (real + fake).sum(axis=0)).T)
        pays = []
        for loss, head in (
            (auxiliary_classifier(), class_of),
            (auxiliary_discriminative_classifier(), best),
        ):
            total = 0.0
            for label in (0, 1):
                n = len(values)
                record = round_of(
                    real_score=Score(jnp.zeros(n), extra={"label": head}),
                    fake_score=Score(jnp.zeros(n), extra={"label": head}),
                    condition=(jnp.full(n, label),),
                    fake_weight=jnp.asarray(n * fake[label], jnp.float32),
                )
                (term,) = play(loss, record)["generator"].values()
                total += float(term)
            pays.append(total)
        divergence = (fake * np.log(fake / real)).sum()
        return pays, divergence

    (truth, truth_pays), nothing = generator_pays(real)
    (easier, easy_pays), divergence = generator_pays(easy)
    assert easier < truth
    assert_close([truth_pays, easy_pays], [nothing, divergence], rtol=1e-3, atol=1e-5)
    assert easy_pays > 1


def game(name, weight=1.0):
    loss, width = LOSSES[name]
    trunk = mlp((), (8,), activation=jnp.tanh, features=True)
    return gan(
        labeled(mlp((3,), (8,), activation=jnp.tanh), K),
        unconditional(headed(trunk, label=mlp((width,), ()))),
        non_saturating() + loss(weight),
        priors.normal(2),
    )


def moved(name, weight):
    """Measure how far one step of gradient descent moves every parameter."""
    batch = Batch(random(0, N, 3), (LABELS,))
    played = game(name, weight)
    optimizers = dict.fromkeys(played.players, optax.sgd(1.0))
    algorithm = alternating(played, optimizers, batch)
    state = algorithm.init(jax.random.key(0))
    after, _ = jax.jit(algorithm.step)(state, (batch, batch))
    return {
        name: jax.tree.map(jnp.subtract, after.variables[name].params, each.params)
        for name, each in state.variables.items()
    }


@pytest.mark.parametrize("name", LOSSES)
def test_the_class_loss_reaches_the_networks_of_both_players(name):
    without, with_it = moved(name, 0.0), moved(name, 1.0)
    assert set(with_it["discriminator"]) == {"discriminator", "label"}
    assert not any(x.any() for x in jax.tree.leaves(without["discriminator"]["label"]))
    hidden = with_it["discriminator"]["discriminator"]["Dense_0"]
    changed = [
        (with_it["discriminator"]["label"], without["discriminator"]["label"]),
        (hidden, without["discriminator"]["discriminator"]["Dense_0"]),
        (with_it["generator"], without["generator"]),
    ]
    for one, other in changed:
        for x, y in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
            assert not np.allclose(x, y, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_what_cannot_be_classified_is_refused(name):
    reals, fakes = logits(LOSSES[name][1])
    with pytest.raises(InputError, match=rf"{name} reads the discriminator's head 'l"):
        paid(name, reals, fakes, "digit")
    with pytest.raises(InputError, match=rf"{name} classifies labels, but the batches"):
        paid(name, reals, fakes, condition=())
    with pytest.raises(InputError, match=rf"{name}: labels must be integers"):
        paid(name, reals, fakes, condition=(jnp.eye(K)[LABELS],))
    with pytest.raises(InputError, match=rf"{name}: the head 'label' must make logits"):
        paid(name, reals[..., None], fakes[..., None])
    with pytest.raises(InputError, match=rf"{name}: weight must be at least 0"):
        LOSSES[name][0](-1.0)


def test_heads_of_too_few_logits_are_refused():
    with pytest.raises(InputError, match="must have 2 logits for each class"):
        paid("auxiliary_discriminative_classifier", *logits(5))
    with pytest.raises(InputError, match="at least 2, got 1"):
        paid("multi_hinge", *logits(1), condition=(jnp.zeros(N, jnp.int32),))
