import gc
import threading
import time
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import Batch, InputError, data, shuffled
from jaxgan.data import (
    Dataset,
    array_file,
    bernoulli_binarize,
    draw_once,
    in_memory,
    prefetch,
    random_flip,
    random_transform,
    zip_sources,
)
from jaxgan.data.sources import PREFETCH_THREADS, as_float, of_process
from tests.builders import bits

NUMBERS = Batch(np.arange(12.0))


def pictures(size=24):
    """Random images, a label of each, and another image of each."""
    rng = np.random.default_rng(size)
    images = rng.integers(256, size=(2, size, 4, 4, 1)).astype(np.uint8)
    return Batch(images[0], (np.arange(size, dtype=np.int32), images[1]))


PICTURES = pictures()


def lazy(batch):
    """The same examples, gathered as if they had to be decoded."""
    return Dataset(
        len(jax.tree.leaves(batch)[0]),
        lambda indices: jax.tree.map(lambda leaf: leaf[indices], batch),
    )


def numbers(source, seed, steps):
    """The batches of a source of single substeps, step after step."""
    return [source(seed, step)[0].real.tolist() for step in steps]


def steps_made(seed, step):
    """A source that says what it was asked for."""
    return (Batch(np.array([seed, step])),)


def eventually(condition):
    """True as soon as the condition is, False after five seconds."""
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("seed", [0, 1, 7])
@pytest.mark.parametrize(("batch_size", "per_epoch"), [(4, 3), (12, 1), (1, 12)])
def test_every_epoch_is_a_permutation(seed, batch_size, per_epoch):
    source = shuffled(NUMBERS, batch_size, substeps=1)
    epochs = []
    for epoch in range(3):
        steps = range(epoch * per_epoch, (epoch + 1) * per_epoch)
        epochs.append(np.concatenate(numbers(source, seed, steps)))
        assert sorted(epochs[-1]) == list(range(12))
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_what_does_not_fill_a_batch_waits_for_the_next_epoch():
    source = shuffled(NUMBERS, 5, substeps=1)
    epochs = [np.concatenate(numbers(source, 0, (2 * e, 2 * e + 1))) for e in range(20)]
    assert all(len(set(epoch)) == 10 for epoch in epochs)
    assert set(np.concatenate(epochs)) == set(range(12))


def test_substeps_take_consecutive_batches():
    by_three, single = shuffled(NUMBERS, 2, substeps=3), shuffled(NUMBERS, 2, 1)
    for step in range(4):
        together = [batch.real.tolist() for batch in by_three(0, step)]
        assert together == numbers(single, 0, range(3 * step, 3 * step + 3))
    seen = [x for step in (0, 1) for batch in by_three(0, step) for x in batch.real]
    assert sorted(seen) == list(range(12))


def test_a_source_is_a_function_of_seed_and_step_alone():
    source, fresh = shuffled(NUMBERS, 4), shuffled(NUMBERS, 4)
    walked = [numbers(source, 3, [step]) for step in range(20)]
    for step in (19, 0, 7, 12):
        assert numbers(fresh, 3, [step]) == walked[step]
    assert numbers(source, 4, range(6)) != numbers(source, 3, range(6))


def test_conditions_and_weights_stay_with_their_images():
    images = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
    data = Batch(images, (np.arange(10) * 2,), np.arange(10.0) * 3)
    for batch in shuffled(data, 4)(0, 3):
        index = np.rint((batch.real.reshape(-1) + 1) * 127.5)
        np.testing.assert_array_equal(batch.condition[0], 2 * index)
        np.testing.assert_array_equal(batch.weight, 3 * index)
        assert batch.condition[0].dtype == np.int32  # as JAX has it
        assert batch.weight.dtype == np.float32


def test_bytes_become_floats_between_minus_one_and_one():
    scaled = as_float(np.arange(256, dtype=np.uint8))
    assert scaled.dtype == np.float32
    assert scaled[0] == -1.0 and scaled[255] == 1.0
    np.testing.assert_allclose(scaled, np.linspace(-1, 1, 256), atol=1e-7)
    np.testing.assert_array_equal(np.rint((scaled + 1) * 127.5), np.arange(256))


@pytest.mark.parametrize("kind", [np.float32, np.int64, np.float64])
def test_other_types_come_out_as_they_are(kind):
    values = np.arange(3, dtype=kind)
    assert as_float(values) is values


@pytest.mark.parametrize("on_device", [False, True])
def test_of_a_condition_only_images_become_floats(on_device):
    labels, rows = np.arange(5, dtype=np.uint8), np.ones((5, 3, 3), np.uint8)
    clips = np.full((5, 2, 3, 3, 1), 255, np.uint8)
    data = Batch(labels, (labels, rows, rows[..., None], {"clip": clips}))
    [batch] = shuffled(data, 5, 1, on_device)(0, 0)
    kinds = [leaf.dtype for leaf in jax.tree.leaves(batch)]
    assert kinds == [np.float32, np.uint8, np.uint8, np.float32, np.float32]
    assert sorted(batch.condition[0].tolist()) == [0, 1, 2, 3, 4]
    assert (batch.condition[3]["clip"] == 1).all()


def test_arrays_on_the_device_are_a_source_too():
    source = shuffled(Batch(jnp.arange(12.0)), 4)
    np.testing.assert_array_equal(
        source(0, 1)[1].real, shuffled(NUMBERS, 4)(0, 1)[1].real
    )


@pytest.mark.parametrize(
    "kind", [np.uint8, np.int32, np.float32, np.complex64, bool, jnp.bfloat16]
)
def test_every_number_is_taken(kind):
    source = shuffled(Batch(jnp.ones(4, kind)), 4, 1)
    assert source(0, 0)[0].real.dtype == (np.float32 if kind is np.uint8 else kind)


@pytest.mark.parametrize(
    "images", [PICTURES, PICTURES._replace(weight=np.ones(24, np.float32))]
)
def test_batches_do_not_depend_on_where_the_examples_are(images):
    sources = [
        shuffled(images, 5),
        shuffled(images, 5, on_device=True),
        shuffled(lazy(images), 5),
        shuffled(in_memory(lazy(images)), 5, on_device=False),
    ]
    for seed, step in [(0, 0), (0, 1), (0, 2), (0, 9), (1, 0)]:
        first, *others = [bits(source(seed, step)) for source in sources]
        assert all(other == first for other in others)


def test_examples_that_are_computed_are_not_held_on_the_device():
    with pytest.raises(InputError, match=r"hold them with data\.in_memory first"):
        shuffled(lazy(PICTURES), 4, on_device=True)


@pytest.mark.parametrize(
    ("data", "counts", "message"),
    [
        (NUMBERS, (0,), "batch_size must be an integer of at least 1, got 0"),
        (NUMBERS, (4, 0), "substeps must be an integer of at least 1, got 0"),
        (NUMBERS, (13,), "batch_size is 13, but the data hold only 12 examples"),
        (
            lazy(NUMBERS),
            (13,),
            "batch_size is 13, but the data hold only 12 examples",
        ),
        (
            Batch(np.zeros(4), (np.zeros(3),)),
            (2,),
            r"data: all arrays need one length, got lengths \[3, 4\]",
        ),
    ],
)
def test_impossible_sources_are_refused(data, counts, message):
    with pytest.raises(InputError, match=message):
        shuffled(data, *counts)


WORDS = np.array(["cat", "dog", "cat", "cow"])


@pytest.mark.parametrize("held", [lambda batch: batch, lazy])
@pytest.mark.parametrize("kind", ["U", "S", object, "datetime64[D]"])
def test_what_is_no_number_is_refused_with_the_cure(held, kind):
    values = np.zeros(4, kind) if kind == "datetime64[D]" else WORDS.astype(kind)
    with pytest.raises(InputError) as refused:
        shuffled(held(Batch(np.zeros(4), (values,))), 2)
    assert str(refused.value) == (
        f"data.condition[0] holds {values.dtype}, which is not numeric; encode it as "
        "numbers with data.map."
    )


def test_words_can_be_encoded_as_numbers():
    lengths = data.map(
        Batch(np.arange(4), (WORDS,)),
        lambda batch: batch._replace(condition=(batch.condition[0] == "cat",)),
    )
    [batch] = shuffled(lengths, 4, 1)(0, 0)
    assert (batch.condition[0] == np.isin(batch.real, [0, 2])).all()


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_are_refused_by_the_source(seed):
    sources = [shuffled(NUMBERS, 4), shuffled(lazy(NUMBERS), 4)]
    for source in [*sources, zip_sources(*sources)]:
        with pytest.raises(InputError, match="seed must be an integer from 0 to 2³² -"):
            source(seed, 0)


@pytest.mark.parametrize(("threads", "depth"), [(1, None), (1, 1), (3, None), (2, 7)])
def test_prefetched_steps_may_be_requested_in_any_order(threads, depth):
    ahead = prefetch(steps_made, threads, depth)
    rng = np.random.default_rng(0)
    jumps = rng.integers((3, 9), size=(20, 2)).tolist()
    walks = [(0, step) for step in range(10)] + [(1, step) for step in (3, 4, 5, 5, 4)]
    for seed, step in [*walks, *jumps, *walks]:
        assert ahead(seed, step)[0].real.tolist() == [seed, step]


@pytest.mark.parametrize(("threads", "depth"), [(1, 1), (1, 3), (4, 2)])
def test_prefetch_makes_depth_steps_ahead(threads, depth):
    made = []

    def source(seed, step):
        made.append(step)
        return steps_made(seed, step)

    ahead = prefetch(source, threads, depth)
    assert made == []
    ahead(0, 5)
    assert eventually(lambda: set(made) == set(range(5, 6 + depth)))
    ahead(0, 6)
    assert eventually(lambda: set(made) == set(range(5, 7 + depth)))
    time.sleep(0.05)
    assert sorted(made) == list(range(5, 7 + depth))


def test_steps_are_made_while_one_is_used():
    both = threading.Barrier(3)  # passed only by two steps at a time, and this test

    def source(seed, step):
        if step in (1, 2):
            both.wait(5)
        return steps_made(seed, step)

    ahead = prefetch(source, threads=2)
    ahead(0, 0)
    both.wait(5)
    assert ahead(0, 1)[0].real.tolist() == [0, 1]


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_of_the_source_comes_out_as_it_is_and_others_steps_remain(threads):
    error = InputError("nothing to read")

    def source(seed, step):
        if step == 3:
            raise error
        return steps_made(seed, step)

    ahead = prefetch(source, threads)
    for _ in range(2):
        for step in (1, 2, 3, 3, 4, 5, 0):
            if step == 3:
                with pytest.raises(InputError) as raised:
                    ahead(0, step)
                assert raised.value is error
            else:
                assert ahead(0, step)[0].real.tolist() == [0, step]


def test_an_example_that_cannot_be_read_is_an_error_of_its_own_step():
    broken = [7]

    def gather(indices):
        if broken and (indices == broken[0]).any():
            raise OSError("the disk is gone")
        return Batch(np.asarray(indices))

    source = shuffled(Dataset(12, gather), 2, 1)
    whole = numbers(shuffled(Batch(np.arange(12)), 2, 1), 0, range(6))
    [at] = [step for step, batch in enumerate(whole) if 7 in batch]
    for step in range(6):
        if step == at:
            with pytest.raises(OSError, match="the disk is gone"):
                source(0, step)
        else:
            assert numbers(source, 0, [step]) == [whole[step]]
    broken.clear()
    assert numbers(source, 0, [at]) == [whole[at]]


@pytest.mark.parametrize(
    ("threads", "depth", "name"), [(0, 1, "threads"), (1, 0, "depth")]
)
def test_prefetch_checks_its_counts(threads, depth, name):
    with pytest.raises(InputError, match=f"{name} must be an integer of at least 1"):
        prefetch(steps_made, threads, depth)


@pytest.mark.parametrize(
    "make",
    [lambda: prefetch(steps_made, 3), lambda: shuffled(lazy(NUMBERS), 4)],
    ids=["prefetch", "shuffled"],
)
def test_threads_end_when_the_source_is_dropped(make):
    before = set(threading.enumerate())
    source = make()
    source(0, 0), source(0, 1)
    started = set(threading.enumerate()) - before
    assert started
    del source
    gc.collect()
    assert eventually(lambda: not any(thread.is_alive() for thread in started))


def test_threads_end_when_another_step_than_the_next_is_asked_for():
    before = set(threading.enumerate())
    source = prefetch(steps_made, threads=2)
    for step in (10, 0, 20, 5):
        source(0, step)
    assert eventually(lambda: len(set(threading.enumerate()) - before) <= 2)


def test_zip_sources_shuffles_each_source_independently():
    small, large = Batch(np.arange(12)), Batch(np.arange(100, 124))
    source = zip_sources(shuffled(small, 4, 1), shuffled(large, 4, 1))
    sides = [source(0, step)[0].real for step in range(6)]
    few, many = (np.concatenate(side) for side in zip(*sides, strict=True))
    assert sorted(few[:12]) == sorted(few[12:]) == list(range(12))
    assert sorted(many) == list(range(100, 124))


def test_zip_sources_gives_one_source_several_orders():
    one = shuffled(NUMBERS, 12, substeps=1)
    threefold = zip_sources(one, one, one)
    for step in range(3):
        [batch] = threefold(0, step)
        assert all(sorted(side) == list(range(12)) for side in batch.real)
        assert len({tuple(side) for side in batch.real}) == 3
    orders = {tuple(zip_sources(one)(seed, 0)[0].real[0]) for seed in range(20)}
    assert len(orders) == 20


def test_zip_sources_concatenates_conditions():
    first = Batch(np.arange(8), (np.arange(8) + 10, np.arange(8) + 20))
    second = Batch(np.arange(8) + 100, (np.arange(8) + 110,), np.arange(8) + 120)
    for batch in zip_sources(shuffled(first, 4), shuffled(second, 4))(0, 0):
        one, two = batch.real
        expected = [one + 10, one + 20, two + 10]
        assert [x.tolist() for x in batch.condition] == [x.tolist() for x in expected]
        assert batch.weight.tolist() == (two + 20).tolist()


@pytest.mark.parametrize(
    ("other", "sizes"),
    [
        (shuffled(NUMBERS, 3), r"\[\[4, 4\], \[3, 3\]\]"),
        (shuffled(NUMBERS, 4, substeps=1), r"\[\[4, 4\], \[4\]\]"),
    ],
)
def test_zip_sources_needs_equal_batch_sizes(other, sizes):
    source = zip_sources(shuffled(NUMBERS, 4), other)
    message = (
        f"zip_sources: the sources make batches of {sizes}; give all the same batch"
    )
    with pytest.raises(InputError, match=message):
        source(0, 0)


def test_zip_sources_needs_a_source():
    with pytest.raises(InputError, match="zip_sources: sources: give at least one"):
        zip_sources()


def test_zip_sources_refuses_two_weights():
    weighted = shuffled(NUMBERS._replace(weight=np.ones(12)), 4)
    with pytest.raises(InputError, match="weight: at most one of the zipped batches"):
        zip_sources(weighted, weighted)(0, 0)


def noisy(key, example):
    """Chance that needs all of float32: no two examples get the same."""
    noise = jax.random.normal(key, example.real.shape)
    return example._replace(real=example.real + noise)


def drawn(key, example):
    return example._replace(condition=(*example.condition, jax.random.uniform(key)))


def test_random_transform_draws_anew_for_every_example():
    source = random_transform(shuffled(Batch(np.zeros(8)), 4, substeps=3), drawn)
    found = [
        value
        for seed in (0, 1)
        for step in range(5)
        for batch in source(seed, step)
        for value in batch.condition[0].tolist()
    ]
    assert len(set(found)) == len(found) == 2 * 5 * 3 * 4
    assert min(found) >= 0 and max(found) < 1


def test_random_transform_is_a_function_of_seed_and_step_alone():
    source, fresh = (random_transform(shuffled(PICTURES, 5), noisy) for _ in range(2))
    walked = [bits(source(3, step)) for step in range(6)]
    for step in (5, 0, 3):
        assert bits(fresh(3, step)) == walked[step]
    assert bits(fresh(4, 0)) != walked[0]


def test_random_transform_depends_on_the_row_not_on_example_or_batch():
    # So that several processes draw, each for its rows, what one would draw.
    large = random_transform(shuffled(NUMBERS, 12), drawn)
    small = random_transform(shuffled(Batch(np.arange(30.0)), 5), drawn)
    [[first, _], [second, _]] = large(0, 0), small(0, 0)
    assert first.real[:5].tolist() != second.real.tolist()
    assert first.condition[0][:5].tolist() == second.condition[0].tolist()


def test_transforms_of_one_call_are_independent_and_in_order():
    def coin(key, example):
        tossed = jax.random.bernoulli(key)
        return example._replace(condition=(*example.condition, tossed))

    batch = random_transform(shuffled(Batch(np.zeros(1000)), 1000, 1), coin, coin)(
        0, 0
    )[0]
    first, second = (np.asarray(side) for side in batch.condition)
    # Of 1000 fair coins, five standard deviations are 79.
    for heads in (first, second, first == second):
        assert abs(heads.sum() - 500) < 79

    def doubled(key, example):
        return example._replace(real=2 * example.real)

    def raised(key, example):
        return example._replace(real=example.real + 1)

    source = random_transform(shuffled(NUMBERS, 12, 1), doubled, raised)
    assert sorted(source(0, 0)[0].real.tolist()) == [2 * x + 1 for x in range(12)]


def test_transforms_see_images_as_floats_and_single_examples():
    def transform(key, example):
        assert example.real.shape == (4, 4, 1) and example.real.dtype == jnp.float32
        label, other = example.condition
        assert label.shape == () and other.dtype == jnp.float32
        return example

    assert bits(random_transform(shuffled(PICTURES, 5), transform)(0, 1)) == bits(
        shuffled(PICTURES, 5)(0, 1)
    )


def from_file(folder):
    np.save(folder / "images.npy", PICTURES.real)
    return array_file(folder / "images.npy")


SOURCES = {
    "memory": lambda folder: shuffled(PICTURES, 5),
    "device": lambda folder: shuffled(PICTURES, 5, on_device=True),
    "lazy": lambda folder: shuffled(lazy(PICTURES), 5),
    "file": lambda folder: shuffled(from_file(folder), 5),
    "prefetch": lambda folder: prefetch(shuffled(PICTURES, 5), 3),
    "zip_sources": lambda folder: zip_sources(
        shuffled(PICTURES, 5), shuffled(lazy(pictures(15)), 5)
    ),
    "random_transform": lambda folder: random_transform(
        shuffled(PICTURES, 5), random_flip, noisy
    ),
    "random_transform, lazy": lambda folder: random_transform(
        shuffled(lazy(PICTURES), 5), noisy
    ),
    "draw_once": lambda folder: shuffled(draw_once(PICTURES, bernoulli_binarize), 5),
    "all": lambda folder: prefetch(
        random_transform(
            zip_sources(
                shuffled(draw_once(from_file(folder), bernoulli_binarize), 5),
                shuffled(in_memory(lazy(pictures(15))), 5),
            ),
            random_flip,
        )
    ),
}


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_a_source_built_anew_goes_on_where_another_stopped(make, tmp_path):
    source, fresh = make(tmp_path), make(tmp_path)
    walked = [bits(source(3, step)) for step in range(6)]
    assert all(one != other for one, other in pairwise(walked))
    assert [bits(fresh(3, step)) for step in (3, 4, 5)] == walked[3:]


def test_a_lazy_source_used_twice_is_prefetched_in_both_orders():
    made = []

    def gather(indices):
        made.append(len(indices))
        return Batch(indices.astype(np.float32))

    lazy = shuffled(Dataset(12, gather), 4, substeps=1)
    source, made[:] = zip_sources(lazy, lazy), []
    for step in range(30):
        source(0, step)
    ahead = 2 * (PREFETCH_THREADS + 2)  # steps of two orders
    assert 60 <= len(made) <= 60 + ahead


def test_integers_that_jax_would_cut_are_refused():
    data = Batch(np.zeros((3, 2)), (np.array([0, 1, 2**40]),))
    message = r"data\.condition\[0\] holds integers that do not fit in int32"
    with pytest.raises(InputError, match=message):
        shuffled(data, 2)
    with jax.enable_x64(True):
        assert shuffled(data, 3, substeps=1)(0, 0)[0].condition[0].max() == 2**40


def test_a_source_of_whole_batches_is_cut_for_a_process(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    whole = (Batch(np.zeros((6, 2), np.float32)), Batch(np.zeros((4, 2), np.float32)))

    def source(seed, step):
        rows = np.arange(12.0, dtype=np.float32).reshape(6, 2) + step
        return Batch(rows, (rows[:, 0],)), Batch(rows[:2])  # the second is cut already

    first, second = of_process(source, whole)(0, 10)
    assert first.real.tolist() == [[16, 17], [18, 19], [20, 21]]
    assert first.condition[0].tolist() == [16, 18, 20]
    assert second.real.tolist() == [[10, 11], [12, 13]]
