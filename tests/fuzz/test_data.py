"""Readers, transforms and sources of data refuse bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan import Batch, data
from tests.fuzz.kinds import (
    COUNT,
    FLAG,
    FRACTION,
    FUNCTION,
    INF,
    NAN,
    NO_ARRAY,
    NON_NEGATIVE,
    OPTIONAL_COUNT,
    PATH,
    POSITIVE,
    SEED,
    Kind,
    faults,
    public,
)

ROOMS = ("data", "data.synthetic")
BUT = {
    "data.Filter": "a type",
    "data.Shape": "a type",
    "data.Source": "a type",
    "data.digits": "takes nothing",
}
FUNCTIONS = public(*ROOMS, but=BUT)

IMAGES = np.zeros((6, 8, 8, 1), np.uint8)
LABELS = np.arange(6)
LABELED = Batch(IMAGES, (LABELS,))
WALKS = np.zeros((3, 20, 2), np.float32)
KEY = jax.random.key(0)
NO_IMAGES = [Batch(np.zeros((6, 2))), Batch(np.zeros((6, 8, 8, 2))), Batch(LABELS)]
NO_DATA = [
    None,
    "data",
    1.0,
    (),
    object(),
    IMAGES,
    Batch,
    Batch(None),
    Batch(()),
    Batch(1.0),
    Batch("photos"),
    Batch([0.0, 1.0]),
    Batch(object()),
    Batch(IMAGES[:0]),
    Batch(IMAGES, (LABELS[:3],)),
    Batch(IMAGES, weight=-np.ones(6)),
    Batch(IMAGES, weight=np.full(6, NAN)),
]
DATA = Kind([LABELED, data.take(LABELED, 6), Batch(jnp.zeros((6, 8, 8, 1)))], NO_DATA)
PICTURES = Kind([LABELED, Batch(IMAGES / 255)], [*NO_DATA, *NO_IMAGES])
NO_EXAMPLE = [None, "example", 1.0, object(), Batch(None), Batch("photo"), Batch(())]
EXAMPLE = Batch(jnp.zeros((8, 8, 1)), (jnp.int32(1),))
SCENES = data.Scenes(WALKS, np.array([0, 0, 1]), 8)
NO_SCENES = [None, "scenes", 1.0, (), data.Scenes, LABELED]
NO_CHOICE = [None, "fold", 1, "", ("crop",), object()]
NAMED = Kind([None, "real"], [1, "", "absent", ("real",), object()])
POINTS = [*NO_ARRAY, np.float32(1), WALKS[..., 0], WALKS[:, :0]]


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """The values by argument, of files in a folder of images."""
    place = tmp_path_factory.mktemp("data")
    images = place / "images"
    for name in ("cat", "dog"):
        (images / name).mkdir(parents=True)
        Image.new("L", (8, 8)).save(images / name / f"{name}.png")
    table = place / "table.csv"
    table.write_text("file,label,text\ncat/cat.png,1,one\ndog/dog.png,2,two\n")
    arrays = place / "arrays.npz"
    np.savez(arrays, real=IMAGES, label=LABELS)
    walks = place / "walks.txt"
    np.savetxt(walks, [(t, who, 0.5 * t, who) for t in range(24) for who in (1, 2)])
    prepared = place / "tfds"
    tiny_set().prepare(prepared)

    folder = Kind([images, str(images)], [*PATH, place / "arrays.npz"])
    return {
        "data": DATA,
        "first": DATA,
        "second": DATA,
        "parts": DATA,
        "seed": SEED,
        "n": COUNT,
        "take n": Kind([2, 6], [*COUNT.invalid, 7]),
        "share": Kind([0.5, 1 / 3], [*FRACTION.invalid, 0.0, 1.0, 0.01]),
        "transform": Kind(
            [lambda *given: given[-1]], [*FUNCTION.invalid, lambda *given: None]
        ),
        "transforms": FUNCTION,
        "source": FUNCTION,
        "sources": FUNCTION,
        "classes": Kind([(), ("cat",)], [None, "cat", 1.0, (1,), (None,)]),
        "columns": Kind(
            [(LABELS,), ()], [None, "label", 1.0, LABELS, (None,), (1.0,), ("label",)]
        ),
        "size": Kind([8, 16, np.int64(8)], COUNT.invalid),
        "shape": Kind(["crop", "pad", "stretch"], NO_CHOICE),
        "filter": Kind(["box", "lanczos"], NO_CHOICE),
        "on_error": Kind(["raise", "skip"], NO_CHOICE),
        "unmatched": Kind(["raise", "skip"], NO_CHOICE),
        "channels": Kind([None, 1, 3], ["rgb", NAN, 0, -1, 2, 1.0, True, (3,)]),
        "background": Kind(
            ["white", "#ff8800"], [None, "", "colour", 1, (1.0,), object(), NAN]
        ),
        "positions": Kind([WALKS, jnp.asarray(WALKS)], POINTS),
        "displacements": Kind([WALKS, jnp.asarray(WALKS)], POINTS),
        "start": Kind([WALKS[:, 0]], [*NO_ARRAY, WALKS[:2, 0], WALKS]),
        "window": Kind([SCENES.window], [*NO_ARRAY, LABELS, np.array([0.0, NAN, 1.0])]),
        "observed": Kind([8, 1], [*COUNT.invalid, 20]),
        "trajectories observed": COUNT,
        "predicted": COUNT,
        "at_least": Kind([2, 1], COUNT.invalid),
        "stride": COUNT,
        "scenes": Kind([SCENES], NO_SCENES),
        "path": folder,
        "array_file path": Kind([arrays, str(arrays)], [*PATH, images, table]),
        "by_table path": Kind([table, str(table)], [*PATH, images, arrays]),
        "trajectories path": Kind([walks, str(walks)], [*PATH, images, table]),
        "paired_folders first": folder,
        "paired_folders second": folder,
        "array_file real": Kind(["real"], [*NAMED.invalid, None]),
        "real": Kind(["image", "grid"], [None, *NAMED.invalid]),
        "condition": Kind(
            [(), ("label",)], [None, "label", 1.0, (1,), (None,), ("absent",), ("",)]
        ),
        "key": Kind([KEY], [None, "key", 1.0, NAN, (), object(), jnp.ones(3)]),
        "example": Kind([EXAMPLE], NO_EXAMPLE),
        "random_flip example": Kind([EXAMPLE], [*NO_EXAMPLE, Batch(jnp.ones(3))]),
        "random_hue example": Kind(
            [EXAMPLE], [*NO_EXAMPLE, Batch(jnp.ones((8, 8, 3)))]
        ),
        "stack_channels example": Kind(
            [Batch((EXAMPLE.real, EXAMPLE.real))],
            [*NO_EXAMPLE, EXAMPLE, Batch((EXAMPLE.real,) * 2, EXAMPLE.condition)],
        ),
        "names": Kind(
            [("cat/1.png", "dog/2.png")],
            [None, "cat/1.png", 1.0, (None,), (1,), ("1.png",), ("",)],
        ),
        "label": Kind(["label", None], [1, "", "absent", ("label",), object()]),
        "caption": Kind(["text", None], [1, "", "absent", ("text",), object()]),
        "file": Kind(["file"], [None, 1, "", "absent", ("file",), object()]),
        "factor": Kind([2, 1, 8], [*COUNT.invalid, 3, 16]),
        "sigma": POSITIVE,
        "edge_map sigma": Kind([1.0, 2], POSITIVE.invalid),
        "value": Kind([0, 255, np.int64(3)], [None, "black", NAN, -1, 256, 1.5, True]),
        "frames": COUNT,
        "speed": Kind([0.1, 1], POSITIVE.invalid),
        "count": Kind([1], COUNT.invalid),
        "resize": Kind([data.Resize(8)], [None, 8, "8", (8,), data.Resize]),
        "tfds resize": Kind([None, data.Resize(8)], [8, "8", (8,), data.Resize]),
        "labels": Kind(
            [None, data.by_folder],
            [
                *FUNCTION.invalid[1:],
                lambda names: None,
                lambda names: data.Labels((LABELS,)),
            ],
        ),
        "cache": Kind(
            [None, place / "cache", str(place)], [1.0, "", (), object(), table]
        ),
        "stream": FLAG,
        "tfds stream": Kind([None, True, False], FLAG.invalid[1:]),
        "threads": Kind([1], COUNT.invalid),
        "depth": OPTIONAL_COUNT,
        "k": Kind([2, 1], COUNT.invalid),
        "batch_size": Kind([2, 6], [*COUNT.invalid, 7]),
        "substeps": COUNT,
        "on_device": Kind([None, True, False], FLAG.invalid[1:]),
        "shuffled data": Kind(
            DATA.valid,
            [*NO_DATA, Batch(np.full((6, 2), NAN)), Batch(np.array(["a"] * 6))],
        ),
        "downscaled data": PICTURES,
        "edge_map data": PICTURES,
        "grayscale data": PICTURES,
        "pad_to data": PICTURES,
        "fingerprint data": Kind(
            [LABELED, data.shuffled(LABELED, 2)],
            [x for x in NO_DATA if x is not Batch],
        ),
        "name": Kind(
            ["tiny_set"], [None, 1.0, "", "nö_süch", "no_such", (), object(), "a:b:c"]
        ),
        "split": Kind(
            ["train", "train[:50%]"], [None, 1.0, "", "absent", (), object()]
        ),
        "data_dir": Kind([prepared, str(prepared)], [1.0, "", (), object()]),
        "gather": FUNCTION,
        "arrays": Kind([None, LABELED], [1.0, "arrays", (), IMAGES]),
        "Dataset size": Kind([6, 1], COUNT.invalid),
        "reads": Kind([(), (data.Dataset(6, abs), str)], [None, "data", (1,), [str]]),
        "modes": COUNT,
        "side": COUNT,
        "radius": Kind([1.0, 2], POSITIVE.invalid),
        "spacing": Kind([1.0, 2], POSITIVE.invalid),
        "ring sigma": NON_NEGATIVE,
        "grid sigma": NON_NEGATIVE,
        "Mixture sigma": NON_NEGATIVE,
        "noise": NON_NEGATIVE,
        "means": Kind(
            [np.zeros((3, 2))],
            [*NO_ARRAY, np.zeros(3), np.zeros((0, 2)), np.full((3, 2), INF)],
        ),
    }


def tiny_set():
    """Import it late: TFDS takes half a second."""
    from tests import tiny_set

    return tiny_set


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_invalid_arguments_are_refused_by_name(name, kinds):
    each = {"parts", "transforms", "sources"}
    found, _ = faults(name.rpartition(".")[2], FUNCTIONS[name], kinds, each)
    assert not found, "\n".join(found)
