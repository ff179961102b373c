"""Populations: members are the runs that they would be alone."""

import functools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import (
    Batch,
    InputError,
    alternating,
    chain,
    data_parallel,
    ema,
    every,
    extragradient,
    gan,
    hyper_grid,
    non_saturating,
    population,
    priors,
    r1,
)
from jaxgan.algorithms import diverged_members, lookahead, select_member
from jaxgan.networks import dcgan_discriminator, dcgan_generator
from jaxgan.theory.games import bilinear
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

HYPERS = {
    **hyper_grid(gamma=[0.1, 1.0], rate=[1e-3, 1e-2]),
    "b1": np.array([0.0, 0.5, 0.9, 0.99]),
    "decay": np.array([0.0, 0.5, 0.9, 0.99]),
}
"""Of every kind: of the loss, of the optimizers, and of what is around the dynamics."""
SEEDS = (3, 5, 3, 9)
FORMS = {
    "vmap": {},
    "sequential": {"sequential": True},
    "devices": {"devices": jax.local_devices()[:4]},
}
in_every_form = pytest.mark.parametrize("form", tiered(FORMS, ["vmap"]))


def keys(seeds=SEEDS):
    return jnp.stack([jax.random.key(seed) for seed in seeds])


def build(hypers, dynamics=alternating):
    game = small_game(chain(non_saturating(), every(r1(hypers["gamma"]), n=2)))
    adam = optax.adam(hypers["rate"], b1=hypers.get("b1", 0.9))
    algorithm = algorithm_of(game, adam, dynamics=dynamics)
    return ema(algorithm, hypers.get("decay", 0.99))


def build_points(hypers):
    """Of a game without networks, for what does not depend on the game."""
    return algorithm_of(bilinear(), optax.sgd(hypers["rate"]))


def stacked(of_members):
    return jax.tree.map(lambda *x: jnp.stack(x), *of_members)


def batches_of(step, members=4, substeps=2):
    """Each member's own batches."""
    return stacked([batches(substeps, seed=10 * step + i) for i in range(members)])


@functools.cache
def single(build, **hypers):
    """The algorithm of one run, compiled once for all tests."""
    algorithm = build(hypers)
    return algorithm._replace(step=jax.jit(algorithm.step))


def alone(build, hypers, i, steps, substeps=2, seeds=SEEDS, given=batches):
    algorithm = single(build, **{name: x[i].item() for name, x in hypers.items()})
    state, step = algorithm.init(jax.random.key(seeds[i])), algorithm.step
    for t in range(steps):
        state, info = step(state, given(substeps, seed=10 * t + i))
    return state, info


def compared(algorithm, build, hypers, steps=4, substeps=2, atol=1e-6):
    state = algorithm.init(keys())
    for t in range(steps):
        state, info = algorithm.step(state, batches_of(t, substeps=substeps))
    for i in (0, 3):
        expected, told = alone(build, hypers, i, steps, substeps)
        found = select_member(state, i)
        assert_close(found.variables, expected.variables, atol=atol)
        assert_close(found.ema, expected.ema, atol=atol)
        assert bits(found.key) == bits(expected.key)
        assert int(found.step) == int(expected.step) == steps
        assert_close(jax.tree.map(lambda x, i=i: x[i], info), told, atol=1e-5)


@functools.cache
def together(form="vmap"):
    """The members of HYPERS, whose step is compiled once for all tests."""
    return population(build, HYPERS, **FORMS[form])


@in_every_form
def test_members_equal_single_runs(form):
    compared(together(form), build, HYPERS)


def ahead(hypers):
    return build(hypers, lambda *of: lookahead(extragradient(*of), period=2))


@pytest.mark.slow
def test_members_of_dynamics_that_remember_equal_single_runs():
    compared(population(ahead, HYPERS), ahead, HYPERS)


def images(substeps, seed):
    return tuple(
        Batch(jnp.tanh(random(100 * seed + i, 4, 8, 8, 1))) for i in range(substeps)
    )


def build_convolutional(hypers):
    game = gan(
        dcgan_generator((8, 8, 1), channels=4),
        dcgan_discriminator((8, 8, 1), channels=4),
        chain(non_saturating(), r1(hypers["gamma"])),
        priors.normal(4),
    )
    optimizers = {player: optax.sgd(hypers["rate"]) for player in game.players}
    return alternating(game, optimizers, images(1, 0)[0])


@pytest.mark.parametrize("form", tiered(["vmap", "sequential"], []))
def test_convolutional_members_equal_single_runs(form):
    hypers = {"gamma": np.array([0.1, 1.0]), "rate": np.array([0.01, 0.02])}
    algorithm = population(build_convolutional, hypers, **FORMS[form])
    state = algorithm.init(keys(SEEDS[:2]))
    for t in range(2):
        state, _ = algorithm.step(
            state, stacked([images(2, seed=10 * t + i) for i in range(2)])
        )
    for i in range(2):
        expected, _ = alone(build_convolutional, hypers, i, 2, given=images)
        assert_close(select_member(state, i).variables, expected.variables)


@pytest.mark.slow
@in_every_form
def test_one_trace_serves_two_sweeps(form):
    traces = []

    def counted(hypers):
        algorithm = build(hypers)

        def step(state, given):
            traces.append(1)
            return algorithm.step(state, given)

        return algorithm._replace(step=step)

    for hypers in (jax.tree.map(lambda x: x[::-1], HYPERS), HYPERS):
        algorithm = population(counted, hypers, **FORMS[form])
        state = algorithm.init(keys())
        for t in range(2):
            state, _ = algorithm.step(state, batches_of(t))
    assert len(traces) == 1
    for i in (0, 3):  # and the second sweep's values were those used
        expected, _ = alone(build, HYPERS, i, 2)
        assert_close(select_member(state, i).variables, expected.variables)


def test_a_step_is_not_computed_both_ways_for_a_lazy_part():
    """State.step is one number, so that `every`'s conditional stays one."""
    algorithm = together()
    state = algorithm.init(keys())
    assert state.step.shape == ()
    text = str(jax.make_jaxpr(algorithm.step)(state, batches_of(0)))
    assert "cond[" in text


@in_every_form
def test_a_diverged_member_is_named_and_disturbs_nobody(form):
    hypers = {**HYPERS, "rate": np.array([1e-3, 1e-2, 3e38, 1e-2])}
    algorithm = population(build, hypers, **FORMS[form])
    state = algorithm.init(keys())
    for t in range(4):
        state, _ = algorithm.step(state, batches_of(t))
    assert diverged_members(state).tolist() == [False, False, True, False]
    for i in (0, 3):
        expected, _ = alone(build, hypers, i, 4)
        assert_close(select_member(state, i).variables, expected.variables)


def test_the_best_member_goes_on_alone():
    algorithm = together()
    state, _ = algorithm.step(algorithm.init(keys()), batches_of(0))
    one = single(build, **{name: x[3].item() for name, x in HYPERS.items()})
    on, _ = one.step(select_member(state, 3), batches(seed=13))
    expected, _ = algorithm.step(state, batches_of(1))
    assert_close(on.variables, select_member(expected, 3).variables)


def test_donated_states_are_used_again():
    algorithm = population(build_points, HYPERS, donate=True)
    state = algorithm.init(keys())
    after, _ = algorithm.step(state, batches_of(0))
    assert jax.tree.leaves(state.variables)[0].is_deleted()
    assert not jax.tree.leaves(after.variables)[0].is_deleted()


@pytest.mark.parametrize("form", ["vmap", "sequential"])
def test_states_are_kept_unless_donated(form):
    algorithm = population(build_points, HYPERS, **FORMS[form])
    state = algorithm.init(keys())
    before = bits(state)
    algorithm.step(state, batches_of(0))
    assert bits(state) == before


@pytest.mark.slow
def test_devices_hold_their_members_and_ask_nothing_of_others():
    algorithm = together("devices")
    state = algorithm.init(keys())
    kernel = jax.tree.leaves(state.variables)[0]
    assert len(kernel.sharding.device_set) == 4
    assert {shard.data.shape[0] for shard in kernel.addressable_shards} == {1}
    text = jax.jit(algorithm.step).lower(state, batches_of(0)).compile().as_text()
    for asking in ("all-reduce", "all-gather", "all-to-all", "collective-permute"):
        assert asking not in text


def build_sgd(hypers, shared=False):
    game = small_game(chain(non_saturating(), r1(hypers["gamma"])), width=16)
    dynamics = partial(algorithm_of, optimizer=optax.sgd(hypers["rate"]))
    if shared:
        return data_parallel(dynamics, game, jax.devices()[:4], shard_state=True)
    return dynamics(game)


@pytest.mark.slow
def test_devices_may_share_each_member_and_its_state():
    algorithm = population(partial(build_sgd, shared=True), HYPERS, sequential=True)
    compared(algorithm, build_sgd, HYPERS)
    variables = algorithm.init(keys()).variables
    kernel = variables["generator"].params["Dense_0"]["kernel"]
    assert kernel.sharding.shard_shape(kernel.shape)[-1] == kernel.shape[-1] // 4


def test_one_device_may_be_chosen():
    device = jax.local_devices()[3]
    algorithm = population(build_points, HYPERS, devices=[device])
    state, _ = algorithm.step(algorithm.init(keys()), batches_of(0))
    assert jax.tree.leaves(state.variables)[0].devices() == {device}


def test_as_many_devices_as_divide_the_members_are_used():
    hypers = {"rate": np.full(6, 1e-3)}
    state = population(build_points, hypers).init(keys((1, 2, 3, 4, 5, 6)))
    assert len(jax.tree.leaves(state.variables)[0].sharding.device_set) == 6


@pytest.mark.slow
def test_a_hyperparameter_may_be_a_vector():
    def build_of_vector(hypers):
        return build(dict(zip(HYPERS, hypers["all"], strict=True)))

    vectors = np.stack(list(HYPERS.values()), axis=1)
    algorithm = population(build_of_vector, {"all": vectors})
    state, _ = algorithm.step(algorithm.init(keys()), batches_of(0))
    expected, _ = alone(build, HYPERS, 3, 1)
    assert_close(select_member(state, 3).variables, expected.variables)


def test_what_only_a_step_cannot_trace_is_named_too():
    def build_nesterov(hypers):
        game = small_game()
        sgd = optax.sgd(0.1, momentum=0.9, nesterov=hypers["nesterov"])
        return alternating(game, dict.fromkeys(game.players, sgd), reals(0))

    algorithm = population(build_nesterov, {"nesterov": np.array([True, False] * 2)})
    state = algorithm.init(keys())
    with pytest.raises(InputError, match=r"hypers\['nesterov'\] cannot be traced"):
        algorithm.step(state, batches_of(0))


def test_crossed_has_every_combination():
    found = hyper_grid(a=(1, 2), b=("x", "y", "z"))
    assert found["a"].tolist() == [1, 1, 1, 2, 2, 2]
    assert found["b"].tolist() == ["x", "y", "z"] * 2


# Refusals


def shaped(hypers):
    game = small_game(width=hypers["width"])
    return alternating(
        game, {player: optax.sgd(0.1) for player in game.players}, reals(0)
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: hyper_grid(gamma=[]),
            "hyper_grid: gamma has no values; give at least one",
        ),
        (lambda: hyper_grid(), "hyper_grid: no hyperparameters are given"),
        (
            lambda: population(build, {"gamma": np.ones(3), "rate": np.ones(2)}),
            r"axis of the same number of members, got .*'gamma'.*\(3,\).*\(2,\)",
        ),
        (lambda: population(build, {"gamma": 1.0, "rate": 1.0}), "the same number of"),
        (lambda: population(build, {}), "the same number of members"),
        (
            lambda: population(build, {"gamma": np.ones(0), "rate": np.ones(0)}),
            "population: hypers hold no members",
        ),
        (
            lambda: population(shaped, {"width": np.array([4, 8])}),
            r"hypers\['width'\] cannot be traced, so it cannot differ between members",
        ),
        (
            lambda: population(
                build, {"gamma": np.array([1.0, -2.0]), "rate": np.ones(2)}
            ),
            r"member 1 \(\['gamma'\] -2\.0, .*: r1: gamma must be at least 0, got -2",
        ),
        (
            lambda: population(build, {"gama": np.ones(2), "rate": np.ones(2)}),
            r"member 0 .*: KeyError: 'gamma'",
        ),
        (
            lambda: population(build, {**HYPERS, "name": np.array(list("abcd"))}),
            r"hypers\['name'\] must hold numbers, got <U1",
        ),
        (
            lambda: population(build, {**HYPERS, "key": keys()}),
            r"hypers\['key'\] must hold numbers, got ",
        ),
        (
            lambda: population(build_points, HYPERS, devices=[]),
            "devices must be a list of devices, such as",
        ),
        (
            lambda: population(build_points, HYPERS, devices=jax.local_devices()[:3]),
            "4 members do not divide evenly among 3 devices",
        ),
        (
            lambda: population(
                build_points, HYPERS, devices=jax.local_devices()[:2], sequential=True
            ),
            "sequential members share one device",
        ),
        (
            lambda: population(build_points, HYPERS).init(keys((1, 2))),
            r"every leaf of keys needs a leading axis of 4 members, got .*\(2,\)",
        ),
        (
            lambda: population(build_points, HYPERS).step(
                population(build_points, HYPERS).init(keys()), batches()
            ),
            r"every leaf of batches needs a leading axis of 4 members, got .*\(8,\)",
        ),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
