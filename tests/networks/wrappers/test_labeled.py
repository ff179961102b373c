import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import (
    Batch,
    InputError,
    alternating,
    gan,
    losses,
    mlp,
    non_saturating,
    priors,
)
from jaxgan.networks import headed, labeled, projection, unconditional
from tests.builders import assert_close, random

X, LABELS = random(0, 8, 3), jnp.array([0, 2, 1, 0, 0, 1, 2, 2], jnp.int32)
PLAIN = mlp((2,), (4,))
ENCODED = {"one-hot": {}, "embedded": {"embedding": 5}}


def made(**options):
    network = labeled(PLAIN, 3, **options)
    return network, network.init(jax.random.key(0), X, LABELS)


def test_a_label_is_fed_as_a_one_hot_vector():
    network, variables = made()
    output, _ = network.apply(variables, X, LABELS)
    expected, _ = PLAIN.apply(variables, X, jnp.eye(3)[LABELS])
    np.testing.assert_array_equal(output, expected)


def test_an_embedding_is_a_row_of_a_learned_table():
    network, variables = made(embedding=5)
    table = variables.params["embedding"]
    assert table.shape == (3, 5)
    own = variables._replace(params=variables.params["network"])
    output, _ = network.apply(variables, X, LABELS)
    np.testing.assert_array_equal(output, PLAIN.apply(own, X, table[LABELS])[0])

    def total(params):
        return network.apply(variables._replace(params=params), X, LABELS)[0].sum()

    slope = jax.grad(total)(variables.params)["embedding"]
    assert (jnp.abs(slope).sum(axis=1) > 0).all()


def test_embeddings_are_about_as_long_as_one_hot_vectors():
    network = labeled(PLAIN, 1000, embedding=64)
    table = network.init(jax.random.key(1), X, LABELS).params["embedding"]
    square = jnp.square(table).sum(axis=1)  # chi-square / 64: 1 ± 0.18, each
    assert abs(square.mean() - 1) < 6 * np.sqrt(2 / 64 / 1000)


def test_preparing_reaches_the_network_beside_the_table():
    doubled = PLAIN._replace(
        prepare=lambda v: v._replace(params=jax.tree.map(lambda x: 2 * x, v.params))
    )
    network = labeled(doubled, 3, embedding=5)
    before = network.init(jax.random.key(0), X, LABELS)
    after = network.prepare(before)
    assert_close(after.params["embedding"], before.params["embedding"])
    assert_close(
        after.params["network"],
        jax.tree.map(lambda x: 2 * x, before.params["network"]),
    )


@pytest.mark.parametrize("options", ENCODED.values(), ids=ENCODED)
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
def test_vectors_have_the_dtype_of_the_other_input(options, dtype):
    seen = []

    def apply(variables, x, vector, **mode):
        seen.append(vector.dtype)
        return x, ()

    network = labeled(PLAIN._replace(apply=apply), 3, **options)
    variables = made(**options)[1]
    network.apply(variables, X.astype(dtype), LABELS)
    assert seen == [dtype]


@pytest.mark.parametrize("options", ENCODED.values(), ids=ENCODED)
def test_a_label_outside_of_the_classes_is_refused_where_it_is_known(options):
    network, variables = made(**options)
    for wrong in (3, -1):
        labels = jnp.where(LABELS == 2, wrong, LABELS)
        with pytest.raises(
            InputError, match=rf"from 0 to 2, for 3 classes, got {wrong}"
        ):
            network.apply(variables, X, labels)
    traced, _ = jax.jit(network.apply)(variables, X, jnp.full(8, 3))
    widened = {"embedding": 5}.get(next(iter(options), ""), 3)
    own = variables.params.get("network", variables.params)
    expected, _ = PLAIN.apply(
        variables._replace(params=own), X, jnp.zeros((8, widened))
    )
    assert_close(traced, expected)
    for labels in (jnp.eye(3)[LABELS], LABELS.astype("f4"), LABELS[:, None]):
        with pytest.raises(InputError, match=r"labels must be integers \(b,\)"):
            network.apply(variables, X, labels)


DISCRIMINATORS = {
    "labeled": labeled(mlp(()), 3),
    "projection": projection(mlp((), features=True), 3),
    "unconditional": unconditional(mlp(())),
}


@pytest.mark.parametrize("name", DISCRIMINATORS)
@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_a_label_outside_of_the_classes_is_refused_when_dynamics_are_built(name, kind):
    game = gan(
        labeled(mlp((3,)), 4 if name == "projection" else 3),
        DISCRIMINATORS[name],
        non_saturating(),
        priors.normal(2),
    )
    optimizers = dict.fromkeys(game.players, optax.sgd(0.1))
    alternating(game, optimizers, Batch(X, (kind(LABELS),)))
    with pytest.raises(InputError, match=r"from 0 to 2, for 3 classes, got 3"):
        alternating(game, optimizers, Batch(X, (kind(LABELS + 1),)))


@pytest.mark.parametrize(
    "loss, logits",
    [
        (losses.auxiliary_classifier, 2),
        (losses.auxiliary_discriminative_classifier, 4),
        (losses.multi_hinge, 2),
    ],
)
def test_a_label_outside_of_the_classes_of_a_head_is_refused(loss, logits):
    trunk = mlp((), (4,), features=True)
    game = gan(
        labeled(mlp((3,)), 3),
        unconditional(headed(trunk, label=mlp((logits,), ()))),
        non_saturating() + loss(),
        priors.normal(2),
    )
    optimizers = dict.fromkeys(game.players, optax.sgd(0.1))
    with pytest.raises(InputError, match=rf"{loss.__name__}: labels .* got 2"):
        alternating(game, optimizers, Batch(X, (LABELS,)))


def test_bad_numbers_of_classes_and_widths_are_refused():
    with pytest.raises(InputError, match="labeled: classes must be an integer"):
        labeled(PLAIN, 0)
    with pytest.raises(InputError, match="labeled: embedding must be an integer"):
        labeled(PLAIN, 3, embedding=0)
