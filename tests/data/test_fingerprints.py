"""Data that changed have another fingerprint, those that were moved the same."""

import shutil

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan import Batch, data, shuffled
from jaxgan.data import Resize, fingerprint, fingerprints, folder
from jaxgan.data.datasets import Dataset, as_dataset
from jaxgan.data.readers import files
from jaxgan.data.readers.files import Files

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1), np.uint8)
LABELS = np.arange(40) % 3


def replaced(rows, images=IMAGES):
    changed = images.copy()
    changed[rows] = 255 - changed[rows]
    return changed


SETS = {
    "arrays": lambda x: Batch(x),
    "computed": lambda x: Dataset(40, lambda i: Batch(x[i])),
    "mapped": lambda x: data.map(Batch(x), lambda b: Batch(b.real / 255)),
    "split": lambda x: data.split(Batch(x), 0.5)[1],
    "paired": lambda x: data.paired(Batch(IMAGES), Batch(x)),
    "concatenated": lambda x: data.concatenate(Batch(IMAGES), Batch(x)),
    "taken": lambda x: data.take(Batch(x), 35),
    "tuples": lambda x: data.sample_tuples(Batch(x), 2, 200),
    "drawn": lambda x: data.draw_once(Batch(x), data.random_flip),
    "held": lambda x: data.in_memory(data.grayscale(Batch(x))),
    "conditions": lambda x: Batch(LABELS, (x,)),
}


def mine(seed, step, images):
    """A source by the user, of batches of 3 and with replacement."""
    rng = np.random.default_rng((seed, step))
    return (Batch(images[rng.integers(0, len(images), 3)]),)


SOURCES = {
    "shuffled": lambda x: shuffled(Batch(x), 16),
    "whole": lambda x: shuffled(Batch(x), 40, substeps=1),
    "computed": lambda x: shuffled(SETS["computed"](x), 7),
    "transformed": lambda x: data.random_transform(
        shuffled(Batch(x), 16), data.random_flip
    ),
    "zipped": lambda x: data.zip_sources(
        shuffled(Batch(IMAGES), 16), shuffled(Batch(x), 16)
    ),
    "ahead": lambda x: data.prefetch(shuffled(Batch(x), 16)),
    "mine": lambda x: lambda seed, step: mine(seed, step, x),
}


@pytest.mark.parametrize("make", [*SETS.values(), *SOURCES.values()])
def test_ten_of_forty_replaced_images_are_noticed(make):
    before = fingerprint(make(IMAGES))
    assert before == fingerprint(make(IMAGES.copy()))
    assert before != fingerprint(make(replaced(slice(20, 30))))


@pytest.mark.parametrize("name", ["shuffled", "whole", "mine"])
def test_each_of_forty_images_is_looked_at(name):
    make = SOURCES[name]
    found = [fingerprint(make(replaced(row))) for row in range(40)]
    assert len({fingerprint(make(IMAGES)), *found}) == 41


def test_everything_about_a_set_counts():
    weight = np.ones(40)
    sets = [
        Batch(IMAGES),
        Batch(IMAGES[:39]),
        Batch(IMAGES.astype(np.int16)),
        Batch(IMAGES.reshape(40, 16)),
        Batch(IMAGES[::-1]),
        Batch(IMAGES, (LABELS,)),
        Batch((IMAGES, LABELS)),
        Batch(IMAGES, (LABELS + 1,)),
        Batch(IMAGES, (), weight),
        Batch(IMAGES, (), 2 * weight),
        as_dataset(Batch(IMAGES, (LABELS,)), ("a", "b", "c")),
        as_dataset(Batch(IMAGES, (LABELS,)), ("a", "b", "d")),
        Batch(jnp.asarray(IMAGES, jnp.bfloat16)),
        Batch(IMAGES, (np.array(["x", "yz"] * 20),)),
    ]
    assert len({*map(fingerprint, sets)}) == len(sets)


def test_one_more_image_is_noticed_by_a_source():
    more = np.concatenate([IMAGES, IMAGES[:1]])
    assert fingerprint(shuffled(Batch(more), 16)) != fingerprint(
        SOURCES["shuffled"](IMAGES)
    )


def test_a_folder_that_is_moved_or_streamed_stays_the_same(tmp_path):
    (tmp_path / "a").mkdir()
    for i, image in enumerate(IMAGES):
        Image.fromarray(image[..., 0]).save(tmp_path / "a" / f"{i}.png")
    read = {"resize": Resize(4), "cache": tmp_path / "cache"}
    before = [fingerprint(f(folder(tmp_path / "a", **read))) for f in (in_order, dealt)]
    shutil.copytree(tmp_path / "a", tmp_path / "elsewhere" / "b")
    shutil.rmtree(tmp_path / "a")
    for stream in (False, True):
        moved = folder(tmp_path / "elsewhere" / "b", stream=stream, **read)
        assert [fingerprint(f(moved)) for f in (in_order, dealt)] == before
    for i in range(10):
        (tmp_path / "elsewhere" / "b" / f"{i}.png").write_bytes(
            (tmp_path / "elsewhere" / "b" / f"{i + 10}.png").read_bytes()
        )
    changed = folder(tmp_path / "elsewhere" / "b", **read)
    after = [fingerprint(f(changed)) for f in (in_order, dealt)]
    assert after[0] != before[0] and after[1] != before[1]


def in_order(images):
    return images


def dealt(images):
    return shuffled(images, 8)


def test_a_hundredth_of_many_examples_is_noticed_by_a_source():
    images = np.random.default_rng(1).integers(0, 256, (20_000, 2), np.uint8)
    rows = np.random.default_rng(2).permutation(20_000)[:200]
    before, after = (
        fingerprint(shuffled(Batch(x), 64)) for x in (images, replaced(rows, images))
    )
    assert before != after


MANY = np.random.default_rng(3).integers(0, 256, (5000, 2), np.uint8)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: Batch(x),
        lambda x: data.map(data.take(Batch(x), 4000), lambda b: Batch(b.real / 255)),
        lambda x: data.concatenate(Batch(MANY), Batch(x)),
        lambda x: data.draw_once(Batch(x), lambda key, example: example),
    ],
)
@pytest.mark.parametrize(
    "deal",
    [
        in_order,
        dealt,
        lambda x: data.random_transform(data.zip_sources(dealt(x), dealt(x))),
        lambda x: data.prefetch(dealt(x)),
    ],
)
def test_one_of_five_thousand_replaced_examples_is_noticed(make, deal):
    before, after = (fingerprint(deal(make(x))) for x in (MANY, replaced(2345, MANY)))
    assert before != after


@pytest.mark.parametrize("stream", [False, True])
def test_one_of_a_thousand_replaced_files_is_noticed(tmp_path, stream):
    for i, color in enumerate(MANY[:1000, 0]):
        Image.new("L", (2, 2), int(color)).save(tmp_path / f"{i:03}.bmp")

    def found():
        read = folder(tmp_path, Resize(2), cache=tmp_path / "cache", stream=stream)
        return fingerprint(data.map(read, lambda batch: batch))

    before = found()
    assert before == found()
    Image.new("L", (2, 2), 255 - int(MANY[777, 0])).save(tmp_path / "777.bmp")
    assert before != found()


def test_of_large_files_names_and_sizes_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LIMIT", 100)
    for name in "ab":
        Image.new("L", (2, 2)).save(tmp_path / f"{name}.bmp")
    before = Files.of(tmp_path).digest()
    with (tmp_path / "b.bmp").open("ab") as file:
        file.write(b"0")
    assert Files.of(tmp_path).digest() != before
    (tmp_path / "b.bmp").rename(tmp_path / "c.bmp")
    assert Files.of(tmp_path).digest() not in (before, "")


def test_of_large_data_a_part_is_read(monkeypatch):
    monkeypatch.setattr(fingerprints, "LIMIT", 100 * 4)
    asked = []

    def gather(indices):
        asked.extend(indices.tolist())
        return Batch(np.zeros((len(indices), 1), np.float32))

    fingerprint(Dataset(1000, gather))
    assert len(asked) == 100 + 1  # and one for its size
    assert asked[1] == 0 and asked[-1] == 999

    def source(seed, step):
        asked.append((seed, step))
        return (Batch(np.zeros((30, 1), np.float32)),)

    asked.clear()
    fingerprint(source, seed=3)
    assert asked == [(3, step) for step in range(4)]


def test_a_source_is_asked_for_two_steps_at_least():
    asked = []

    def source(seed, step):
        asked.append(step)
        return (Batch(np.zeros((5000, 1))),) * 2

    fingerprint(source)
    assert asked == [0, 1]
