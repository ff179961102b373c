import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import Batch, InputError, Network, Variables, alternating, ema
from jaxgan.sampling.outputs import (
    CHUNK,
    NOTHING,
    best_variables,
    check_outputs,
    choose,
    draw_examples,
    draw_latents,
    maker,
    output_name,
    parts_of,
)
from tests.builders import (
    algorithm_of,
    assert_close,
    batches,
    small_game,
    tiered,
    unchecked,
)
from tests.zoo import ZOO


def test_an_average_is_sampled_where_there_is_one():
    algorithm = ema(algorithm_of(small_game()), 0.5)
    state = algorithm.init(jax.random.key(0))
    state, _ = jax.jit(algorithm.step)(state, batches())
    best = best_variables(state)
    assert best["generator"] is state.ema["generator"]
    assert best["discriminator"] is state.variables["discriminator"]
    plain = best_variables(state._replace(ema={}))
    assert plain["generator"] is state.variables["generator"]


@pytest.mark.parametrize("count", [1, CHUNK, CHUNK + 44])
def test_samples_are_the_generators_in_evaluation_mode(count):
    game = small_game(normed=("generator",))
    latents = draw_latents(game, count, seed=0)
    network = game.networks["generator"]
    variables = network.init(jax.random.key(0), latents)
    stats = jax.tree.map(lambda x: x + 0.3, variables.stats)
    variables = variables._replace(stats=stats)
    images = maker(game)({"generator": variables}, latents, NOTHING)
    assert isinstance(images, np.ndarray) and images.dtype == np.float32
    expected, _ = network.apply(variables, latents, train=False)
    assert images.shape == (count, 2)
    assert_close(images, expected, rtol=1e-5)
    single = maker(game)({"generator": variables}, latents[-1:], NOTHING)
    assert_close(single, images[-1:], rtol=1e-5)


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, [1]), (64, [64]), (256, [256]), (257, [129, 129])]
)
def test_as_many_rows_are_computed_as_are_asked_for(count, sizes):
    computed = []

    def generator(variables, z, key=None, train=True):
        computed.append(z.shape[0])
        return z, ()

    game = small_game()
    network = Network(lambda key, z: Variables(()), generator)
    game = game._replace(networks=game.networks | {"generator": network})
    made = maker(game)({"generator": Variables(())}, np.ones((count, 3)), NOTHING)
    assert made.shape == (count, 3)
    assert [part.stop - part.start for part in parts_of(count)] == sizes
    assert computed == sizes[:1]  # one compilation


def test_samples_are_of_prepared_weights_in_float32():
    network = Network(
        init=lambda key, z: Variables(jnp.ones(())),
        apply=lambda v, z, key=None, train=True: (
            (v.params * z).astype(jnp.bfloat16),
            (),
        ),
        prepare=lambda v: v._replace(params=2 * v.params),
    )
    game = small_game()._replace(networks={"generator": network})
    variables = {"generator": Variables(jnp.ones(()))}
    images = maker(game)(variables, jnp.ones((3, 2)), NOTHING)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, np.full((3, 2), 2.0))


def test_latents_come_from_the_prior_and_the_seed():
    game = small_game()
    one, same, other = (draw_latents(game, 5, seed) for seed in (0, 0, 1))
    assert one.shape == (5, 3)
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)
    with pytest.raises(InputError, match="count must be an integer of at least 1"):
        draw_latents(game, 0, 0)


def begun(name):
    """A game of the zoo, its networks' first variables, and rows for its outputs."""
    game, batch = ZOO[name].game(), ZOO[name].examples(5, 0)
    optimizers = {player: optax.sgd(0.1) for player in game.players}
    state = alternating(game, optimizers, batch).init(jax.random.key(0))
    return game, state.variables, draw_latents(game, 5, 0, batch.condition), batch


@pytest.mark.parametrize("name", tiered(ZOO, ["vae", "cycle_gan"]))
def test_row_i_of_every_output_is_made_of_row_i(name):
    game, variables, *rows = begun(name)
    order = np.array([3, 0, 4, 1, 2])
    for output in game.outputs:
        make = maker(game, output)
        made = make(variables, *rows)
        moved = make(variables, *jax.tree.map(lambda x: np.asarray(x)[order], rows))
        assert_close(moved, jax.tree.map(lambda x: x[order], made))


@pytest.mark.parametrize("name", ZOO)
def test_outputs_of_every_game_fit_their_examples(name):
    game, variables, _, batch = begun(name)
    check_outputs(game, variables, batch)


def test_an_unknown_output_is_refused():
    game = ZOO["vae"].game()
    assert output_name(game, None) == "samples"
    with pytest.raises(InputError, match=r"no 'sample'; it makes \['reconstr.*sampl"):
        maker(game, "sample")
    with pytest.raises(InputError, match="the game has no outputs"):
        maker(game._replace(outputs={}))


@pytest.mark.parametrize(
    "output",
    [
        lambda call, latent, batch: latent.mean(axis=0),
        lambda call, latent, batch: latent @ latent.T,
        lambda call, latent, batch: latent.reshape(-1),
        lambda call, latent, batch: (latent, latent[:1]),
    ],
)
def test_an_output_whose_shape_changes_with_the_batch_is_refused(output):
    game = small_game()._replace(outputs={"odd": output})
    with pytest.raises(InputError, match=r"'odd' makes .* row i must be made from"):
        check_outputs(game, {}, NOTHING)


def test_an_output_that_reads_examples_needs_some():
    game, variables, *_ = begun("vae")
    match = r"'reconstructions' cannot be made .*give examples="
    with pytest.raises(InputError, match=match):
        check_outputs(game, variables, NOTHING)


def test_examples_are_drawn_in_an_order_of_their_seed_and_come_again():
    data = Batch(np.arange(5.0), (np.arange(5),))
    one, same, other = (
        draw_examples(lambda: data, 12, seed).real for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert sorted(one[:5]) == sorted(one[5:10]) == [0, 1, 2, 3, 4]
    held = choose(data, 12, 0)
    np.testing.assert_array_equal(held.real, one)
    np.testing.assert_array_equal(held.condition[0], one)
    assert draw_examples(None, 3, 0) == choose(NOTHING, 3, 0) == NOTHING


# Networks as calls


def test_a_network_that_is_replaced_is_played():
    game = small_game()

    def doubled(variables, *inputs, **mode):
        logits, stats = game.networks["discriminator"].apply(variables, *inputs, **mode)
        return 2 * logits, stats

    network = game.networks["discriminator"]._replace(apply=doubled)
    other = game._replace(networks=game.networks | {"discriminator": network})
    gaps = []
    for each in (game, other):
        algorithm = algorithm_of(each)
        state = algorithm.init(jax.random.key(0))
        _, info = jax.jit(algorithm.step)(state, batches())
        gaps.append(info.diagnostics["discriminator"]["logit_gap"])
    np.testing.assert_allclose(gaps[1], 2 * gaps[0], rtol=1e-5)


def test_a_play_that_reads_parameters_is_refused():
    game = small_game()

    def play(call, turn):
        turn.params["generator"]
        return game.play(call, turn)

    with pytest.raises(InputError, match=r"play reads turn.params\['generator'\]"):
        algorithm_of(game._replace(play=play))


def test_a_network_that_nobody_calls_is_refused():
    game = small_game()
    networks = game.networks | {"idle": game.networks["generator"]}
    players = game.players | {"idler": ("idle",)}
    with pytest.raises(InputError, match=r"\['idle'\] are never called in a round"):
        algorithm_of(game._replace(networks=networks, players=players))


@pytest.mark.parametrize(
    ("variables", "batch", "message"),
    [
        (None, NOTHING, "variables must be a mapping"),
        ("generator", NOTHING, "variables must be a mapping"),
        ({}, NOTHING, r"variables: the output 'samples' calls 'generator', .* of \[\]"),
        ({"generator": Variables(())}, None, "batch must be a Batch"),
    ],
)
def test_what_is_no_variables_and_no_batch_is_refused(variables, batch, message):
    make = maker(small_game())
    with unchecked(), pytest.raises(InputError, match=message):
        make(variables, np.ones((2, 3), np.float32), batch)
