"""Tests that invalid inputs raise one-sentence errors when the game is built."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import (
    Batch,
    InputError,
    Network,
    Score,
    Variables,
    alternating,
    chain,
    every,
    focus,
    gan,
    gradient_penalty,
    hinge,
    mlp,
    non_saturating,
    priors,
    r1,
    rename,
    shuffled,
    weighted,
)
from jaxgan.errors import check_finite
from jaxgan.losses import (
    boundary_equilibrium,
    cramer,
    feature_matching,
    gaussian,
    gradient_balanced,
    mmd,
    rational_quadratic,
    relativistic,
    top_k,
)
from jaxgan.penalties import (
    consistency,
    latent_consistency,
    lecam,
    mode_seeking,
    path_length,
    pulling_away,
)
from tests.builders import algorithm_of, reals, small_game, unchecked


def refusal(build):
    """Return the error message of a failing build."""
    with unchecked(), pytest.raises(InputError) as caught:
        build()
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    return message


@pytest.mark.parametrize("wrong", [-1.0, float("nan")])
def test_a_negative_weight_or_nan(wrong):
    assert refusal(lambda: r1(wrong)).startswith("r1: gamma must be")
    assert refusal(lambda: weighted(r1(1.0), by=wrong)).startswith("weighted: by must")
    weight = jnp.array([1.0, wrong] * 4)
    batch = reals(0)._replace(weight=weight)
    said = "weight must hold finite numbers of at least 0, got"
    assert said in refusal(lambda: shuffled(batch, 2))
    game = small_game()
    optimizers = {player: optax.sgd(0.1) for player in game.players}
    assert f"example.{said}" in refusal(lambda: alternating(game, optimizers, batch))


@pytest.mark.parametrize(
    ("reduce", "shape"), [(jnp.sum, "()"), (lambda x: x[:4], "(4,)")]
)
def test_logits_of_another_batch(reduce, shape):
    network = mlp(())

    def apply(variables, *inputs, **mode):
        logits, stats = network.apply(variables, *inputs, **mode)
        return reduce(logits), stats

    odd = network._replace(apply=apply)
    game = gan(mlp((2,)), odd, non_saturating(), priors.normal(3))
    message = refusal(lambda: algorithm_of(game))
    assert message.startswith(f"the discriminator makes logits of shape {shape} from 8")
    assert "must be (8,), or (8, …) for patches" in message


@pytest.mark.parametrize("term", [relativistic(non_saturating()), gradient_penalty()])
def test_unequal_batches_under_a_pairing_term(term):
    game = small_game(chain(weighted(non_saturating(), by=0.1), term))
    message = refusal(lambda: algorithm_of(game, fake_batch_sizes={"discriminator": 4}))
    assert message.endswith("must have equal sizes, got 8 reals and 4 fakes.")


@pytest.mark.parametrize("term", [feature_matching(), pulling_away()])
def test_a_term_of_features_without_features(term):
    game = small_game(chain(non_saturating(), term))
    assert "let it return Score(logits, features=…)" in refusal(
        lambda: algorithm_of(game)
    )


@pytest.mark.parametrize("term", [path_length(), mode_seeking(), latent_consistency()])
def test_a_term_that_needs_generate_in_a_game_without_it(term):
    game = small_game(chain(non_saturating(), term))

    def play(variables, turn):
        record, *rest = game.play(variables, turn)
        return dataclasses.replace(record, generate=None), *rest

    [name] = term.terms
    message = refusal(lambda: algorithm_of(game._replace(play=play)))
    assert message.startswith(f"{name} needs `generate`, which the rounds of this game")


def test_features_that_are_there_are_used():
    def apply(variables, image, key=None, train=True):
        return Score(image @ variables.params, features=(image,)), ()

    critic = Network(lambda key, x: Variables(jnp.ones(x.shape[-1])), apply)
    loss = chain(non_saturating(), feature_matching(), pulling_away())
    game = gan(mlp((2,)), critic, loss, priors.normal(3))
    algorithm = algorithm_of(game)
    state = jax.jit(algorithm.init)(jax.random.key(0))
    _, info = jax.jit(algorithm.step)(state, (Batch(jnp.ones((8, 2))),) * 2)
    assert float(info.losses["generator"]["pulling_away"]) > 0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: chain("hinge"), "chain: every argument must be a Loss"),
        (lambda: chain(hinge), "chain: every argument must be a Loss"),
        (lambda: weighted("r1", by=0.5), "weighted: loss must be a Loss"),
        (lambda: every("r1", n=2), "every: loss must be a Loss"),
        (lambda: focus("r1", on=top_k(0.5)), "focus: loss must be a Loss"),
        (lambda: focus(hinge(), on=("forth",)), "focus: on must be a function"),
        (lambda: rename("r1", names={}), "rename: loss must be a Loss"),
        (
            lambda: gradient_balanced("a", b=hinge()),
            "gradient_balanced: a must be a Loss",
        ),
        (
            lambda: gradient_balanced(hinge(), b="b"),
            "gradient_balanced: b must be a Loss",
        ),
        (lambda: hinge(0.9), "hinge: targets must be Targets(real, fake), got 0.9"),
        (lambda: gaussian(1.0), "gaussian: bandwidths must be a tuple"),
        (lambda: rational_quadratic(()), "rational_quadratic: scales must be a tuple"),
        (lambda: mmd("gaussian"), "mmd: kernel must be a function"),
        (lambda: cramer(embed="logit"), "cramer: embed must be a function"),
        (lambda: gradient_penalty(points="between"), "points must be a function"),
        (lambda: consistency("flip"), "consistency: transform must be a function"),
    ],
)
def test_something_of_another_kind(make, said):
    assert said in refusal(make)


@pytest.mark.parametrize("shape", [(8, 2), (8, 3, 3), (8, 2, 3, 1)])
def test_weights_of_the_wrong_shape(shape):
    game = gan(mlp((2,)), mlp((3, 2)), non_saturating(), priors.normal(3))
    optimizers = {player: optax.sgd(0.1) for player in game.players}
    batch = Batch(jnp.zeros((8, 2)), weight=jnp.ones(shape))
    message = refusal(lambda: alternating(game, optimizers, batch))
    assert message.startswith("a weight of shape (8, ")
    assert "does not belong to values of shape (8, 3, 2); it must be (b,)" in message


def test_weights_that_are_no_numbers():
    batch = Batch(np.zeros((2, 2)), weight=np.array(["heavy", "light"]))
    assert "data.weight must hold finite numbers" in refusal(lambda: shuffled(batch, 1))


def test_states_follow_their_player_to_another_name():
    names = {"discriminator": "zoe", "generator": "abe"}
    loss = rename(chain(boundary_equilibrium(), lecam(), path_length()), names=names)
    assert {name: term.state_owner for name, term in loss.terms.items()} == {
        "boundary_equilibrium": "zoe",
        "lecam": "zoe",
        "path_length": "abe",
    }


@pytest.mark.parametrize("name", ["critic", "fake", "real_score"])
def test_a_focus_on_what_is_no_record(name):
    build = lambda: algorithm_of(small_game(focus(hinge(), on=name)))  # noqa: E731
    assert f"focus: the field {name!r} is not a record" in refusal(build)


@pytest.mark.parametrize(
    "number", [10**400, 1j, np.complex64(1), jnp.complex64(1), jax.random.key(0), "a"]
)
def test_what_is_no_real_number(number):
    with pytest.raises(InputError, match="it must be a finite number"):
        check_finite("it", number)


def test_numbers_of_every_kind():
    for number in (1, 0.5, np.int8(1), np.float16(1), jnp.bfloat16(1), jnp.array(True)):
        check_finite("it", number)
