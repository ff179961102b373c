"""One of several processes that read the sources of `test_shares`.

python -m tests.data.shares_worker PORT NUMBER PROCESSES OUT
"""

import sys
from functools import partial

import jax
import numpy as np
import optax
from jax.experimental import multihost_utils

from jaxgan import (
    Batch,
    InputError,
    alternating,
    data_parallel,
    gan,
    mlp,
    non_saturating,
    priors,
    shuffled,
)
from jaxgan.algorithms import on_devices
from jaxgan.data import Dataset, random_flip, random_transform, zip_sources

SIZE, ROWS, STEPS, SEED = 24, 8, 4, 3
DEVICES = 2
"""Of each process."""


def pictures():
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(SIZE, 4, 6, 1)).astype(np.uint8)
    return Batch(images, (np.arange(SIZE, dtype=np.int32),))


def computed(asked):
    """The pictures as a lazy set that writes down what it is asked for."""
    images = pictures()

    def gather(indices):
        asked.append(indices)
        return jax.tree.map(lambda leaf: leaf[indices], images)

    return Dataset(SIZE, gather)


def noisy(key, example):
    noise = jax.random.normal(key, example.real.shape)
    return example._replace(real=example.real + noise)


def sources(asked):
    lazy = shuffled(computed(asked), ROWS)
    asked.clear()  # of the examples that were to be seen at the start
    return {
        "memory": shuffled(pictures(), ROWS),
        "device": shuffled(pictures(), ROWS, on_device=True),
        "lazy": lazy,
        "random_transform": random_transform(
            shuffled(pictures(), ROWS), random_flip, noisy
        ),
        "zip_sources": zip_sources(
            shuffled(pictures(), ROWS), shuffled(computed([]), ROWS)
        ),
    }


def batches(source):
    """Every array of the first steps, by where it is in them."""
    made = [source(SEED, step) for step in range(STEPS)]
    return {
        jax.tree_util.keystr(path): leaf
        for path, leaf in jax.tree.leaves_with_path(made)
    }


def trained(source, devices):
    """The parameters of a GAN after a few steps on all devices."""
    game = gan(mlp((4, 6, 1), (8,)), mlp((), (8,)), non_saturating(), priors.normal(3))
    optimizers = {player: optax.sgd(0.1) for player in game.players}
    example = Batch(np.zeros((ROWS, 4, 6, 1), np.float32))
    dynamics = partial(alternating, optimizers=optimizers, example=example)
    algorithm = data_parallel(dynamics, game, devices)
    state = algorithm.init(jax.random.key(0))
    for step in range(STEPS):
        made = source(SEED, step)
        state, _ = algorithm.step(state, tuple(Batch(batch.real) for batch in made))
    params = {name: state.variables[name].params for name in state.variables}
    return {
        jax.tree_util.keystr(path): np.asarray(leaf)
        for path, leaf in jax.tree.leaves_with_path(params)
    }


def main(port, number, processes, out):
    jax.config.update("jax_num_cpu_devices", DEVICES)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(
        f"127.0.0.1:{port}", processes, number, initialization_timeout=60
    )
    asked, found = [], {}
    made = sources(asked)
    for name, source in made.items():
        for path, leaf in batches(source).items():
            found[f"{name}{path}"] = leaf
    found["asked"] = np.stack(asked)

    whole = on_devices(made["memory"], jax.devices())
    for path, leaf in batches(whole).items():
        assert not leaf.is_fully_addressable
        assert len(leaf.sharding.device_set) == processes * DEVICES
        found[f"on_devices{path}"] = multihost_utils.process_allgather(leaf, tiled=True)
    for path, leaf in trained(whole, jax.devices()).items():
        found[f"trained{path}"] = leaf
    try:
        shuffled(pictures(), ROWS + 1)
    except InputError as error:
        found["refused"] = str(error)
    np.savez(out, **found)


if __name__ == "__main__":
    port, number, processes, out = sys.argv[1:]
    main(int(port), int(number), int(processes), out)
