import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import Batch, InputError, shuffled
from jaxgan.data.sources import as_float

NUMBERS = Batch(np.arange(12.0))


def numbers(source, seed, steps):
    """What a source of single substeps gives, step after step."""
    return [source(seed, step)[0].real.tolist() for step in steps]


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
        assert batch.condition[0].dtype == data.condition[0].dtype


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


def test_arrays_on_the_device_are_a_source_too():
    source = shuffled(Batch(jnp.arange(12.0)), 4)
    np.testing.assert_array_equal(
        source(0, 1)[1].real, shuffled(NUMBERS, 4)(0, 1)[1].real
    )


@pytest.mark.parametrize(
    ("data", "counts", "message"),
    [
        (NUMBERS, (0,), "batch_size must be an integer of at least 1, got 0"),
        (NUMBERS, (4, 0), "substeps must be an integer of at least 1, got 0"),
        (NUMBERS, (13,), "batch_size is 13, but the data hold only 12 examples"),
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
