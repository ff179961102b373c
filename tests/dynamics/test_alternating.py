from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import (
    Batch,
    Game,
    Loss,
    Network,
    Term,
    Variables,
    View,
    alternating,
    chain,
    ema,
    every,
    gan,
    gradient_penalty,
    mlp,
    non_saturating,
    priors,
    r1,
    wasserstein,
)
from jaxgan.losses import stateless
from jaxgan.precision import standard_promotion
from tests.builders import (
    algorithm_of,
    assert_close,
    batches,
    bits,
    random,
    reals,
    small_game,
)

PLAYERS = ("discriminator", "generator")
GAMMA = 0.3


def telling(algorithm_with, game):
    """An algorithm of the game, and its step that also returns the latents it drew.

    `algorithm_with` makes the algorithm of a game.
    """
    drawn = []

    def prior(key, n, condition):
        drawn.append(game.prior(key, n, condition))
        return drawn[-1]

    algorithm = algorithm_with(game._replace(prior=prior))

    @jax.jit
    def step(state, given):
        drawn.clear()  # of what was drawn to learn shapes
        return *algorithm.step(state, given), tuple(drawn)

    return algorithm, step


# By hand


def by_hand(order, optimizers, params, memory, given, latents):
    """One iteration of the non-saturating game with R1, in plain JAX and optax."""

    def network(params, x):
        for i, last in enumerate((False, True)):
            layer = params[f"Dense_{i}"]
            x = x @ layer["kernel"] + layer["bias"][None]
            x = x if last else jnp.tanh(x)
        return x

    def judge(d, x):
        return network(d, x)[:, 0]

    def pay_discriminator(d, g, x, z):
        adversarial = (
            jax.nn.softplus(-judge(d, x)).mean()
            + jax.nn.softplus(judge(d, network(g, z))).mean()
        )
        slopes = jax.vmap(jax.grad(lambda one: judge(d, one[None])[0]))(x)
        penalty = GAMMA / 2 * jnp.square(slopes).sum(axis=1).mean()
        return adversarial + penalty, {"non_saturating": adversarial, "r1": penalty}

    def pay_generator(g, d, x, z):
        adversarial = jax.nn.softplus(-judge(d, network(g, z))).mean()
        return adversarial, {"non_saturating": adversarial}

    reports = {player: [] for player in order}
    for player, batch, z in zip(order, given, latents, strict=True):
        pay = pay_discriminator if player == "discriminator" else pay_generator
        [other] = set(PLAYERS) - {player}
        gradient, terms = jax.grad(pay, has_aux=True)(
            params[player], params[other], batch.real, z
        )
        with standard_promotion():
            updates, memory[player] = optimizers[player].update(
                gradient, memory[player], params[player]
            )
        params[player] = optax.apply_updates(params[player], updates)
        reports[player].append((terms, optax.tree.norm(gradient)))
    means = {
        player: jax.tree.map(lambda *x: sum(x) / len(x), *of_player)
        for player, of_player in reports.items()
    }
    return params, memory, means


@pytest.mark.parametrize(
    ("order", "fakes", "optimizers"),
    [
        pytest.param(
            *(PLAYERS, None, (optax.sgd(0.4), optax.sgd(0.1))), marks=pytest.mark.slow
        ),
        pytest.param(
            *(PLAYERS, None, (optax.adam(4e-3, b1=0.5), optax.adam(1e-3, b1=0.5))),
            marks=pytest.mark.slow,
        ),
        (
            ("discriminator",) * 3 + ("generator",),
            {"discriminator": 6, "generator": 10},
            (optax.sgd(0.4), optax.adam(1e-2)),
        ),
        pytest.param(
            *(PLAYERS[::-1], {"generator": 5}, (optax.sgd(0.1), optax.sgd(0.1))),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["two learning rates", "adam", "three to one, unequal batches", "reversed"],
)
def test_a_step_is_the_algorithm_written_by_hand(order, fakes, optimizers):
    optimizers = dict(zip(PLAYERS, optimizers, strict=True))
    algorithm, step = telling(
        partial(
            algorithm_of, optimizer=optimizers, n=4, order=order, fake_batch_sizes=fakes
        ),
        small_game(chain(non_saturating(), r1(GAMMA))),
    )
    hand = jax.jit(partial(by_hand, order, optimizers))
    state = algorithm.init(jax.random.key(0))
    params = {name: variables.params for name, variables in state.variables.items()}
    memory = {player: optimizers[player].init(params[player]) for player in PLAYERS}
    for number in range(2):
        given = batches(len(order), n=4, seed=number)
        state, info, drawn = step(state, given)
        assert [len(z) for z in drawn] == [(fakes or {}).get(p, 4) for p in order]
        params, memory, means = hand(params, memory, given, drawn)
        got = {name: variables.params for name, variables in state.variables.items()}
        assert_close(got, params)
        for player, (terms, norm) in means.items():
            assert_close(info.losses[player], terms)
            assert_close(info.gradient_norms[player], norm, rtol=1e-5)


# Randomness and position


def test_every_substep_draws_fresh_latents_from_the_position_alone():
    order = ("discriminator", "discriminator", "generator")
    algorithm, step = telling(partial(algorithm_of, order=order), small_game())
    state = algorithm.init(jax.random.key(0))
    walked, _, first = step(state, batches(3))
    for _ in range(5):
        walked, _, sixth = step(walked, batches(3))
    _, _, jumped = step(state._replace(step=jnp.int32(5)), batches(3))
    _, _, other = step(algorithm.init(jax.random.key(1)), batches(3))
    np.testing.assert_array_equal(sixth, jumped)
    distinct = {np.asarray(z).tobytes() for z in (*first, *sixth, *other)}
    assert len(distinct) == 9


def test_a_step_knows_nothing_of_how_its_state_came_about():
    algorithm = algorithm_of(
        small_game(chain(wasserstein(), gradient_penalty())), optax.adam(1e-2)
    )
    step = jax.jit(algorithm.step)
    state = algorithm.init(jax.random.key(0))
    for number in range(5):
        state, _ = step(state, batches(seed=number))
    rebuilt = jax.tree.map(
        lambda x: jnp.asarray(np.asarray(x)), state._replace(key=())
    )._replace(key=algorithm.init(jax.random.key(0)).key)
    assert int(rebuilt.step) == 5
    one, other = (step(s, batches(seed=5)) for s in (state, rebuilt))
    assert bits(one) == bits(other)


@pytest.mark.parametrize("term", ["gradient_penalty", "dropout", "view"])
def test_other_randomness_too_is_fresh_in_every_iteration(term):
    if term == "gradient_penalty":
        game = small_game(chain(wasserstein(), gradient_penalty()))
    elif term == "view":
        game = small_game(
            view=View(show=lambda s, key, x, step: x + jax.random.normal(key, x.shape))
        )
    else:
        noisy = Network(
            init=lambda key, x: Variables(jnp.ones(2)),
            apply=lambda v, x, key=None, train=True: (
                (x + jax.random.normal(key, x.shape)) @ v.params,
                (),
            ),
        )
        game = gan(mlp((2,), (4,)), noisy, non_saturating(), priors.normal(3))
    # Nobody learns and the latents are fixed: what changes is the other randomness.
    game = game._replace(prior=lambda key, n, condition: random(0, n, 3))
    algorithm = algorithm_of(game, optax.sgd(0.0), order=("discriminator",) * 2)
    given = (reals(0), reals(0))
    states = [algorithm.init(jax.random.key(0))]
    states.append(states[0]._replace(step=jnp.int32(1)))
    step = jax.jit(algorithm.step)
    paid = [
        float(sum(step(s, given)[1].losses["discriminator"].values()))
        for s in (*states, states[0])
    ]
    assert paid[0] == paid[2] != paid[1]


# Ownership


def count(name, payer, state_owner=None):
    """A term that counts the substeps in which its state moves."""

    def evaluate(record, state, key):
        return {payer: 0.0 * record.mean(record.fake_score.logits)}, state + 1

    return Loss({name: Term(lambda variables: jnp.int32(0), evaluate, state_owner)})


def eventful_game():
    """A game in which everything that can change does."""
    view = View(
        init=lambda example: jnp.int32(0), adapt=lambda state, record: state + 1
    )
    return small_game(
        chain(
            non_saturating(),
            gradient_penalty(),
            count("by_default", "discriminator"),
            count("by_name", "discriminator", state_owner="generator"),
        ),
        normed=PLAYERS,
        view=view,
    )


def owned(path, mover):
    """Return True if a leaf of the state belongs to `mover`, by its path."""
    if path.startswith((f".variables['{mover}']", f".opt_states['{mover}']")):
        return True
    theirs = {
        "discriminator": [
            ".loss_states['by_default']",
            ".view_states['discriminator']",
        ],
        "generator": [".loss_states['by_name']"],
    }
    return path in theirs[mover] or path == ".step"


@pytest.mark.parametrize("mover", PLAYERS)
def test_a_substep_changes_what_its_player_owns_and_no_other_bit(mover):
    algorithm = algorithm_of(eventful_game(), optax.adam(1e-2), order=(mover,))
    state = algorithm.init(jax.random.key(0))
    after, info = jax.jit(algorithm.step)(state, batches(1))
    before, now = bits(state), bits(after)
    assert before.keys() == now.keys()
    changed = {path for path in now if now[path] != before[path]}
    assert changed == {path for path in now if owned(path, mover)}
    assert list(info.losses) == list(info.diagnostics) == [mover]


def test_a_state_moves_once_an_iteration_however_often_others_move():
    order = ("generator", "discriminator", "generator")
    algorithm = algorithm_of(eventful_game(), order=order)
    state = algorithm.init(jax.random.key(0))
    for number in range(2):
        state, _ = jax.jit(algorithm.step)(state, batches(3, seed=number))
    assert state.loss_states["by_default"] == state.view_states["discriminator"] == 2
    assert state.loss_states["by_name"] == 4
    assert state.step == 2


# Any number of players


def scalar_network(start):
    return Network(
        init=lambda key: Variables(jnp.float32(start)),
        apply=lambda v, key=None, train=True: (v.params, ()),
    )


def three_player_game():
    """Each player i sits at xᵢ and pays (xᵢ - xᵢ₊₁ - shift)² / 2."""
    names = ("a", "b", "c")

    def play(call, turn):
        positions = {n: call[n]()[0] for n in names}
        shift = turn.mean(turn.batch.real)
        return (positions, shift), dict.fromkeys(names, ()), {}

    def pay(record, key):
        positions, shift = record
        return {
            n: 0.5 * jnp.square(positions[n] - positions[m] - shift)
            for n, m in zip(names, names[1:] + names[:1], strict=True)
        }

    return Game(
        networks={n: scalar_network(i) for i, n in enumerate(names)},
        players={f"player {n}": (n,) for n in names},
        prior=lambda key, n, condition: jnp.zeros((n, 1)),
        play=play,
        loss=stateless(
            lambda record, key: {
                f"player {n}": paid for n, paid in pay(record, key).items()
            },
            name="chase",
        ),
    )


def test_three_players_chase_each_other_as_by_hand():
    game = three_player_game()
    algorithm = alternating(
        game,
        {player: optax.sgd(0.5) for player in game.players},
        Batch(jnp.zeros((4, 1))),
        order=tuple(game.players),
    )
    state = algorithm.init(jax.random.key(0))
    a, b, c = 0.0, 1.0, 2.0
    shifts = (1.0, -2.0, 0.5)
    given = tuple(Batch(jnp.full((4, 1), shift)) for shift in shifts)
    for _ in range(3):
        state, info = jax.jit(algorithm.step)(state, given)
        slopes = {}
        slopes["player a"] = a - b - shifts[0]
        a -= 0.5 * slopes["player a"]
        slopes["player b"] = b - c - shifts[1]
        b -= 0.5 * slopes["player b"]
        slopes["player c"] = c - a - shifts[2]
        c -= 0.5 * slopes["player c"]
        for player, slope in slopes.items():
            assert float(info.gradient_norms[player]) == pytest.approx(abs(slope))
            assert float(info.losses[player]["chase"]) == pytest.approx(slope**2 / 2)
    got = [float(state.variables[name].params) for name in "abc"]
    np.testing.assert_allclose(got, [a, b, c], rtol=1e-6)


def test_a_player_may_own_several_networks():
    game = three_player_game()
    pair = ("a", "b")
    together = game._replace(
        players={"pair": pair, "third": ("c",)},
        loss=stateless(
            lambda record, key: {
                "pair": record[0]["a"] * record[0]["b"] * record[0]["c"],
                "third": -record[0]["c"],
            },
            name="product",
        ),
    )
    algorithm = alternating(
        together,
        {player: optax.sgd(0.5) for player in together.players},
        Batch(jnp.zeros((4, 1))),
        order=("pair",),
    )
    state, info = algorithm.step(
        algorithm.init(jax.random.key(0)), (Batch(jnp.zeros((4, 1))),)
    )
    # From (0, 1, 2) the slopes are (bc, ac) = (2, 0).
    positions = {name: float(state.variables[name].params) for name in "abc"}
    assert positions == {"a": -1.0, "b": 1.0, "c": 2.0}
    assert float(info.gradient_norms["pair"]) == 2.0


# Transformations from outside


def test_a_step_is_traced_once():
    loss = chain(non_saturating(), every(gradient_penalty(), n=2))
    game = small_game(loss, normed=PLAYERS)
    algorithm = ema(algorithm_of(game, optax.adam(1e-2)))
    traces = []

    @jax.jit
    def step(state, given):
        traces.append(jax.tree.map(jax.typeof, (state, given)))
        return algorithm.step(state, given)

    state = algorithm.init(jax.random.key(0))
    for number in range(4):
        state, _ = step(state, batches(seed=number))
    assert int(state.step) == 4
    assert len(traces) == 1


KEYS = jax.random.split(jax.random.key(0), 2)


def walk(step, state, iterations=3):
    infos = []
    for number in range(iterations):
        state, info = step(state, batches(seed=number))
        infos.append(info)
    return state._replace(key=jax.random.key_data(state.key)), infos


@pytest.fixture(scope="module")
def algorithm():
    loss = chain(wasserstein(), every(gradient_penalty(), n=2))
    return algorithm_of(small_game(loss), optax.adam(1e-2))


@pytest.fixture(scope="module")
def single_runs(algorithm):
    step = jax.jit(algorithm.step)
    return [walk(step, algorithm.init(key)) for key in KEYS]


@pytest.mark.slow
@pytest.mark.parametrize(
    "step_axis",
    [None, pytest.param(0, marks=pytest.mark.slow)],
    ids=["unbatched", "batched"],
)
def test_a_population_of_seeds_is_its_members(algorithm, single_runs, step_axis):
    axes = jax.tree.map(lambda _: 0, jax.eval_shape(algorithm.init, KEYS[0]))
    axes = axes._replace(step=step_axis)
    init = jax.vmap(algorithm.init, out_axes=axes)
    step = jax.vmap(algorithm.step, in_axes=(axes, None), out_axes=(axes, 0))
    members, infos = walk(jax.jit(step), init(KEYS))
    for i, (single, its_infos) in enumerate(single_runs):
        member = jax.tree.map(lambda x, i=i: x[i] if x.ndim else x, members)
        assert_close(member, single, rtol=1e-5)
        assert_close(jax.tree.map(lambda x, i=i: x[i], infos), its_infos, rtol=1e-5)


def test_steps_may_be_scanned(algorithm, single_runs):
    looped, its_infos = single_runs[0]
    state = algorithm.init(KEYS[0])
    given = jax.tree.map(lambda *x: jnp.stack(x), *(batches(seed=i) for i in range(3)))
    scanned, infos = jax.jit(partial(jax.lax.scan, algorithm.step))(state, given)
    assert_close(
        scanned._replace(key=jax.random.key_data(scanned.key)), looped, rtol=1e-5
    )
    assert_close(infos, jax.tree.map(lambda *x: jnp.stack(x), *its_infos), rtol=1e-5)


@pytest.mark.slow
def test_one_trace_serves_a_sweep_of_hyperparameters():
    built = []

    def build(hypers):
        built.append(hypers)
        game = small_game(chain(non_saturating(), r1(hypers["gamma"])))
        adam = optax.adam(hypers["learning_rate"], b1=0.5)
        return algorithm_of(game, adam, order=("discriminator",))

    hypers = {
        "gamma": jnp.array([0.1, 10.0]),
        "learning_rate": jnp.array([1e-3, 3e-2]),
    }

    def train(hypers):
        algorithm = build(hypers)
        state, info = algorithm.step(algorithm.init(jax.random.key(0)), batches(1))
        return state.variables, info

    sweep = jax.jit(jax.vmap(train))
    swept = sweep(hypers)
    sweep(jax.tree.map(lambda x: x / 2, hypers))
    assert len(built) == 1
    alone = jax.jit(train)
    for i in range(2):
        member = {name: values[i] for name, values in hypers.items()}
        one = jax.tree.map(lambda x, i=i: x[i], swept)
        assert_close(one, alone(member), rtol=1e-5)


# Cost


def flops(function, *arguments):
    return jax.jit(function).lower(*arguments).compile().cost_analysis()["flops"]


def test_what_a_substep_does_not_read_is_not_computed():
    width, n, latent = 128, 64, 16
    loss = chain(non_saturating(), r1(1.0), gradient_penalty())
    game = small_game(loss, width=width, latent=latent)
    algorithm = algorithm_of(game, optax.sgd(0.1), n=n, order=("generator",))
    state = jax.eval_shape(algorithm.init, jax.random.key(0))

    def by_hand(generator, discriminator, z, real):
        def network(name, params, x):
            return game.networks[name].apply(Variables(params, {}), x)[0]

        def pay(generator):
            fake = network("generator", generator, z)
            logits = network("discriminator", discriminator, fake)
            diversity = fake.std(axis=0).mean() / real.std(axis=0).mean()
            return jax.nn.softplus(-logits).mean(), diversity

        gradient, diversity = jax.grad(pay, has_aux=True)(generator)
        moved = jax.tree.map(lambda p, g: p - 0.1 * g, generator, gradient)
        return moved, optax.tree.norm(gradient), diversity

    params = (state.variables[name].params for name in ("generator", "discriminator"))
    expected = flops(by_hand, *params, random(0, n, latent), reals(0, n).real)
    actual = flops(algorithm.step, state, batches(1, n))
    drawing = flops(lambda key: jax.random.normal(key, (n, latent)), state.key)
    assert actual - drawing == pytest.approx(expected, rel=0.01)
