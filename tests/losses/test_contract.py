"""Properties that every loss and every penalty must have."""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec
from jax.test_util import check_grads
from jax.tree_util import Partial

from jaxgan import Variables
from tests.builders import assert_close, played, random, theta, tiered
from tests.losses.catalog import EVERYTHING, ONE_OF_EACH_FAMILY, PUBLIC, variables


def of_each_family(names):
    """Parametrize by loss: one of each family is a fast test, the others are slow."""
    first = [name for name in ONE_OF_EACH_FAMILY if name in names]
    return pytest.mark.parametrize("name", tiered(names, first))


KEY = jax.random.key(7)


def start(loss):
    """Return the initial state in a game with the networks of `played`."""
    return loss.init(variables())


def data(n=4, seed=20):
    return {"real": random(seed, n, 3), "latent": random(seed + 1, n, 2)}


def pay(loss, theta, data, state=None, key=KEY, **fields):
    """Return each player's total loss and the next state."""
    record = played(theta, **data, **fields)
    state = start(loss) if state is None else state
    paid, state = loss.evaluate(record, state, key)
    return {player: sum(terms.values()) for player, terms in paid.items()}, state


def with_slopes(paid):
    """Return a function `(*inputs) -> (losses, next state, gradients of each loss)`."""

    def all_at_once(*inputs):
        amounts, pull, state = jax.vjp(paid, *inputs, has_aux=True)
        nothing = jax.tree.map(jnp.zeros_like, amounts)
        slopes = {
            player: pull(nothing | {player: jnp.ones_like(amount)})
            for player, amount in amounts.items()
        }
        return amounts, state, slopes

    return all_at_once


def finite(tree):
    return all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(tree))


LIFTS = {
    "all high": (1e4, 0.0),
    "all low": (-1e4, 0.0),
    "far apart": (0.0, 1e4),
    "far apart, the other way": (0.0, -1e4),
}


@pytest.mark.parametrize("lift", tiered(LIFTS, ["all low", "far apart"]))
@of_each_family(EVERYTHING)
def test_values_and_gradients_are_finite_at_extreme_logits(name, lift):
    loss, numbers, lift = EVERYTHING[name], data(), LIFTS[lift]
    record = played(theta(), **numbers, lift=lift)
    assert abs(record.real_score.logits).max() > 3e3

    def paid(theta, numbers):
        return pay(loss, theta, numbers, lift=lift)

    amounts, state, slopes = with_slopes(paid)(theta(), numbers)
    assert amounts and amounts.keys() == slopes.keys()
    assert finite((amounts, state, slopes))


@pytest.mark.parametrize(
    "dtype", [jnp.bfloat16, pytest.param(jnp.float16, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", EVERYTHING)
def test_narrow_logits_are_paid_for_in_float32(name, dtype):
    narrow = jax.tree.map(lambda x: x.astype(dtype), data())
    assert played(theta(), **narrow).real_score.logits.dtype == dtype
    paid, state = pay(EVERYTHING[name], theta(), narrow)
    assert paid
    for amount in paid.values():
        assert amount.dtype == jnp.float32 and amount.shape == ()
    before = start(EVERYTHING[name])
    assert jax.tree.map(jnp.shape, before) == jax.tree.map(jnp.shape, state)
    assert jax.tree.map(jnp.result_type, before) == jax.tree.map(jnp.result_type, state)


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_patch_map_counts_as_its_average(name):
    plain = pay(EVERYTHING[name], theta(), data())
    patches = pay(EVERYTHING[name], theta(), data(), patch=(2, 3))
    assert_close(plain, patches, rtol=1e-5, atol=1e-5)


@of_each_family(EVERYTHING)
def test_one_trace_serves_every_step(name):
    traces = []

    @jax.jit
    def step(theta, data, state, key, number):
        traces.append(number)
        return pay(EVERYTHING[name], theta, data, state, key, step=number)

    state = start(EVERYTHING[name])
    for number in range(3):
        _, state = step(
            theta(number), data(seed=number), state, jax.random.key(number), number
        )
    assert len(traces) == 1
    assert finite(state)


# Moving averages of these, and the scale of the last, depend on the batch but count as
# constants, which finite differences cannot reproduce. Their own tests fix them.
CONSTANTS_THAT_MOVE = {"lecam", "path_length", "gradient_balanced"}
OF_MANY_PROGRAMS = {"sinkhorn", "boundary_equilibrium"}
STILL = sorted(set(EVERYTHING) - CONSTANTS_THAT_MOVE)


@pytest.mark.parametrize(
    "name", tiered(STILL, {*STILL} & {*ONE_OF_EACH_FAMILY} - OF_MANY_PROGRAMS)
)
def test_gradients_match_finite_differences(name):
    loss = EVERYTHING[name]
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda x: jnp.asarray(np.asarray(x), "f8"), theta())
        numbers = jax.tree.map(lambda x: jnp.asarray(np.asarray(x), "f8"), data())
        state = loss.init({name: Variables(params) for name, params in wide.items()})

        def paid(theta, numbers):  # of NumPy's arrays too
            return pay(loss, *jax.tree.map(jnp.asarray, (theta, numbers)), state)[0]

        for player, amount in paid(wide, numbers).items():
            assert amount.dtype == jnp.float64
            check_grads(
                lambda *x, p=player: paid(*x)[p], (wide, numbers), 1, modes=["rev"]
            )


@pytest.mark.parametrize("name", tiered(EVERYTHING, ["sinkhorn"]))
def test_narrow_numbers_stay_narrow_where_wide_ones_are_on(name):
    loss, state, given = EVERYTHING[name], start(EVERYTHING[name]), (theta(), data())
    with jax.enable_x64(True):
        paid, after = jax.eval_shape(lambda *x: pay(loss, *x, state), *given)
    assert {leaf.dtype for leaf in jax.tree.leaves(paid)} == {np.dtype("f4")}
    dtypes = [jax.tree.map(lambda x: x.dtype, tree) for tree in (state, after)]
    assert dtypes[0] == dtypes[1]


def test_losses_left_out_of_finite_differences_exist():
    assert set(EVERYTHING) > CONSTANTS_THAT_MOVE


# Many devices


def share(x, axis="data"):
    """Return this device's part of the global batch x."""
    size = len(x) // jax.lax.axis_size(axis)
    return jax.lax.dynamic_slice_in_dim(x, jax.lax.axis_index(axis) * size, size)


def draw(sampler, key, shape):
    return share(sampler(key, (shape[0] * jax.lax.axis_size("data"), *shape[1:])))


def mean(x, axis=None):
    return jax.lax.pmean(jnp.mean(x, axis=axis), "data")


def gather(x):
    return jax.lax.all_gather(x, "data", tiled=True)


GLOBAL = {"draw": Partial(draw), "mean": Partial(mean), "gather": Partial(gather)}


@of_each_family(EVERYTHING)
def test_eight_devices_pay_what_one_pays(name):
    assert jax.local_device_count() == 8
    mesh = Mesh(np.array(jax.devices()), ("data",))
    loss, numbers = EVERYTHING[name], data(n=16)
    weight = jnp.linspace(0.5, 1.5, 16)

    @functools.partial(
        jax.shard_map,
        mesh=mesh,
        in_specs=(PartitionSpec(), PartitionSpec("data"), PartitionSpec("data")),
        out_specs=PartitionSpec(),
        check_vma=False,
    )
    def spread(theta, numbers, weight):
        return pay(loss, theta, numbers, weight=weight, **GLOBAL)

    def whole(theta, numbers, weight):
        return pay(loss, theta, numbers, weight=weight)

    one, eight = (
        jax.jit(with_slopes(lambda theta, of=of: of(theta, numbers, weight)))(theta())
        for of in (whole, spread)
    )
    assert_close(one[:2], eight[:2], rtol=1e-5, atol=1e-5)
    assert_close(one[2], eight[2], rtol=1e-4, atol=1e-5)


# Words


def test_every_public_loss_is_in_the_catalog():
    assert {key.split(":")[0] for key in EVERYTHING} >= set(PUBLIC)
    assert len(PUBLIC) > 30


@pytest.mark.parametrize("name", PUBLIC)
def test_every_docstring_says_who_pays_what_by_which_paper(name):
    text = inspect.getdoc(PUBLIC[name])
    assert "pays" in text and "Reference: " in text and "arXiv:" in text
    assert ">>> from jaxgan" in text
    arguments = inspect.signature(PUBLIC[name]).parameters
    assert all(
        f"\n    {argument}" in text or f", {argument}" in text for argument in arguments
    )
    assert ("Raises:" in text) == bool(arguments)
