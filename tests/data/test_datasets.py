import inspect
from types import SimpleNamespace

import jax
import numpy as np
import psutil
import pytest

from jaxgan import Batch, InputError, data
from jaxgan.data import (
    Dataset,
    array_file,
    concatenate,
    in_memory,
    paired,
    sample_tuples,
    split,
    take,
)
from jaxgan.data.datasets import as_dataset, fits_in_memory, total_bytes
from tests.builders import bits

CLASSES = ("even", "odd")


def pictures(size=10, seed=0, weight=None):
    """Images of one random pixel row, and labels."""
    rng = np.random.default_rng(seed)
    images = rng.integers(256, size=(size, 1, 4, 1)).astype(np.uint8)
    return Batch(images, (np.arange(size) % 2,), weight)


def numbers(*values):
    return Batch(np.array(values, float))


def computed(batch, classes=()):
    """The same examples as a lazy set, and a list of the indices it is asked for."""
    asked = []

    def gather(indices):
        asked.append(indices.tolist())
        return jax.tree.map(lambda leaf: leaf[indices], batch)

    return Dataset(len(batch.real), gather, classes=classes), asked


def everything(dataset):
    return dataset.gather(np.arange(len(dataset)))


def reals(dataset):
    return everything(dataset).real.tolist()


def test_arrays_are_a_data_set_and_a_data_set_stays_itself():
    batch = pictures()
    made = as_dataset(batch, CLASSES)
    assert len(made) == made.size == 10
    assert made.arrays is batch and made.classes == CLASSES
    assert as_dataset(made) is made
    some = made.gather(np.array([7, 7, 0]))
    assert bits(some.real) == bits(batch.real[[7, 7, 0]])
    assert some.condition[0].tolist() == [1, 1, 0] and some.weight is None


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (Batch(np.zeros((0, 2))), "data: the arrays hold no examples"),
        (
            Batch((np.zeros(3), np.zeros(4))),
            r"data: all arrays need one length, got lengths \[3, 4\]",
        ),
        (
            Batch(np.zeros(3), (), np.zeros(5)),
            r"data: all arrays need one length, got lengths \[3, 5\]",
        ),
    ],
)
def test_arrays_that_are_no_examples_are_refused(batch, message):
    with pytest.raises(InputError, match=message):
        as_dataset(batch)


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf, 1e39])
def test_a_weight_that_is_none_is_refused(wrong):
    with pytest.raises(InputError, match=r"data\.weight must hold finite numbers of"):
        as_dataset(Batch(np.zeros(2), (), np.array([1.0, wrong])))


def test_an_npy_file_stays_on_the_disk(tmp_path):
    images = pictures().real
    np.save(tmp_path / "images.npy", images)
    held = array_file(tmp_path / "images.npy")
    assert isinstance(held.arrays.real.base, np.memmap)
    assert bits(everything(held)) == bits(Batch(images))
    assert not isinstance(held.gather(np.arange(3)).real, np.memmap)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"real": "images"}, lambda x, y: Batch(x)),
        ({"real": "images", "condition": ("labels",)}, lambda x, y: Batch(x, (y,))),
        (
            {"real": "labels", "condition": ("images", "labels")},
            lambda x, y: Batch(y, (x, y)),
        ),
    ],
)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_of_an_npz_file_are_named(tmp_path, save, names, expected):
    images, [labels], _ = pictures()
    save(tmp_path / "two.npz", images=images, labels=labels)
    held = array_file(str(tmp_path / "two.npz"), **names)
    assert bits(everything(held)) == bits(expected(images, labels))


def test_a_single_array_needs_no_name(tmp_path):
    np.savez(tmp_path / "one.npz", numbers=np.arange(3.0))
    assert reals(array_file(tmp_path / "one.npz")) == [0, 1, 2]


UNREADABLE = "cannot be read as .npy or .npz"
ONE = np.arange(3.0)
OBJECTS = np.array([{}, None], object)


def write(path, save, *arrays, **named):
    """Under a name that says nothing about what is in the file."""
    with path.open("wb") as file:
        save(file, *arrays, **named)
    return path


@pytest.mark.parametrize(
    ("arrays", "names", "message"),
    [
        ((np.save, OBJECTS), {}, UNREADABLE),
        ((np.savez, OBJECTS), {}, "cannot be read: Object arrays cannot be loaded"),
        (
            (np.save, ONE),
            {"real": "images"},
            "holds a single array without a name; leave out `real` and `condition`",
        ),
        (
            (np.save, ONE),
            {"condition": ("labels",)},
            "holds a single array without a name; leave out `real` and `condition`",
        ),
        ((np.savez, ONE, ONE), {}, r"holds \['arr_0', 'arr_1'\]; name one array"),
        ((np.savez, ONE), {"real": "b"}, r"holds no array 'b', only \['arr_0'\]"),
        (
            (np.savez, ONE),
            {"condition": ("b",)},
            r"holds no array 'b', only \['arr_0'\]",
        ),
        (
            (np.savez, ONE, ONE[1:]),
            {"real": "arr_0", "condition": ("arr_1",)},
            r"all arrays need one length, got lengths \[2, 3\]",
        ),
    ],
)
def test_files_without_such_arrays_are_refused(tmp_path, arrays, names, message):
    path = write(tmp_path / "file", *arrays)
    with pytest.raises(InputError, match=message):
        array_file(path, **names)


def test_what_is_no_file_of_arrays_is_refused(tmp_path):
    for missing in (tmp_path / "missing.npy", tmp_path):
        with pytest.raises(InputError, match=f"path: {missing} is not a file; give a"):
            array_file(missing)
    (tmp_path / "table.csv").write_text("1,2,3")
    with pytest.raises(InputError, match=UNREADABLE):
        array_file(tmp_path / "table.csv")


# NumPy does not close what it cannot open.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("share", [0, 0.005, 0.2, 0.5, 0.98])
@pytest.mark.parametrize("save", [np.save, np.savez, np.savez_compressed])
def test_a_file_that_was_cut_off_is_refused(tmp_path, save, share):
    path = write(tmp_path / "file", save, np.random.default_rng(0).normal(size=100))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=f"{path} {UNREADABLE}"):
        array_file(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_file_with_a_wrong_byte_is_refused(tmp_path, save):
    path = write(tmp_path / "file", save, np.random.default_rng(0).normal(size=100))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        array_file(path)


def test_examples_are_computed_once_in_memory():
    batch = pictures(600, weight=np.arange(600.0))
    lazy, asked = computed(batch, CLASSES)
    held = in_memory(lazy)
    assert bits(held.arrays) == bits(batch) and held.classes == CLASSES
    [*probes, first, second, third] = asked
    assert all(probe == [0] for probe in probes)
    assert [*first, *second, *third] == list(range(600))
    asked.clear()
    chosen = np.random.default_rng(0).integers(600, size=50)
    assert bits(held.gather(chosen)) == bits(jax.tree.map(lambda x: x[chosen], batch))
    assert in_memory(held) is held
    assert asked == []


@pytest.mark.parametrize("texts", [["a", "long", "of"], [b"a", b"long", b"of"]])
def test_texts_are_held_whatever_the_length_of_the_first(texts):
    lazy = Dataset(3, lambda i: Batch(i, (np.array([texts[n] for n in i]),)))
    [held] = in_memory(lazy).arrays.condition
    assert held.tolist() == texts and held.dtype == np.array(texts).dtype


@pytest.mark.parametrize(("free", "fits"), [(2 * 120, True), (2 * 120 - 1, False)])
def test_examples_may_need_half_of_the_free_memory(monkeypatch, free, fits):
    lazy, _ = computed(pictures())
    assert total_bytes(lazy) == 10 * (4 + 8) == 120
    monkeypatch.setattr(
        psutil, "virtual_memory", lambda: SimpleNamespace(available=free)
    )
    assert fits_in_memory(lazy) == fits
    if fits:
        assert bits(in_memory(lazy).arrays) == bits(pictures())
    else:
        with pytest.raises(InputError, match="data: 10 examples need "):
            in_memory(lazy)


def test_a_lazy_set_too_large_for_memory_says_what_it_needs(monkeypatch):
    one = np.broadcast_to(np.uint8(0), (1, 2**20, 1, 1))
    lazy = Dataset(3 * 2**10, lambda indices: Batch(one))
    monkeypatch.setattr(
        psutil, "virtual_memory", lambda: SimpleNamespace(available=5 * 2**30)
    )
    with pytest.raises(InputError) as refused:
        in_memory(lazy)
    assert str(refused.value) == (
        "data: 3,072 examples need 3.0 GiB, and 5.0 GiB are free; leave out in_memory "
        "to compute them when they are gathered."
    )


MADE = {
    "as it is": as_dataset,
    "take": lambda some: take(some, 7),
    "split": lambda some: split(some, 0.3)[1],
    "concatenate": lambda some: concatenate(some, pictures(3, 1), some),
    "map": lambda some: data.map(some, lambda x: x._replace(real=255 - x.real)),
    "paired": lambda some: paired(some, pictures(10, 2)),
    "sample_tuples": lambda some: sample_tuples(some, 3, 20),
    "several": lambda some: sample_tuples(
        concatenate(*split(take(some, 8), 0.5)), 2, 9
    ),
}


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_what_is_made_of_lazy_examples_is_what_is_made_of_arrays(made):
    lazy, asked = computed(pictures())
    late, eager = made(lazy), made(pictures())
    assert late.arrays is None and len(late) == len(eager)
    assert sum(map(len, asked)) <= 4  # a few examples, to see what fits together
    chosen = np.random.default_rng(0).integers(len(late), size=30)
    found = late.gather(chosen)
    assert bits(found) == bits(eager.gather(chosen))
    assert bits(found) == bits(in_memory(late).gather(chosen))
    assert bits(late.gather(chosen[:1])) == bits(
        jax.tree.map(lambda leaf: leaf[:1], found)
    )


@pytest.mark.parametrize(
    "made",
    [made for name, made in MADE.items() if name != "concatenate"],
    ids=[name for name in MADE if name != "concatenate"],
)
def test_classes_stay_with_what_is_made(made):
    lazy, _ = computed(pictures(), CLASSES)
    assert made(lazy).classes == CLASSES
    assert in_memory(made(lazy)).classes == CLASSES


def test_the_first_examples_are_taken():
    assert reals(take(numbers(5, 6, 7, 8), 3)) == [5, 6, 7]
    assert take(pictures(), 4).arrays.condition[0].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("n", "message"),
    [
        (0, "take: n must be an integer of at least 1, got 0"),
        (11, "take: n is 11, but there are 10 examples."),
    ],
)
def test_only_examples_that_are_there_can_be_taken(n, message):
    with pytest.raises(InputError, match=message):
        take(pictures(), n)


@pytest.mark.parametrize(
    ("share", "sizes"), [(0.5, (20, 20)), (0.9, (36, 4)), (0.02, (1, 39))]
)
def test_a_split_is_a_partition_at_random(share, sizes):
    whole = Batch(np.arange(40.0))
    parts = [reals(part) for part in split(whole, share)]
    assert tuple(map(len, parts)) == sizes
    assert sorted(parts[0] + parts[1]) == list(range(40))
    assert parts[0] + parts[1] != list(range(40))
    assert parts == [reals(part) for part in split(whole, share, seed=0)]
    assert parts != [reals(part) for part in split(whole, share, seed=1)]


@pytest.mark.parametrize("share", [-0.5, 1.5, float("nan")])
def test_a_share_is_one(share):
    with pytest.raises(InputError, match="split: share must be "):
        split(pictures(), share)


@pytest.mark.parametrize("share", [0.0, 1.0, 0.01, 0.99])
def test_a_part_without_examples_is_refused(share):
    message = f"split: a share of {share} of 10 examples leaves a part empty"
    with pytest.raises(InputError, match=message):
        split(pictures(), share)


def test_split_and_sample_tuples_need_a_seed():
    with pytest.raises(InputError, match="split: seed must be an integer from 0 to"):
        split(pictures(), 0.5, seed=-1)
    with pytest.raises(
        InputError, match="sample_tuples: seed must be an integer from 0 to"
    ):
        sample_tuples(pictures(), 2, 3, seed=-1)


@pytest.mark.parametrize(
    "chosen", [[0, 1, 2, 3, 4, 5], [5, 0, 3, 2], [3, 3, 0, 5, 0, 3], [4], [2, 1]]
)
def test_examples_of_several_sets_come_in_the_order_asked_for(chosen):
    parts = [
        Batch(values, (10 * values,), 100 * values)
        for values in (np.arange(2.0), np.arange(2.0, 3.0), np.arange(3.0, 6.0))
    ]
    one = concatenate(*parts)
    assert len(one) == 6
    found = one.gather(np.array(chosen))
    assert found.real.tolist() == chosen
    assert found.condition[0].tolist() == [10 * i for i in chosen]
    assert found.weight.tolist() == [100 * i for i in chosen]


def test_only_the_sets_asked_for_are_gathered():
    (first, asked), (second, also) = computed(numbers(0, 1)), computed(numbers(2, 3))
    one = concatenate(first, second)
    asked.clear(), also.clear()
    assert one.gather(np.array([3, 2, 3])).real.tolist() == [3, 2, 3]
    assert asked == [] and also == [[1, 0, 1]]


@pytest.mark.parametrize(
    "other",
    [
        Batch(np.zeros((2, 3))),
        Batch(np.zeros(2, np.float32)),
        Batch(np.zeros(2), (np.zeros(2),)),
        Batch(np.zeros(2), (), np.ones(2)),
        Batch((np.zeros(2), np.zeros(2))),
        as_dataset(Batch(np.zeros(2)), CLASSES),
    ],
    ids=["shape", "dtype", "condition", "weight", "structure", "classes"],
)
def test_sets_that_differ_are_not_joined(other):
    alike = Batch(np.zeros(4))
    with pytest.raises(InputError, match=r"concatenate: .*part 2 (are|has)"):
        concatenate(alike, alike, other)
    with pytest.raises(InputError, match=r"concatenate: .*part 1 (are|has)"):
        concatenate(other, alike)


def test_joining_needs_a_set():
    with pytest.raises(InputError, match="concatenate: give at least one data set"):
        concatenate()


def test_classes_that_are_alike_stay_when_sets_are_joined():
    one = concatenate(*(as_dataset(pictures(n), CLASSES) for n in (2, 3)))
    assert one.classes == CLASSES


def test_map_transforms_examples_when_they_are_gathered():
    seen = []

    def transform(batch):
        seen.append(batch.real.tolist())
        return Batch(batch.real + 1, (batch.real,))

    mapped = data.map(numbers(5, 6, 7), transform)
    assert seen == [[5]]
    found = mapped.gather(np.array([2, 0]))
    assert seen == [[5], [7, 5]]
    assert found.real.tolist() == [8, 6] and found.condition[0].tolist() == [7, 5]


@pytest.mark.parametrize(
    ("transform", "made"),
    [
        (lambda batch: batch.real, r"ndarray of lengths \[1\]"),
        (lambda batch: Batch(np.zeros(2)), r"Batch of lengths \[2\]"),
        (lambda batch: Batch(batch.real, (np.zeros(3),)), r"Batch of lengths \[1, 3\]"),
        (lambda batch: None, r"NoneType of lengths \[\]"),
    ],
)
def test_map_needs_a_batch_of_as_many_examples(transform, made):
    with pytest.raises(InputError, match=f"map: .* for 1 it returned {made}"):
        data.map(numbers(5, 6, 7), transform)


def test_pairs_belong_together():
    first = Batch(np.arange(3.0), (np.arange(3) + 10,))
    second = Batch(np.arange(3.0) + 20, (np.arange(3) + 30, np.arange(3) + 40))
    pairs = paired(first, second)
    assert len(pairs) == 3
    found = pairs.gather(np.array([2, 0, 2]))
    assert [x.tolist() for x in found.real] == [[2, 0, 2], [22, 20, 22]]
    assert [x.tolist() for x in found.condition] == [
        [12, 10, 12],
        [32, 30, 32],
        [42, 40, 42],
    ]


@pytest.mark.parametrize("weighted", [0, 1])
def test_one_of_a_pair_may_have_weights(weighted):
    sides = [Batch(np.zeros(3)), Batch(np.zeros(3))]
    sides[weighted] = sides[weighted]._replace(weight=np.arange(3.0))
    assert paired(*sides).gather(np.array([2, 1])).weight.tolist() == [2, 1]


def test_only_one_of_the_zipped_sets_may_have_weights():
    weighted = Batch(np.zeros(3), (), np.ones(3))
    message = "weight: at most one of the zipped batches may have weights"
    with pytest.raises(InputError, match=message):
        everything(paired(weighted, weighted))
    with pytest.raises(InputError, match=message):
        everything(sample_tuples(weighted, 2, 3))
    assert everything(sample_tuples(weighted, 1, 3)).weight.tolist() == [1, 1, 1]


def test_pairs_need_as_many_of_both():
    message = "paired: the sets have 1 and 2 examples; pairs need as many of both"
    with pytest.raises(InputError, match=message):
        paired(numbers(1), numbers(1, 2))


def test_classes_of_a_pair_are_those_of_the_side_that_has_them():
    named = as_dataset(pictures(), CLASSES)
    assert paired(named, pictures()).classes == CLASSES
    assert paired(pictures(), named).classes == CLASSES


def test_sample_tuples_draws_with_replacement():
    members = everything(sample_tuples(numbers(1, 2, 3), 2, 200)).real
    drawn = list(zip(*(side.tolist() for side in members), strict=True))
    assert len(drawn) == 200
    assert set(drawn) == {(a, b) for a in (1, 2, 3) for b in (1, 2, 3)}


def test_sample_tuples_draws_once():
    def drawn(**seed):
        return sample_tuples(pictures(), 3, 20, **seed)

    some = drawn()
    assert len(some) == 20
    assert bits(everything(some)) == bits(everything(some))
    assert bits(everything(some)) == bits(everything(drawn(seed=0)))
    assert bits(everything(some)) != bits(everything(drawn(seed=1)))


def test_sample_tuples_concatenates_the_conditions():
    values = np.arange(50)
    data = Batch(values, (values + 100, values + 200))
    found = everything(sample_tuples(data, 3, 20))
    assert len(found.real) == 3 and len(found.condition) == 6
    for member, real in enumerate(found.real):
        first, second = found.condition[2 * member : 2 * member + 2]
        assert first.tolist() == (real + 100).tolist()
        assert second.tolist() == (real + 200).tolist()


@pytest.mark.parametrize(("k", "n", "name"), [(0, 1, "k"), (1, 0, "n")])
def test_sample_tuples_checks_its_counts(k, n, name):
    with pytest.raises(
        InputError, match=f"sample_tuples: {name} must be an integer of at le"
    ):
        sample_tuples(pictures(), k, n)


def test_bare_arrays_are_told_to_be_wrapped():
    unchecked = inspect.unwrap(as_dataset)  # without beartype, as users have it
    with pytest.raises(InputError, match=r"^data must be a Dataset or a Batch of"):
        unchecked(np.zeros(3))
