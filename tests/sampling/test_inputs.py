import numpy as np
import pytest
from PIL import Image

from jaxgan import Batch, InputError
from jaxgan.sampling.inputs import (
    Input,
    caption,
    check_inputs,
    images,
    label,
    put_inputs,
    read_inputs,
)

BATCH = Batch(np.zeros((4, 6, 5, 3), np.float32), (np.arange(4, dtype=np.int32),))


def save(path, size=(5, 6), mode="RGB"):
    path.parent.mkdir(exist_ok=True)
    Image.new(mode, size, "white").save(path)


def test_a_label_is_a_number_or_a_name():
    read = label(["cat", "dog"]).read
    assert [read(word).tolist() for word in ("dog", "0")] == [[1], [0]]
    for word in ("2", "-1", "cow", ""):
        with pytest.raises(
            InputError, match=r"there is no class .*; there are cat, dog"
        ):
            read(word)


def test_what_is_asked_for_takes_its_place_again_and_again():
    inputs = {"label": label(range(10))}
    given = read_inputs(inputs, {"label": ("3", "7")})
    put = put_inputs(inputs, given, BATCH)
    assert put.condition[0].tolist() == [3, 7, 3, 7]
    assert put.condition[0].dtype == np.int32
    assert put.real is BATCH.real


def test_a_caption_is_encoded():
    count = caption(lambda text: np.array([len(text.split())]))
    assert count.read("red heart").tolist() == [[2]]


def test_images_of_a_folder_are_taken_as_they_are(tmp_path):
    save(tmp_path / "in" / "a.png")
    save(tmp_path / "in" / "b.png")
    inputs = {"image": images()}
    given = read_inputs(inputs, {"image": (str(tmp_path / "in"),)})
    assert given["image"].shape == (2, 6, 5, 3) and given["image"].dtype == np.float32
    assert (put_inputs(inputs, given, BATCH).real == 1).all()


def test_images_that_do_not_fit_are_refused(tmp_path):
    save(tmp_path / "wide" / "a.png", (7, 6))
    save(tmp_path / "gray" / "a.png", mode="L")
    save(tmp_path / "mixed" / "a.png")
    save(tmp_path / "mixed" / "b.png", (7, 6))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"no image")
    (tmp_path / "empty").mkdir()

    def put(name, any_size=False):
        inputs = {"image": images(any_size=any_size)}
        given = read_inputs(inputs, {"image": (str(tmp_path / name),)})
        return put_inputs(inputs, given, BATCH)

    for name, message in {
        "wide": r"have shape \(6, 7, 3\), but they must have shape \(6, 5, 3\)",
        "gray": r"have shape \(6, 5, 1\), but",
        "mixed": "holds images of several sizes",
        "broken": "a.png cannot be read as an image",
        "empty": "holds no images",
        "nowhere": "is not a folder",
        "gray/a.png": "is a file; give the folder",
    }.items():
        with pytest.raises(InputError, match=rf"--image: .*{message}"):
            put(name)
    assert put("wide", any_size=True).real.shape == (4, 6, 7, 3)
    with pytest.raises(InputError, match="have 1 channels, but the networks take 3"):
        put("gray", any_size=True)


def test_an_input_takes_the_place_of_a_leaf():
    check_inputs({"label": label(range(10)), "image": images()}, BATCH)
    for wrong in (lambda batch: batch.condition[1], lambda batch: batch.real[:]):
        with pytest.raises(InputError, match="`at` of 'odd' does not return a leaf"):
            check_inputs({"odd": label(range(10), wrong)}, BATCH)


def test_an_unknown_input_is_refused():
    with pytest.raises(
        InputError, match="--label: there is no such input here; the inputs"
    ):
        read_inputs({}, {"label": ("3",)})


def test_an_input_may_take_any_place():
    inputs = {
        "first": Input(lambda word: np.full((1, 2), float(word)), lambda b: b.real[1])
    }
    batch = Batch((np.zeros((3, 2)), np.zeros((3, 2))))
    put = put_inputs(inputs, read_inputs(inputs, {"first": ("5",)}), batch)
    assert (put.real[0] == 0).all() and (put.real[1] == 5).all()
