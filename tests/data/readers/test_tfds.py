"""Data sets of TFDS, read from what is prepared, without TensorFlow or a network."""

import importlib.util
import shutil
from importlib.machinery import ModuleSpec

import numpy as np
import pytest
import requests
import tensorflow_datasets

from jaxgan import InputError, shuffled
from jaxgan.data import Resize, tfds
from tests.tiny_set import prepare

TRAIN, TEST = list(range(0, 100, 10)), [100, 110, 120, 130]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(autouse=True)
def nothing_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)


def grays(data):
    """The gray values that identify the examples of the tiny set."""
    return data.gather(np.arange(len(data))).real[:, 0, 0, 0].tolist()


def test_images_labels_and_classes_are_read(prepared):
    data = tfds("tiny_set", condition=("label",), data_dir=prepared)
    assert len(data) == 10 and data.classes == ("even", "odd")
    assert data.arrays.real.shape == (10, 8, 8, 1)
    assert data.arrays.real.dtype == np.uint8
    expected = np.broadcast_to(np.reshape(TRAIN, (10, 1, 1, 1)), (10, 8, 8, 1))
    np.testing.assert_array_equal(data.arrays.real, expected)
    [label] = data.arrays.condition
    assert label.tolist() == [0, 1] * 5 and label.dtype == np.int64


def test_without_a_condition_there_are_images_alone(prepared):
    data = tfds("tiny_set", data_dir=str(prepared))
    assert data.arrays.condition == () and data.classes == ()
    assert grays(data) == TRAIN


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("test", TEST),
        ("train[:50%]", TRAIN[:5]),
        ("train[-3:]", TRAIN[-3:]),
        ("train[:2]+test[50%:]", TRAIN[:2] + TEST[2:]),
    ],
)
def test_splits_are_named_in_the_language_of_tfds(prepared, split, expected):
    assert grays(tfds("tiny_set", split, data_dir=prepared)) == expected


def test_any_features_may_be_examples_and_conditions(prepared):
    data = tfds(
        "tiny_set",
        "test",
        real="grid",
        condition=("text", "image", "label"),
        data_dir=prepared,
    )
    assert data.arrays.real[:, 1, 2].tolist() == [10.0, 11.0, 12.0, 13.0]
    assert data.arrays.real.shape == (4, 2, 3)
    text, image, label = data.arrays.condition
    assert text.tolist() == [b"x" * i for i in (10, 11, 12, 13)]
    assert image[:, 0, 0, 0].tolist() == TEST
    assert label.tolist() == [0, 1, 0, 1]


FEATURES = [
    {"condition": ("label", "text", "grid")},
    {"real": "photo", "resize": Resize(5, shape="pad")},
    {"real": "grid", "condition": ("image",)},
]


@pytest.mark.parametrize("given", FEATURES)
def test_a_stream_is_what_memory_would_hold(prepared, given):
    held = tfds("tiny_set", data_dir=prepared, stream=False, **given)
    streamed = tfds("tiny_set", data_dir=prepared, stream=True, **given)
    assert held.arrays is not None and streamed.arrays is None
    assert held.classes == streamed.classes
    for indices in (np.arange(10), np.array([7, 0, 7])):
        one, other = held.gather(indices), streamed.gather(indices)
        np.testing.assert_array_equal(one.real, other.real)
        assert one.real.dtype == other.real.dtype
        for x, y in zip(one.condition, other.condition, strict=True):
            np.testing.assert_array_equal(x, y)


def test_a_source_of_a_stream_is_that_of_memory(prepared):
    held, streamed = (
        shuffled(
            tfds("tiny_set", condition=("label",), data_dir=prepared, stream=stream), 4
        )
        for stream in (False, True)
    )
    for step in (0, 1, 4):
        for one, other in zip(held(2, step), streamed(2, step), strict=True):
            np.testing.assert_array_equal(one.real, other.real)
            np.testing.assert_array_equal(one.condition[0], other.condition[0])


def test_what_does_not_fit_in_memory_is_streamed(prepared, monkeypatch):
    module = importlib.import_module("jaxgan.data.readers.tfds")
    monkeypatch.setattr(module, "fits_in_memory", lambda data: False)
    data = tfds("tiny_set", data_dir=prepared)
    assert data.arrays is None and grays(data) == TRAIN


def test_images_of_many_sizes_need_resize(prepared):
    with pytest.raises(InputError) as refused:
        tfds("tiny_set", real="photo", data_dir=prepared)
    assert str(refused.value) == (
        "resize: the images of tiny_set differ in size; choose one, as in "
        "resize=Resize(64)."
    )
    data = tfds("tiny_set", real="photo", data_dir=prepared, resize=Resize(6))
    assert data.arrays.real.shape == (10, 6, 6, 3)
    assert data.arrays.real[:, 2, 2].tolist() == [[gray, 0, 0] for gray in TRAIN]


@pytest.mark.parametrize(("channels", "expected"), [(None, 1), (1, 1), (3, 3)])
def test_resize_keeps_images_gray_by_default(prepared, channels, expected):
    data = tfds("tiny_set", data_dir=prepared, resize=Resize(5, channels=channels))
    assert data.arrays.real.shape == (10, 5, 5, expected)
    assert grays(data) == TRAIN


@pytest.fixture
def elsewhere(prepared, tmp_path):
    """A folder with a prepared set that no code is known of."""
    folder = tmp_path / "elsewhere" / "made_elsewhere" / "1.0.0"
    shutil.copytree(prepared / "tiny_set" / "1.0.0", folder)
    for path in folder.iterdir():
        path.rename(folder / path.name.replace("tiny_set", "made_elsewhere"))
    rewrite(folder.parents[1], "tiny_set", "made_elsewhere")
    return folder.parents[1]


def rewrite(data_dir, old, new):
    info = data_dir / "made_elsewhere" / "1.0.0" / "dataset_info.json"
    info.write_text(info.read_text().replace(old, new))


def test_what_is_prepared_needs_no_code(elsewhere):
    data = tfds("made_elsewhere", "test", condition=("label",), data_dir=elsewhere)
    assert grays(data) == TEST and data.classes == ("even", "odd")


def test_sets_are_looked_for_where_the_environment_says(elsewhere, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(elsewhere))
    assert grays(tfds("made_elsewhere", "test")) == TEST


def test_sets_are_looked_for_in_the_users_folder(elsewhere, tmp_path):
    elsewhere.rename(tmp_path / "tensorflow_datasets")
    assert grays(tfds("made_elsewhere", "test")) == TEST


def test_a_folder_that_is_named_comes_before_the_environment(
    elsewhere, tmp_path, monkeypatch
):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tensorflow_datasets"))
    (tmp_path / "tensorflow_datasets").mkdir()
    assert grays(tfds("made_elsewhere", "test", data_dir=elsewhere)) == TEST


def test_a_version_may_be_named(prepared):
    assert grays(tfds("tiny_set:1.0.0", "test", data_dir=prepared)) == TEST
    with pytest.raises(InputError, match=r"'tiny_set:7\.0\.0'.* only: 1\.0\.0"):
        tfds("tiny_set:7.0.0", data_dir=prepared)


def test_other_formats_than_array_record_are_refused(elsewhere):
    rewrite(elsewhere, "array_record", "tfrecord")
    with pytest.raises(InputError, match=r"^data_dir: .* is prepared as tfrecord, .*"):
        tfds("made_elsewhere", data_dir=elsewhere)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"split": "validation"},
            "split: tiny_set has no 'validation'; its splits are train, test.",
        ),
        (
            {"split": "train[:"},
            "split: tiny_set has no 'train[:'; its splits are train, test.",
        ),
        ({"split": "train[3:3]"}, "split: 'train[3:3]' of tiny_set holds no examples."),
        (
            {"real": "picture"},
            "real: tiny_set has no feature 'picture', only grid, image, label, photo, "
            "text.",
        ),
        (
            {"condition": ("label", "class")},
            "condition: tiny_set has no feature 'class', only grid, image, label, "
            "photo, text.",
        ),
    ],
)
def test_what_a_set_does_not_have_is_refused(prepared, given, message):
    with pytest.raises(InputError) as refused:
        tfds("tiny_set", data_dir=prepared, **given)
    assert str(refused.value) == message


def test_a_set_that_nobody_knows_is_refused(tmp_path):
    with pytest.raises(InputError) as refused:
        tfds("no_such_set", data_dir=tmp_path)
    assert str(refused.value) == (
        f"name: TFDS knows no data set 'no_such_set', and none is prepared in "
        f"{tmp_path}."
    )


@pytest.mark.parametrize("name", ["no set!", "mnist/no_such_config"])
def test_a_name_that_is_none_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=f"name: TFDS rejects '{name}': "):
        tfds(name, data_dir=tmp_path)


# Preparing.


class Begun(Exception):
    """A set is being prepared."""


@pytest.fixture
def machine(monkeypatch):
    """A machine with or without TensorFlow, whose network answers or does not."""

    def describe(tensorflow, answer=None):
        asked = []

        def find_spec(name, *rest, own=importlib.util.find_spec):
            if name == "tensorflow":
                return ModuleSpec(name, None) if tensorflow else None
            return own(name, *rest)

        def head(url, timeout):
            asked.append((url, timeout))
            if answer is not None:
                raise answer

        def begin(builder, *rest, **options):
            raise Begun

        monkeypatch.setattr(importlib.util, "find_spec", find_spec)
        monkeypatch.setattr(requests, "head", head)
        builder = tensorflow_datasets.core.DatasetBuilder
        monkeypatch.setattr(builder, "download_and_prepare", begin)
        return asked

    return describe


def test_without_tensorflow_the_command_that_prepares_is_told(machine, tmp_path):
    asked = machine(tensorflow=False)
    with pytest.raises(InputError) as refused:
        tfds("mnist", data_dir=tmp_path)
    assert str(refused.value) == (
        f"mnist is not prepared in {tmp_path}, and preparing it needs TensorFlow, "
        f"once: pip install 'jaxgan[tensorflow]' && jaxgan data mnist --data-dir "
        f"{tmp_path}"
    )
    assert not asked


def test_with_tensorflow_and_a_network_a_set_is_prepared(machine, tmp_path):
    asked = machine(tensorflow=True)
    with pytest.raises(Begun):
        tfds("mnist", data_dir=tmp_path)
    assert asked and all(url.startswith("https://") for url, _ in asked)


def test_a_server_that_answers_badly_is_there(machine, tmp_path):
    machine(tensorflow=True, answer=requests.exceptions.SSLError())
    with pytest.raises(Begun):
        tfds("mnist", data_dir=tmp_path)


@pytest.mark.parametrize(
    "answer", [requests.exceptions.ConnectionError(), requests.exceptions.Timeout()]
)
def test_without_a_network_nothing_is_tried(machine, tmp_path, answer):
    asked = machine(tensorflow=True, answer=answer)
    with pytest.raises(InputError) as refused:
        tfds("mnist", data_dir=tmp_path)
    [(url, timeout)] = asked
    assert timeout <= 5
    assert str(refused.value) == (
        f"mnist is not prepared in {tmp_path}, and {url.removeprefix('https://')}, "
        "where it is downloaded, does not answer; connect to a network, or put the "
        f"files in {tmp_path / 'downloads' / 'manual'}."
    )


def test_files_laid_out_by_hand_need_no_network(machine, tmp_path):
    asked = machine(tensorflow=True, answer=requests.exceptions.ConnectionError())
    manual = tmp_path / "downloads" / "manual"
    manual.mkdir(parents=True)
    with pytest.raises(InputError, match="does not answer"):
        tfds("mnist", data_dir=tmp_path)
    (manual / "train-images-idx3-ubyte.gz").write_bytes(b"")
    asked.clear()
    with pytest.raises(Begun):
        tfds("mnist", data_dir=tmp_path)
    assert not asked


def test_a_set_of_ones_own_is_prepared_without_tensorflow_and_once(tmp_path):
    assert grays(tfds("tiny_set", data_dir=tmp_path)) == TRAIN
    [info] = tmp_path.glob("tiny_set/1.0.0/dataset_info.json")
    before = info.stat()
    assert grays(tfds("tiny_set", data_dir=tmp_path)) == TRAIN
    assert info.stat().st_ino == before.st_ino


# Real sets.

# Of the training sets, as others have counted and averaged them.
COUNTS = {
    "mnist": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    "fashion_mnist": [6000] * 10,
}
MEANS = {"mnist": 0.1307, "fashion_mnist": 0.2860}
CLASSES = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
}


@pytest.mark.realdata
@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize(("split", "size"), [("train", 60000), ("test", 10000)])
def test_the_real_sets_are_all_there(real_data, name, split, size):
    data = tfds(
        *(name, split),
        condition=("label",),
        data_dir=real_data / "tfds",
        stream=True,
    )
    assert len(data) == size and data.classes == CLASSES[name]
    images, [labels], _ = data.gather(np.array([0, size - 1]))
    assert images.shape == (2, 28, 28, 1) and images.dtype == np.uint8
    assert labels.shape == (2,)


@pytest.mark.realdata
@pytest.mark.parametrize("name", COUNTS)
def test_the_real_sets_have_their_known_counts(real_data, name):
    data = tfds(name, condition=("label",), data_dir=real_data / "tfds")
    images, [labels], _ = data.arrays
    assert np.bincount(labels).tolist() == COUNTS[name]
    assert (images.min(), images.max()) == (0, 255)
    assert round(images.mean() / 255, 4) == MEANS[name]


@pytest.mark.realdata
def test_ones_are_upright_strokes(real_data):
    path = real_data / "tfds"
    data = tfds("mnist", "test[:1000]", condition=("label",), data_dir=path)
    images, [labels], _ = data.arrays
    ones = images[labels == 1].mean(axis=0)
    assert ones.sum(axis=0).max() > 2 * ones.sum(axis=1).max()
