import jax
import jax.numpy as jnp
import optax
import pytest

from jaxgan import (
    Batch,
    InputError,
    Loss,
    Network,
    Term,
    Variables,
    alternating,
    chain,
    gan,
    mlp,
    non_saturating,
    priors,
    r1,
    wasserstein,
)
from jaxgan.errors import check_finite, check_non_negative, check_positive_int
from jaxgan.losses import stateless
from tests.builders import algorithm_of, batches, reals, small_game, unchecked

SGD = optax.sgd(0.1)


def charges(*players, amount=lambda record: record.mean(record.fake), name="toll"):
    """A loss that makes some players pay some amount."""
    return stateless(
        lambda record, key: dict.fromkeys(players, amount(record)), name=name
    )


def refuses(message, game=None, optimizer=None, **options):
    with pytest.raises(InputError, match=message):
        algorithm_of(small_game() if game is None else game, optimizer, **options)


@pytest.mark.parametrize(
    ("players", "message"),
    [
        (
            {"generator": ("generator",), "discriminator": ("discriminator", "judge")},
            "player 'discriminator' owns 'judge', which is not a network of the game; "
            r"its networks are \['discriminator', 'generator'\]",
        ),
        (
            {
                "generator": ("generator", "discriminator"),
                "discriminator": ("discriminator",),
            },
            "network 'discriminator' is owned by 'generator' and 'discriminator'",
        ),
        (
            {"generator": ("generator",), "discriminator": ()},
            r"networks \['discriminator'\] are owned by no player",
        ),
    ],
    ids=["unknown", "shared", "orphan"],
)
def test_players_must_partition_the_networks(players, message):
    refuses(message, small_game()._replace(players=players))


@pytest.mark.parametrize(
    ("optimizers", "message"),
    [
        ({"generator": SGD}, r"optimizers: players \['discriminator'\] have none"),
        (
            {"generator": SGD, "discriminator": SGD, "critic": SGD},
            r"optimizers: \['critic'\] do not play; the players are "
            r"\['discriminator', 'generator'\]",
        ),
    ],
    ids=["missing", "unknown"],
)
def test_every_player_needs_an_optimizer_and_nobody_else(optimizers, message):
    refuses(message, optimizer=optimizers)


def test_an_optimizer_must_be_one():
    message = r"optimizers\['generator'\] must be an optax.* got 0.1"
    with unchecked():
        refuses(message, optimizer={"generator": 0.1, "discriminator": SGD})


@pytest.mark.parametrize(
    ("fakes", "message"),
    [
        ({"critic": 8}, r"fake_batch_sizes: \['critic'\] do not play"),
        (
            {"generator": 0},
            r"fake_batch_sizes\['generator'\] must be an integer of at least 1",
        ),
    ],
    ids=["unknown", "none"],
)
def test_counts_of_fakes_must_make_sense(fakes, message):
    refuses(message, fake_batch_sizes=fakes)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ((), r"order must be a tuple of players, got \(\)"),
        ("generator", "order must be a tuple of players, got 'generator'"),
        (("generator", "critic"), r"order: \['critic'\] do not play"),
    ],
    ids=["empty", "a string", "unknown"],
)
def test_the_order_must_name_players(order, message):
    refuses(message, order=order)


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (
            Batch(jnp.zeros((8, 2)), (jnp.zeros((4, 3)),)),
            r"condition\[0\] is of \[4\] examples and .*real of \[8\]",
        ),
        (Batch(jnp.zeros((8, 2)), weight=jnp.ones(7)), r"example: .* got \[7, 8\]"),
        (Batch(jnp.zeros((0, 2))), r"example: .* got \[0\]"),
    ],
    ids=["conditions", "weights", "empty"],
)
def test_a_batch_must_have_one_length(example, message):
    with pytest.raises(InputError, match=message):
        alternating(small_game(), {"generator": SGD, "discriminator": SGD}, example)


def test_a_network_that_cannot_take_its_inputs_is_named():
    def init(key, image):
        raise TypeError(f"no room for {image.shape}\nand more")

    picky = Network(init, lambda *args, **kwargs: (jnp.zeros(8), ()))
    game = gan(mlp((2,), (4,)), picky, non_saturating(), priors.normal(3))
    refuses(
        r"network 'discriminator' cannot take inputs of shapes \(\(8, 2\),\): "
        r"no room for \(8, 2\)",
        game,
    )


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (
            chain(non_saturating(), charges("critic")),
            r"loss \['non_saturating', 'toll'\] charges: \['critic'\] do not play",
        ),
        (r1(1.0), r"loss: no term of \['r1'\] charges 'generator', so its parameters"),
        (chain(), r"loss: no term of \[\] charges 'discriminator'"),
        (
            chain(
                wasserstein(),
                charges("generator", amount=lambda record: record.fake_score.logits),
            ),
            r"loss term 'toll' charges 'generator' float32 of shape \(8,\); it must be",
        ),
        (
            chain(
                wasserstein(),
                charges(
                    "generator",
                    amount=lambda r: r.mean(r.fake).astype(jnp.bfloat16),
                ),
            ),
            r"loss term 'toll' charges 'generator' bfloat16 of shape \(\)",
        ),
        (
            chain(wasserstein(), charges("generator", amount=lambda r: r.step)),
            r"loss term 'toll' charges 'generator' int32 of shape \(\)",
        ),
    ],
    ids=["unknown player", "free rider", "empty", "per example", "narrow", "integer"],
)
def test_a_loss_must_charge_every_player_scalars(loss, message):
    with unchecked():
        refuses(message, small_game(loss))


def test_a_part_must_advance_with_a_player():
    def evaluate(record, state, key):
        return {"generator": record.mean(record.fake)}, state

    term = Term(lambda variables: (), evaluate, state_owner="critic")
    loss = chain(wasserstein(), Loss({"term": term}))
    refuses(r"state_owner: \['critic'\] do not play", small_game(loss))


def test_a_part_that_charges_nobody_must_say_with_whom_it_advances():
    def watching(state_owner):
        return chain(
            wasserstein(),
            stateless(lambda *_: {}, name="watch", state_owner=state_owner),
        )

    refuses(r"loss terms \['watch'\] charge no player", small_game(watching(None)))
    algorithm_of(small_game(watching("generator")))


@pytest.mark.parametrize(
    "returned",
    [jnp.zeros((2,)), jnp.zeros((3,), jnp.bfloat16), (jnp.zeros(3), jnp.zeros(3))],
    ids=["shape", "type", "structure"],
)
def test_statistics_must_keep_their_shapes(returned):
    leaky = Network(
        init=lambda key, image: Variables(jnp.ones(2), jnp.zeros((3,))),
        apply=lambda v, x, key=None, train=True: (x @ v.params, returned),
    )
    game = gan(mlp((2,), (4,)), leaky, non_saturating(), priors.normal(3))
    refuses("network 'discriminator' returns statistics of other shapes", game)


@pytest.mark.parametrize(
    ("given", "count"),
    [
        (reals(0), "a single Batch"),
        (batches(1), "1"),
        (batches(3), "3"),
    ],
)
def test_a_step_takes_one_batch_a_substep(given, count):
    algorithm = algorithm_of(small_game())
    state = jax.eval_shape(algorithm.init, jax.random.key(0))
    message = f"batches: a step of 2 .* a tuple of 2 batches, got {count}"
    with unchecked(), pytest.raises(InputError, match=message):
        algorithm.step(state, given)


def test_building_computes_nothing():
    ran = []

    def toll(record, key):
        jax.debug.callback(ran.append, record.step)
        return {"generator": record.mean(record.fake)}

    loss = chain(wasserstein(), stateless(toll, name="toll"))
    algorithm = algorithm_of(small_game(loss), order=("generator",))
    assert ran == []
    algorithm.step(algorithm.init(jax.random.key(0)), batches(1))
    jax.effects_barrier()
    assert ran


def test_an_example_may_be_shapes_only():
    shapes = Batch(jax.ShapeDtypeStruct((8, 2), jnp.float32))
    optimizers = {"generator": SGD, "discriminator": SGD}
    state = alternating(small_game(), optimizers, shapes).init(jax.random.key(0))
    assert int(state.step) == 0


@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        (check_finite, float("nan")),
        (check_finite, "one"),
        (check_finite, None),
        (check_non_negative, -1.0),
        (check_non_negative, float("-inf")),
        (check_positive_int, 0),
        (check_positive_int, 1.0),
        (check_positive_int, True),
    ],
)
def test_a_wrong_number_is_named(check, wrong):
    with pytest.raises(InputError, match=f"^here: x must be .* got {wrong!r}.$"):
        check("here: x", wrong)


@pytest.mark.parametrize(
    ("check", "right"),
    [
        (check_finite, -1.5),
        (check_finite, jnp.float32(2.0)),
        (check_non_negative, 0),
        (check_positive_int, 1),
    ],
)
def test_a_right_number_passes(check, right):
    check("here: x", right)


def test_a_traced_number_passes():
    def checked(x):
        check_non_negative("here: x", x)
        return x

    assert jax.jit(checked)(-1.0) == -1.0


def test_a_prior_must_give_as_many_latents_as_it_is_asked_for():
    def prior(key, n, condition):
        return jax.random.normal(key, (n + 1, 3))

    game = small_game()._replace(prior=prior)
    count = len(reals(0).real)
    refuses(rf"each of the {count} examples .* shape \({count + 1}, 3\)", game)


def test_a_weight_of_a_step_must_not_be_negative():
    algorithm = algorithm_of(small_game())
    state = algorithm.init(jax.random.key(0))
    wrong = [batch._replace(weight=-jnp.ones(len(batch.real))) for batch in batches(2)]
    with pytest.raises(InputError, match="batches: weight must hold finite numbers"):
        algorithm.step(state, tuple(wrong))
