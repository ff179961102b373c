"""Arguments of init, step, sources and networks are checked at once."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import Batch, alternating, data_parallel, ema, from_linen, mlp, shuffled
from jaxgan.data import prefetch, random_flip, random_transform, zip_sources
from jaxgan.errors import InputError
from tests.builders import Normed, algorithm_of, batches, reals, small_game, unchecked

ALGORITHM = algorithm_of(small_game())
ONES = jnp.ones(8)
SGD = dict.fromkeys(("generator", "discriminator"), optax.sgd(0.1))
STATE = ALGORITHM.init(jax.random.key(0))
NO_KEYS = [
    None,
    0,
    jnp.zeros(2, jnp.uint32),
    jax.random.split(jax.random.key(0)),
]


class Foreign:
    """An array of another library, as far as jaxgan can see."""

    dtype, shape, ndim = "torch.float32", (8, 2), 2

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return self


@pytest.mark.parametrize("key", NO_KEYS, ids=lambda key: f"{type(key).__name__}")
@pytest.mark.parametrize(
    "init",
    [
        ALGORITHM.init,
        ema(ALGORITHM, 0.9).init,
        data_parallel(lambda game: algorithm_of(game), small_game()).init,
        lambda key: mlp((2,)).init(key, jnp.ones((2, 2))),
        lambda key: from_linen(Normed((2,))).init(key, jnp.ones((2, 2))),
    ],
)
def test_what_is_no_key_is_refused(init, key):
    with unchecked(), pytest.raises(InputError, match="init: key must be a random key"):
        init(key)


@pytest.mark.parametrize(
    ("state", "given", "message"),
    [
        (None, batches(2), "state must be"),
        ({}, batches(2), "state must be"),
        (STATE, None, "batches: a step of 2 substeps takes a tuple of 2 .* NoneType"),
        (STATE, reals(0), "got a single Batch"),
        (STATE, batches(3), "got 3"),
        (STATE, (None, None), "batches: each must be a Batch"),
        (STATE, (reals(0).real,) * 2, "batches: each must be a Batch"),
        (STATE, (Batch([1.0, 2.0]),) * 2, "must be an array .b, …. of NumPy or JAX"),
        (STATE, (Batch(Foreign()),) * 2, "must be an array .* got Foreign"),
        (STATE, (reals(0)._replace(condition=(ONES,)),) * 2, "like the example that"),
        (STATE, (Batch(jnp.ones((8, 3))),) * 2, r"got .'float \(3,\)', \(\)"),
        (STATE, (Batch(jnp.ones((8, 2), int)),) * 2, "got .'int32"),
        (STATE, (Batch(jnp.ones((0, 2))),) * 2, "batches: every leaf .* at least 1"),
    ],
)
def test_what_is_no_state_and_no_batch_is_refused(state, given, message):
    with unchecked(), pytest.raises(InputError, match=message):
        ALGORITHM.step(state, given)


def test_arrays_of_other_libraries_are_refused_by_name():
    with unchecked(), pytest.raises(InputError, match=r"example\.real must hold"):
        alternating(small_game(), SGD, Batch(Foreign()))
    with unchecked(), pytest.raises(InputError, match="must be an array of NumPy or"):
        shuffled(Batch(Foreign()), 4)


PLAIN = shuffled(Batch(np.zeros((8, 4, 4, 1), np.uint8)), 4)


@pytest.mark.parametrize("step", [None, "a", 1.5, -1, True, (1,)])
@pytest.mark.parametrize(
    "source",
    [
        PLAIN,
        zip_sources(PLAIN, PLAIN),
        random_transform(PLAIN, random_flip),
        prefetch(PLAIN),
    ],
)
def test_what_is_no_step_is_refused(source, step):
    with unchecked(), pytest.raises(InputError, match="step must be an integer"):
        source(0, step)
    with unchecked(), pytest.raises(InputError, match="seed must be an integer"):
        source("a", 0)
