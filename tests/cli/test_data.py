"""`jaxgan data`, in this process, as a user would type it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan import Batch
from jaxgan.cli.data import contact_sheet, summary
from jaxgan.cli.main import main
from jaxgan.data import Resize, array_file, folder, paired
from jaxgan.data.datasets import Dataset
from tests.tiny_set import prepare

GAP = 5


@pytest.fixture(autouse=True)
def an_empty_folder_to_work_in(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("prepared"))


@pytest.fixture
def look(capsys):
    """Runs the command, and returns its status and what it says."""

    def run(*arguments):
        status = 0
        try:
            main(["data", *map(str, arguments)])
        except SystemExit as stop:
            status = stop.code
        captured = capsys.readouterr()
        return status, captured.err if status else captured.out

    return run


@pytest.fixture
def painted(tmp_path):
    """Three images in two classes."""
    for name, value in {"cat/1": 10, "dog/2": 200, "dog/3": 30}.items():
        path = tmp_path / "painted" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 16), (value, 0, 0)).save(path)
    return tmp_path / "painted"


def sheet_size(rows, columns, height, width):
    return columns * (width + GAP) + GAP, rows * (height + GAP) + GAP


def test_a_folder_is_counted_and_laid_out(look, painted, tmp_path):
    assert look(painted) == (
        0,
        "3 examples\n"
        "  real           uint8 (64, 64, 3), 0 to 200\n"
        "contact sheet: runs/painted-data.png\n",
    )
    with Image.open("runs/painted-data.png") as sheet:
        assert sheet.size == sheet_size(2, 2, 64, 64)
        first, second = sheet.getpixel((GAP, GAP)), sheet.getpixel((64 + 2 * GAP, GAP))
        nothing = sheet.getpixel((64 + 2 * GAP, 64 + 2 * GAP))
    assert (first, second, nothing) == ((10, 0, 0), (200, 0, 0), (255, 255, 255))


def test_images_are_resized_as_the_options_say(look, painted, tmp_path):
    options = ("--size", 40, "--shape", "pad", "--channels", 1, "--background", "black")
    out = tmp_path / "sheet.jpg"
    status, said = look(painted, *options, "--filter", "box", "--out", out)
    assert status == 0 and said.splitlines()[1:] == [
        "  real           uint8 (40, 40, 1), 0 to 60",  # of pure red at 200
        f"contact sheet: {out}",
    ]
    with Image.open(out) as sheet:
        assert sheet.size == sheet_size(2, 2, 40, 40) and sheet.format == "JPEG"


def test_sub_folders_are_counted_as_classes(look, painted):
    status, said = look(painted, "--by-folder")
    assert status == 0 and said.splitlines()[2:4] == [
        "  condition[0]   int32 (), 0 to 1",
        "    cat: 1   dog: 2",
    ]


def test_labels_and_captions_come_from_a_table(look, painted, tmp_path):
    table = tmp_path / "table.jsonl"
    rows = [{"file": f, "n": n, "text": f} for f, n in [("cat/1", 7), ("dog/2", 7)]]
    rows.append({"file": "dog/3", "n": -4, "text": "a dog"})
    table.write_text("\n".join(map(json.dumps, rows)))
    status, said = look(painted, "--table", table, "--label", "n", "--caption", "text")
    assert status == 0 and said.splitlines()[2:5] == [
        "  condition[0]   int32 (), -4 to 7",
        "    -4: 1   7: 2",
        "  condition[1]   <U5 ()",
    ]


def test_the_arrays_of_a_file_are_looked_at(look, tmp_path):
    path = tmp_path / "arrays.npz"
    images = np.linspace(-1, 0.5, 5 * 8 * 8, dtype=np.float32).reshape(5, 8, 8, 1)
    np.savez(path, x=images, y=np.array([3, 1, 3, 3, 1]), z=np.ones(5))
    status, said = look(path, "--real", "x", "--condition", "y", "z")
    assert status == 0 and said.splitlines() == [
        "5 examples",
        "  real           float32 (8, 8, 1), -1 to 0.5",
        "  condition[0]   int64 (), 1 to 3",
        "    1: 2   3: 3",
        "  condition[1]   float64 (), 1 to 1",
        "contact sheet: runs/arrays-data.png",
    ]
    with Image.open("runs/arrays-data.png") as sheet:
        assert sheet.size == sheet_size(2, 3, 32, 32)  # small images are enlarged
        assert sheet.getpixel((GAP, GAP)) == (0, 0, 0)


def test_what_the_generators_do_not_make_is_pointed_out(look, tmp_path):
    np.save(tmp_path / "positive.npy", np.linspace(0, 1, 48).reshape(3, 4, 4, 1))
    _, said = look(tmp_path / "positive.npy")
    assert "    never below 0: the generators here make -1 to 1" in said.splitlines()
    np.save(tmp_path / "signed.npy", np.linspace(-1, 1, 48).reshape(3, 4, 4, 1))
    _, said = look(tmp_path / "signed.npy")
    assert "never below 0" not in said


@pytest.mark.parametrize("arguments", [(), ("--condition", "label")])
def test_a_set_of_tfds_is_counted_by_its_label(look, prepared, arguments):
    status, said = look("tiny_set", "--data-dir", prepared, *arguments)
    assert status == 0 and said.splitlines() == [
        "10 examples",
        "  real           uint8 (8, 8, 1), 0 to 90",
        "  condition[0]   int64 (), 0 to 1",
        "    even: 5   odd: 5",
        "contact sheet: runs/tiny_set-data.png",
    ]
    with Image.open("runs/tiny_set-data.png") as sheet:
        assert sheet.size == sheet_size(3, 4, 32, 32)


def test_other_features_of_a_set_of_tfds_are_looked_at(look, prepared):
    status, said = look(
        *("tiny_set:1.0.0", "--data-dir", prepared, "--split", "test[:3]"),
        *("--real", "photo", "--size", 6, "--condition", "text"),
    )
    assert status == 0 and said.splitlines() == [
        "3 examples",
        "  real           uint8 (6, 6, 3), 0 to 120",
        "  condition[0]   |S12 ()",
        "contact sheet: runs/tiny_set-1.0.0-data.png",
    ]


def test_what_is_no_image_says_so(look, prepared, tmp_path):
    status, said = look("tiny_set", "--data-dir", prepared, "--real", "grid")
    assert status == 0 and said.splitlines()[-1] == (
        "no contact sheet: these are no images of 1 or 3 channels"
    )
    assert not list((tmp_path / "here").iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere/no",), "name: TFDS knows no data set 'nowhere/no', and none is pre"),
        (("./nowhere.png",), "spec: nowhere.png is neither a folder, a .npy or .npz "),
        (("/nowhere",), "spec: /nowhere is neither a folder, a .npy or .npz file, nor"),
        (("../a.txt",), "spec: ../a.txt is neither a folder"),
        (("nowhere.npz",), "path: nowhere.npz is not a file"),
        (("no set!",), "name: TFDS rejects 'no set!'"),
        (("../one", "--channels", "2"), "channels must be 1 (gray), 3 (RGB) or None"),
        (("../one", "--size", "0"), "size must be an integer of at least 1, got 0"),
        (("../one", "--size", "99999999999999999999"), "size must be at most 16,384"),
        (("../one", "--table", "t.csv", "--by-folder"), "either a table or"),
        (
            ("../one", "--table", "t.csv"),
            "--table: name one of its columns by ",
        ),
        (("../one", "--table", "t.csv", "--label", "n"), "t.csv is not a file"),
        (("../one", "--shape", "squeeze"), "squeeze"),
        (
            ("../one", "--out", "sheet"),
            "--out: sheet must end as a picture does, such as in ",
        ),
        (("../empty",), "path: ../empty holds no images"),
        ((".",), "--out: runs/here-data.png would be an image of .; name another"),
        (("../one", "--split", "test"), "--split: does not apply to ../one"),
        (("../one", "--label", "breed"), "--table: name the file that has the columns"),
        (
            ("../one", "--out", "a.psd"),
            "--out: a.psd must end as a picture does, such as in ",
        ),
        (("..", "--out", "a.png"), "--out: a.png would be an image of ..; name"),
        ((), "SPEC"),
    ],
)
def test_bad_input_is_one_sentence_and_a_status(look, tmp_path, arguments, message):
    (tmp_path / "a.txt").write_text("no image")
    (tmp_path / "empty").mkdir()
    (tmp_path / "one").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "one" / "a.png")
    status, said = look(*arguments)
    assert status == 2 and message in said
    assert "Traceback" not in said


def test_a_set_that_is_not_prepared_is_one_sentence(look, tmp_path):
    status, said = look("mnist", "--data-dir", tmp_path)
    assert status == 2
    assert f"jaxgan: mnist is not prepared in {tmp_path}, and preparing it " in said


def test_a_sheet_that_cannot_be_written_is_one_sentence(look, painted):
    Path("taken").write_text("a file")
    status, said = look(painted, "--out", "taken/sheet.png")
    assert (status, said) == (
        1,
        "jaxgan: taken: File exists.\n",
    )


def test_pairs_are_laid_side_by_side(painted):
    wide = folder(painted, Resize(40))
    gray = folder(painted, Resize(40, channels=1))
    sheet = contact_sheet(paired(wide, gray))
    assert sheet.size == sheet_size(2, 2, 40, 80)
    assert sheet.getpixel((GAP, GAP)) == (10, 0, 0)
    assert sheet.getpixel((GAP + 40, GAP)) == (3, 3, 3)
    lines = summary(paired(wide, gray)).splitlines()
    assert lines[0] == "3 examples"
    assert [line.split()[1:4] for line in lines[1:]] == [
        ["uint8", "(40,", "40,"],
        ["uint8", "(40,", "40,"],
    ]


def test_of_pairs_of_two_sizes_the_first_are_shown(painted):
    sheet = contact_sheet(
        paired(folder(painted, Resize(40)), folder(painted, Resize(32)))
    )
    assert sheet.size == sheet_size(2, 2, 40, 40)


def test_of_many_examples_some_are_shown_evenly_from_first_to_last():
    values = np.arange(190, dtype=np.uint8)
    images = np.broadcast_to(values[:, None, None, None], (190, 32, 32, 1))
    asked = []

    def gather(indices):
        asked.append(indices)
        return Batch(images[indices])

    sheet = contact_sheet(Dataset(190, gather))
    assert asked[-1].tolist() == list(range(0, 190, 3))
    assert sheet.size == sheet_size(8, 8, 32, 32)
    assert sheet.getpixel((GAP + 37 * 7, GAP + 37 * 7)) == (189, 189, 189)


def test_every_example_is_counted_and_measured(tmp_path):
    values = np.random.default_rng(0).integers(-5, 6, 1000)
    np.savez(tmp_path / "a.npz", x=values.astype(np.float64), y=values)
    said = summary(array_file(tmp_path / "a.npz", "x", ("y",)))
    numbers, counts = np.unique(values, return_counts=True)
    told = [f"{n}: {c}" for n, c in zip(numbers, counts, strict=True)]
    assert said.splitlines() == [
        "1,000 examples",
        "  real           float64 (), -5 to 5",
        "  condition[0]   int64 (), -5 to 5",
        "    " + "   ".join(told[:8]),
        "    " + "   ".join(told[8:]),
    ]


def test_labels_without_a_class_are_counted_by_their_number():
    labels = np.array([-1, 1, 0, 1, 2, -1])
    data = Dataset(6, lambda i: Batch(labels[i]), classes=("no", "yes"))
    assert summary(data).splitlines()[-1] == "    -1: 2   0: 1   1: 2   2: 1"


def test_only_the_first_condition_has_the_classes_names():
    labels = np.array([-1, 1, 0, 1, 2, -1])
    data = Dataset(6, lambda i: Batch(i, (labels[i], labels[i])), classes=("no", "yes"))
    told = summary(data).splitlines()
    assert "    -1: 2   no: 1   yes: 2   2: 1" in told
    assert told[-1] == "    -1: 2   0: 1   1: 2   2: 1"


def test_integers_of_too_many_values_are_not_counted(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(1001))
    assert len(summary(array_file(tmp_path / "a.npy")).splitlines()) == 2
    np.save(tmp_path / "a.npy", np.arange(1000))
    assert len(summary(array_file(tmp_path / "a.npy")).splitlines()) == 2 + 125


def test_what_is_not_a_number_shows():
    said = summary(Dataset(300, lambda i: Batch(np.where(i == 7, np.nan, i))))
    assert said.splitlines()[1:] == ["  real           float64 (), nan to nan"]


def test_images_in_three_dimensions_are_none(tmp_path):
    assert contact_sheet(Dataset(2, lambda i: Batch(np.zeros((len(i), 8, 8))))) is None
    assert contact_sheet(Dataset(2, lambda i: Batch(i))) is None


def test_the_help_is_a_page(look):
    _, page = look("--help")
    for words in ("jaxgan data", "--by-folder", "--data-dir", "--size", "lanczos"):
        assert words in page
