"""The dynamics on games of networks: against steps written by hand, and their laws."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import (
    Batch,
    InputError,
    Loss,
    Term,
    View,
    alternating,
    chain,
    data_parallel,
    ema,
    every,
    extragradient,
    gradient_penalty,
    microbatched,
    non_saturating,
    r1,
    simultaneous,
    wasserstein,
)
from jaxgan.algorithms import lookahead
from jaxgan.dynamics import (
    consensus,
    optimistic,
    past_extragradient,
    proximal_point,
    symplectic_adjustment,
    unrolled,
)
from jaxgan.losses import relativistic_average
from jaxgan.penalties import lecam
from jaxgan.precision import standard_promotion
from jaxgan.theory.games import bilinear, quadratic
from jaxgan.training.checkpoint import Checkpoints, restore, shapes
from tests.builders import (
    algorithm_of,
    assert_close,
    batches,
    bits,
    random,
    reals,
    small_game,
    tiered,
)

GAMMA = 0.3
LATENTS = random(7, 8, 3)


def looking_ahead(*of, **options):
    return lookahead(alternating(*of, **options), period=2)


# Every dynamics and the substeps of its step.
DYNAMICS = {
    "alternating": (alternating, 2),
    "simultaneous": (simultaneous, 1),
    "extragradient": (extragradient, 2),
    "past_extragradient": (past_extragradient, 1),
    "optimistic": (optimistic, 1),
    "consensus": (partial(consensus, weight=0.5), 1),
    "symplectic_adjustment": (symplectic_adjustment, 1),
    "unrolled": (partial(unrolled, unroll_steps=2), 2),
    "lookahead": (looking_ahead, 2),
    "proximal_point": (proximal_point, 1),
}
TOGETHER = [name for name, (_, substeps) in DYNAMICS.items() if substeps == 1]
# One that moves at once, one that looks ahead; all in the second tier.
FIRST = {"simultaneous", "extragradient"}


def still_game(loss=None, **options):
    """A game whose latents are always the same, so that its field is a function."""
    game = small_game(loss or chain(non_saturating(), r1(GAMMA)), **options)
    return game._replace(prior=lambda key, n, condition: LATENTS[:n])


def walk(algorithm, steps, substeps):
    """Take some steps, and return what each returns."""
    after, step = [(algorithm.init(jax.random.key(0)), None)], jax.jit(algorithm.step)
    for i in range(steps):
        after.append(step(after[-1][0], batches(substeps, seed=i)))
    return after[1:]


def run(algorithm, steps, substeps):
    return walk(algorithm, steps, substeps)[-1]


# By hand


def network(params, x):
    hidden = jnp.tanh(x @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"][None])
    return hidden @ params["Dense_1"]["kernel"] + params["Dense_1"]["bias"][None]


def costs(w, x):
    """Compute both losses of the non-saturating game with R1, in plain JAX."""
    g, d = w["generator"], w["discriminator"]
    fake = network(g, LATENTS)
    slope = jax.vmap(jax.grad(lambda point: network(d, point[None])[0, 0]))(x)
    return {
        "discriminator": jax.nn.softplus(-network(d, x)).mean()
        + jax.nn.softplus(network(d, fake)).mean()
        + GAMMA / 2 * jnp.square(slope).sum(axis=1).mean(),
        "generator": jax.nn.softplus(-network(d, fake)).mean(),
    }


@jax.jit
def field(w, x):
    return {
        player: jax.grad(lambda own, p=player: costs({**w, p: own}, x)[p])(w[player])
        for player in ("discriminator", "generator")
    }


def plus(one, scale, other):
    return jax.tree.map(lambda a, b: a + scale * b, one, other)


def start_of(algorithm):
    state = algorithm.init(jax.random.key(3))
    return state, {name: v.params for name, v in state.variables.items()}


def weights_after(algorithm, state, *given):
    state, _ = jax.jit(algorithm.step)(state, given)
    return {name: value.params for name, value in state.variables.items()}


SIZE = 0.1


def stepped_by_hand(name, w, x, y):
    if name == "simultaneous":
        return plus(w, -SIZE, field(w, x))
    if name == "extragradient":
        return plus(w, -SIZE, field(plus(w, -SIZE, field(w, x)), y))
    if name == "consensus":
        norm = lambda w: optax.tree.norm(field(w, x), squared=True) / 2  # noqa: E731
        return plus(plus(w, -SIZE, field(w, x)), -SIZE * 0.5, jax.grad(norm)(w))
    flat, restore_tree = jax.flatten_util.ravel_pytree(w)
    vector = lambda flat: jax.flatten_util.ravel_pytree(  # noqa: E731
        field(restore_tree(flat), x)
    )[0]
    slope, at = jax.jacobian(vector)(flat), vector(flat)
    if name == "symplectic_adjustment":
        turned = (slope - slope.T).T @ at / 2
        across = slope.T @ at
        favor = (at @ across) * (turned @ across) / len(at) + 0.1
        return restore_tree(flat - SIZE * (at + jnp.sign(favor) * turned))
    for _ in range(8):  # the proximal point, by Newton with the whole Jacobian
        slope = jnp.eye(len(at)) + SIZE * jax.jacobian(vector)(flat)
        start = jax.flatten_util.ravel_pytree(w)[0]
        flat -= jnp.linalg.solve(slope, flat - start + SIZE * vector(flat))
    return restore_tree(flat)


BY_HAND = [
    "simultaneous",
    "extragradient",
    "consensus",
    "symplectic_adjustment",
    "proximal_point",
]


@pytest.mark.parametrize("name", tiered(BY_HAND, BY_HAND[:1]))
def test_a_step_by_hand(name):
    dynamics, substeps = DYNAMICS[name]
    algorithm = algorithm_of(still_game(), optax.sgd(SIZE), dynamics=dynamics)
    state, w = start_of(algorithm)
    x, y = reals(1), reals(2)
    found = weights_after(algorithm, state, *(x, y)[:substeps])
    assert_close(found, stepped_by_hand(name, w, x.real, y.real), atol=1e-5)


@pytest.mark.slow
def test_unrolled_by_hand_through_adam():
    """The discriminator's Adam, with moments from earlier steps, twice inside."""
    adam = optax.adam(0.05, b1=0.5, eps_root=1e-6)
    optimizers = {"discriminator": adam, "generator": optax.sgd(SIZE)}
    algorithm = algorithm_of(
        still_game(),
        optimizers,
        dynamics=unrolled,
        unroll_steps=2,
        player="generator",
        order=("generator", "discriminator"),
    )
    state, _ = start_of(algorithm)
    state, _ = jax.jit(algorithm.step)(state, batches(2))
    w = {name: value.params for name, value in state.variables.items()}
    memory = state.opt_states["discriminator"]
    x, y = reals(1), reals(2)

    def foreseen(g):
        d, inside = w["discriminator"], memory
        for _ in range(2):
            gradient = field({"generator": g, "discriminator": d}, x.real)
            own = {"discriminator": gradient["discriminator"]}
            with standard_promotion():
                updates, inside = adam.update(own, inside, {"discriminator": d})
            d = plus(d, 1.0, updates["discriminator"])
        return costs({"generator": g, "discriminator": d}, x.real)["generator"]

    moved = plus(w["generator"], -SIZE, jax.grad(foreseen)(w["generator"]))
    found, _ = jax.jit(algorithm.step)(state, (x, y))
    assert_close(found.variables["generator"].params, moved, atol=1e-6)
    # The discriminator then moves as ever, from where it was.
    gradient = field({**w, "generator": moved}, y.real)["discriminator"]
    with standard_promotion():
        updates, _ = adam.update({"discriminator": gradient}, memory)
    expected = plus(w["discriminator"], 1.0, updates["discriminator"])
    assert_close(found.variables["discriminator"].params, expected, atol=1e-5)


def test_the_look_ahead_leaves_no_trace_in_the_optimizers():
    """Moments and schedules move once a step."""
    rate = optax.linear_schedule(0.1, 0.0, 10)
    algorithm = algorithm_of(bilinear(), optax.adam(rate), dynamics=extragradient)
    state, _ = run(algorithm, 3, 2)
    counts = [
        int(x)
        for x in jax.tree.leaves(state.opt_states)
        if jnp.issubdtype(x.dtype, jnp.integer)
    ]
    assert set(counts) == {3}


def test_optimistic_adam_is_optaxs():
    """Twice the update less the one before, in both players."""
    adam = optax.adam(0.01)
    algorithm = algorithm_of(still_game(), adam, dynamics=optimistic)
    state, w = start_of(algorithm)
    x, y = reals(1), reals(2)
    update = jax.jit(adam.update)
    with standard_promotion():
        first, memory = update(field(w, x.real), adam.init(w))
        w = plus(w, 1.0, first)
        second, _ = update(field(w, y.real), memory)
    w = plus(plus(w, 2.0, second), -1.0, first)
    step = jax.jit(algorithm.step)
    for batch in (x, y):
        state, _ = step(state, (batch,))
    found = {name: value.params for name, value in state.variables.items()}
    assert_close(found, w, atol=1e-6)


def test_lookahead_calls_back_both_players():
    inner = algorithm_of(bilinear(), optax.adam(0.01))
    algorithm = lookahead(inner, period=2, slow_step_size=0.25)
    state, plain = (a.init(jax.random.key(0)) for a in (algorithm, inner))
    start = {name: v.params for name, v in plain.variables.items()}
    for i in range(2):
        plain, _ = inner.step(plain, batches(seed=i))
        state, _ = algorithm.step(state, batches(seed=i))
    fast = {name: v.params for name, v in plain.variables.items()}
    expected = jax.tree.map(lambda s, f: s + 0.25 * (f - s), start, fast)
    found = {name: v.params for name, v in state.variables.items()}
    assert_close(found, expected)
    assert_close(state.dynamics_state["slow"], expected)
    assert bits(state.opt_states) == bits(plain.opt_states)


def test_simultaneous_moves_share_their_forward_pass():
    """Operations of a step, counted in what is compiled."""

    def operations(dynamics, substeps):
        algorithm = algorithm_of(small_game(width=64), n=64, dynamics=dynamics)
        state = jax.eval_shape(algorithm.init, jax.random.key(0))
        step = jax.jit(algorithm.step).lower(state, batches(substeps, n=64))
        return step.compile().cost_analysis()["flops"]

    share = operations(simultaneous, 1) / operations(alternating, 2)
    assert 0.7 < share < 0.95


# Laws of all


def counting_loss():
    """A loss whose state counts how often it moved, and which charges nothing."""

    def evaluate(record, state, key):
        nothing = 0 * record.mean(record.fake_score.logits)
        return {"generator": nothing, "discriminator": nothing}, state + 1

    return Loss({"count": Term(lambda variables: jnp.int32(0), evaluate)})


def counting_view():
    """A view whose state counts, and moves what is shown."""
    return View(
        init=lambda example: jnp.float32(0),
        show=lambda state, key, x, step: x + 0.1 * state,
        adapt=lambda state, record: state + 1,
    )


@pytest.mark.parametrize("name", tiered(DYNAMICS, FIRST))
def test_three_steps_of_everything_at_once(name):
    """One trace, states of one shape, and every state moved once a step."""
    dynamics, substeps = DYNAMICS[name]
    loss = chain(non_saturating(), every(r1(GAMMA), n=2), lecam(0.1), counting_loss())
    game = small_game(loss, normed=("generator",), view=counting_view())
    optimizer = optax.adam(1e-3, eps_root=1e-8)
    algorithm = ema(algorithm_of(game, optimizer, dynamics=dynamics))
    traces = []

    @jax.jit
    def step(state, given):
        traces.append(1)
        return algorithm.step(state, given)

    state = first = algorithm.init(jax.random.key(0))
    with pytest.raises(InputError, match=rf"a step of {substeps} substeps takes"):
        algorithm.step(state, batches(3))
    for i in range(3):
        state, info = step(state, batches(substeps, seed=i))
    assert len(traces) == 1
    assert jax.tree.map(jnp.shape, state) == jax.tree.map(jnp.shape, first)
    counts = state.loss_states["count"], state.view_states["discriminator"]
    assert int(state.step) == 3 and list(map(int, counts)) == [3, 3]
    assert all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(info))
    assert set(info.losses["discriminator"]) == set(loss.terms)
    for player in game.players:
        assert float(info.gradient_norms[player]) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["consensus", "extragradient", "unrolled"])
def test_eight_devices_do_as_one(name):
    dynamics, substeps = DYNAMICS[name]
    game = small_game(chain(non_saturating(), r1(GAMMA)), normed=("generator",))
    build = lambda game: algorithm_of(game, dynamics=dynamics)  # noqa: E731
    one, _ = run(build(game), 2, substeps)
    eight, _ = run(data_parallel(build, game, jax.local_devices()[:8]), 2, substeps)
    assert_close(one.variables, eight.variables, atol=2e-6)


@pytest.mark.parametrize("name", ["past_extragradient", "lookahead"])
def test_resume_is_exact_with_what_dynamics_remember(name, tmp_path):
    dynamics, substeps = DYNAMICS[name]
    optimizer = optax.adam(1e-3, eps_root=1e-8)
    algorithm = algorithm_of(bilinear(), optimizer, dynamics=dynamics)
    step = jax.jit(algorithm.step)
    state = algorithm.init(jax.random.key(0))
    state, _ = step(state, batches(substeps))
    with Checkpoints(tmp_path, 1) as saved:
        saved.save(state)
        saved.wait()
    like = shapes(
        partial(algorithm.init, jax.random.key(0)),
        jax.sharding.SingleDeviceSharding(jax.local_devices()[0]),
    )
    again = restore(tmp_path, like)
    assert bits(again) == bits(state)
    given = batches(substeps, seed=1)
    assert bits(step(again, given)[0]) == bits(step(state, given)[0])


@pytest.mark.parametrize("name", tiered([*TOGETHER, "extragradient"], FIRST))
def test_statistics_are_those_of_one_round(name):
    """BatchNorm's mean moves once a step: by a tenth towards the batch's mean."""
    dynamics, substeps = DYNAMICS[name]
    game = still_game(non_saturating(), normed=("generator",))
    algorithm = algorithm_of(game, optax.sgd(1e-6), dynamics=dynamics)
    state, _ = run(algorithm, 2, substeps)
    value = state.variables["generator"]
    mean = (LATENTS @ value.params["Dense_0"]["kernel"]).mean(axis=0)
    found = value.stats["batch_stats"]["BatchNorm_0"]["mean"]
    assert_close(found, (1 - 0.9**2) * mean, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", tiered(DYNAMICS, ["simultaneous"]))
def test_lazy_parts_are_paid_only_when_due(name):
    dynamics, substeps = DYNAMICS[name]
    options = {"dynamics": dynamics}
    lazy = algorithm_of(
        still_game(chain(non_saturating(), every(r1(GAMMA), n=2))), **options
    )
    eager = algorithm_of(still_game(chain(non_saturating(), r1(2 * GAMMA))), **options)
    never = algorithm_of(still_game(non_saturating()), **options)
    state, given = lazy.init(jax.random.key(0)), batches(substeps)

    def params(algorithm, state):
        loss = {term: () for term in algorithm.init(jax.random.key(0)).loss_states}
        after, _ = jax.jit(algorithm.step)(state._replace(loss_states=loss), given)
        return {n: v.params for n, v in after.variables.items()}

    assert_close(params(lazy, state), params(eager, state), atol=1e-5)
    state = state._replace(step=jnp.int32(1))
    assert_close(params(lazy, state), params(never, state), atol=1e-5)


def test_a_pool_is_told_who_moves_and_refused_where_all_do():
    movers = []

    def pool(state, fake, key, player):
        movers.append(player)
        return fake, state

    game = small_game(view=View(pool=pool))
    algorithm_of(game)
    assert set(movers) == {"discriminator", "generator"}
    with pytest.raises(InputError, match="the view keeps earlier fakes, which only"):
        algorithm_of(game, dynamics=simultaneous)


@pytest.mark.slow
def test_foreseen_moves_leave_no_statistics():
    """The discriminator's BatchNorm moves in its own substep alone."""
    game = still_game(non_saturating(), normed=("discriminator",))
    options = {"dynamics": partial(unrolled, unroll_steps=2, order=("generator",))}
    algorithm = algorithm_of(game, optax.sgd(0.1), **options)
    state = algorithm.init(jax.random.key(0))
    after, _ = jax.jit(algorithm.step)(state, batches(1))
    assert bits(after.variables["discriminator"]) == bits(
        state.variables["discriminator"]
    )
    assert bits(after.opt_states["discriminator"]) == bits(
        state.opt_states["discriminator"]
    )
    assert bits(after.variables["generator"]) != bits(state.variables["generator"])


def test_several_others_are_foreseen_together():
    """a pays w·b + w·c; b and c each descend their own cost in w."""
    game = quadratic(
        {
            ("a", "b"): [[1.0]],
            ("a", "c"): [[1.0]],
            ("b", "a"): [[2.0]],
            ("c", "a"): [[-0.5]],
        },
        {"a": [1.0], "b": [0.5], "c": [0.25]},
    )
    algorithm = unrolled(
        game,
        dict.fromkeys("abc", optax.sgd(0.1)),
        Batch(jnp.zeros((1, 1))),
        unroll_steps=2,
        player="a",
        order=("a",),
    )
    state, _ = algorithm.step(
        algorithm.init(jax.random.key(0)), (Batch(jnp.zeros((1, 1))),)
    )
    # b₂ = b - 0.4 a and c₂ = c + 0.1 a, so a pays a (b + c) - 0.3 a².
    expected = 1.0 - 0.1 * (0.75 - 0.6)
    assert float(state.variables["a"].params[0]) == pytest.approx(expected, rel=1e-6)
    assert float(state.variables["b"].params[0]) == 0.5


# Gradient accumulation


def remembering():
    """A loss that keeps a moving average of the logits, and charges nothing."""

    def evaluate(record, state, key):
        new = 0.9 * state + 0.1 * record.mean(record.fake_score.logits)
        return {"discriminator": jnp.float32(0)}, new

    return Loss({"remembering": Term(lambda variables: jnp.float32(1), evaluate)})


ACCUMULATED = {
    "r1": lambda: chain(non_saturating(), r1(GAMMA)),
    "lazy": lambda: chain(non_saturating(), every(r1(GAMMA), n=2)),
    "random, with a state": lambda: chain(
        wasserstein(), gradient_penalty(0.5), remembering()
    ),
}


@cache
def whole_and_in_shares(name, loss):
    """Take three steps of the whole batch, and of microbatches."""
    dynamics, substeps = DYNAMICS[name]
    game = small_game(ACCUMULATED[loss]())
    return tuple(
        walk(algorithm_of(game, dynamics=dynamics), 3, substeps)
        for game in (game, microbatched(game, 4))
    )


@pytest.mark.parametrize("loss", tiered(ACCUMULATED, ["random, with a state"]))
@pytest.mark.parametrize(
    "name", tiered(["alternating", "simultaneous", "consensus"], ["alternating"])
)
def test_microbatches_give_the_whole_batchs_step(name, loss):
    (whole, _), (shares, _) = (steps[-1] for steps in whole_and_in_shares(name, loss))
    assert_close(whole.variables, shares.variables, atol=2e-6)
    assert_close(whole.loss_states, shares.loss_states, atol=2e-6)


@pytest.mark.parametrize("loss", tiered(ACCUMULATED, ["random, with a state"]))
def test_microbatches_report_the_whole_batch(loss):
    whole, shares = (steps[0][1] for steps in whole_and_in_shares("alternating", loss))
    assert_close(whole.losses, shares.losses)
    assert_close(whole.gradient_norms, shares.gradient_norms)


def test_what_couples_examples_sees_its_microbatch():
    """The docstring says so: the relativistic average is of a share."""
    game = small_game(relativistic_average(non_saturating()))
    only = {"order": ("discriminator",)}
    whole, _ = run(algorithm_of(game, **only), 1, 1)
    shares, _ = run(algorithm_of(microbatched(game, 4), **only), 1, 1)
    kernels = [s.variables["discriminator"].params for s in (whole, shares)]
    worst = max(
        float(jnp.abs(a - b).max())
        for a, b in zip(*map(jax.tree.leaves, kernels), strict=True)
    )
    assert worst > 1e-5


def test_microbatches_average_the_statistics():
    game = microbatched(still_game(normed=("generator",)), 2)
    state, _ = run(algorithm_of(game, optax.sgd(1e-6), order=("generator",)), 1, 1)
    value = state.variables["generator"]
    hidden = LATENTS @ value.params["Dense_0"]["kernel"]
    stats = value.stats["batch_stats"]["BatchNorm_0"]
    assert_close(stats["mean"], 0.1 * hidden.mean(axis=0), atol=1e-4)
    within = (hidden[0::2].var(axis=0) + hidden[1::2].var(axis=0)) / 2
    assert_close(stats["var"], 0.9 + 0.1 * within, atol=1e-4)


# Refusals


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            partial(unrolled, unroll_steps=0),
            r"unrolled: unroll_steps must be an integer of at least 1, got 0\.",
        ),
        (
            partial(unrolled, unroll_steps=2, player="critic"),
            r"unrolled: player: \['critic'\]",
        ),
        (
            partial(unrolled, unroll_steps=2, order=()),
            "order must be a tuple of players",
        ),
        (partial(consensus, weight=-1.0), "consensus: weight must be at least 0"),
        (
            partial(symplectic_adjustment, weight=float("nan")),
            "symplectic_adjustment: weight must be a finite number",
        ),
        (
            partial(proximal_point, iterations=0),
            "proximal_point: iterations must be an integer of at least 1",
        ),
        (
            partial(simultaneous, fake_batch_size=0),
            "fake_batch_size must be an integer of at least 1",
        ),
        (
            lambda *of: lookahead(alternating(*of), period=0),
            "lookahead: period must be an integer of at least 1",
        ),
        (
            lambda *of: lookahead(alternating(*of), slow_step_size=1.5),
            "lookahead: slow_step_size must be from 0 to 1",
        ),
    ],
)
def test_bad_input_is_refused(build, message):
    with pytest.raises(InputError, match=message):
        algorithm_of(small_game(), dynamics=build)


def rounded(gradient, state, params=None):
    return jax.tree.map(lambda x: jax.pure_callback(np.round, x, x), gradient), state


@pytest.mark.parametrize(
    "dynamics", [partial(unrolled, unroll_steps=1), partial(proximal_point)]
)
@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (
            optax.adam(1e-3),
            "its update's derivative at gradient zero is not finite",
        ),
        (
            optax.GradientTransformation(lambda params: (), rounded),
            r"optimizers\['\w+'\] cannot be differentiated: Pure callbacks",
        ),
    ],
)
def test_an_optimizer_that_cannot_be_differentiated_is_refused(
    dynamics, optimizer, message
):
    with pytest.raises(InputError, match=message):
        algorithm_of(bilinear(), optimizer, dynamics=dynamics)


def test_a_loop_can_be_differentiated_forwards_only():
    """With a `while_loop`: enough for Newton's method, not for unrolling."""

    def halved(gradient, state, params=None):
        def body(carry):
            return carry[0] + 1, jax.tree.map(lambda x: x / 2, carry[1])

        _, gradient = jax.lax.while_loop(lambda c: c[0] < 3, body, (0, gradient))
        return gradient, state

    optimizer = optax.GradientTransformation(lambda params: (), halved)
    algorithm_of(bilinear(), optimizer, dynamics=proximal_point)
    with pytest.raises(InputError, match="cannot be differentiated: Reverse-mode"):
        algorithm_of(bilinear(), optimizer, dynamics=partial(unrolled, unroll_steps=1))


def test_only_the_others_optimizers_are_differentiated():
    optimizers = {"generator": optax.adam(1e-3), "discriminator": optax.sgd(1e-3)}
    algorithm_of(small_game(), optimizers, dynamics=partial(unrolled, unroll_steps=1))


def test_a_lonely_player_foresees_nobody():
    alone = quadratic({("a", "a"): [[1.0]]}, {"a": [1.0]})
    with pytest.raises(InputError, match="'a' is the only player"):
        unrolled(
            alone,
            {"a": optax.sgd(0.1)},
            Batch(jnp.zeros((1, 1))),
            unroll_steps=1,
            player="a",
            order=("a",),
        )


def test_microbatches_must_divide():
    with pytest.raises(InputError, match="3 microbatches do not divide 8 reals"):
        algorithm_of(microbatched(small_game(), 3))
    with pytest.raises(InputError, match="4 microbatches do not divide 6 fakes of"):
        algorithm_of(microbatched(small_game(), 4), fake_batch_sizes={"generator": 6})
    with pytest.raises(InputError, match="microbatches must be an integer of at least"):
        microbatched(small_game(), 0)
