"""Tests of image folders: selection, order, labels and cache.

Every image has one gray value that identifies it, so orders and pairs can be read off
the arrays.
"""

import dataclasses
import json
import os
import shutil
import threading
import time
import unicodedata
from collections import namedtuple
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan import InputError, metrics, sampling, shuffled
from jaxgan.data import Labels, Resize, by_folder, by_table, folder, paired_folders
from jaxgan.data.readers.files import Files
from jaxgan.evaluation.folders import extract_files
from tests.builders import unchecked

MODULE = import_module("jaxgan.data.readers.image_files")
RESIZE = Resize(4)


@pytest.fixture(autouse=True)
def own_entries(tmp_path, monkeypatch):
    """Each test has a cache of its own, and sees what is in it."""
    monkeypatch.setenv("JAXGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def images(tmp_path):
    """Writes images of one gray each, by name, and returns their folder."""

    def write(root="images", mode="RGB", **values):
        for name, value in values.items():
            paint(tmp_path / root / f"{name}.png", value, mode)
        return tmp_path / root

    return write


def paint(path, value, mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    gray = Image.new("L", (8, 8), value).convert(mode)
    gray.save(path, **(options or {"compress_level": 0}))


def numbers(data):
    """The numbers of the images, in their order."""
    real = data.gather(np.arange(len(data))).real
    return real[:, 0, 0, 0].tolist()


@pytest.fixture
def decodes(monkeypatch):
    """The names of all images that are decoded."""
    names = []

    def counted(file, resize, own=MODULE.decode_image):
        names.append(Path(file).name)
        return own(file, resize)

    monkeypatch.setattr(MODULE, "decode_image", counted)
    return names


def entries(cache):
    return sorted(path.name for path in cache.glob("*.npy"))


# Which images there are.


def test_images_of_all_sub_folders_come_in_the_order_of_their_paths(tmp_path):
    paint(tmp_path / "b.png", 50)
    paint(tmp_path / "a/2.PNG", 20)
    paint(tmp_path / "a/1.webp", 10, lossless=True)
    paint(tmp_path / "a/b/c/3.Jpeg", 30, quality=100)
    paint(tmp_path / "a-c/4.JPG", 40, quality=100)
    (tmp_path / "empty").mkdir()
    data = folder(tmp_path, RESIZE)
    # "-" is before "/", and both are before letters.
    assert numbers(data) == [40, 10, 20, 30, 50]
    assert data.arrays.real.shape == (5, 4, 4, 3)
    assert data.arrays.real.dtype == np.uint8
    assert data.arrays.condition == () and data.classes == ()


def test_hidden_and_other_files_are_left_out(tmp_path, images):
    root = images(a=1, b=2)
    paint(root / ".hidden.png", 3)
    paint(root / ".git/c.png", 4)
    (root / "notes.txt").write_text("no image")
    (root / "a.png.bak").write_text("no image")
    (root / "d.png").mkdir()
    paint(root / "d.png/e.png", 5)
    assert numbers(folder(str(root), RESIZE)) == [1, 2, 5]


def test_what_a_link_leads_to_is_an_image_too(tmp_path, images):
    root = images(b=2)
    elsewhere = images(root="elsewhere", a=1, c=3)
    (root / "a.png").symlink_to(elsewhere / "a.png")
    (root / "more").symlink_to(elsewhere)
    assert numbers(folder(root, RESIZE)) == [1, 2, 3]


def test_gray_images_have_one_channel_and_colored_three(images):
    assert folder(images("gray", "L", a=1), RESIZE).arrays.real.shape == (1, 4, 4, 1)
    assert folder(images("color", "RGB", a=1), RESIZE).arrays.real.shape == (1, 4, 4, 3)
    for channels in (1, 3):
        made = folder(images("gray"), dataclasses.replace(RESIZE, channels=channels))
        assert made.arrays.real.shape == (1, 4, 4, channels)
        assert numbers(made) == [1]


def test_images_are_resized_as_the_options_say(images):
    root = images(a=1, b=2)
    resize = Resize(6, shape="pad", background="#0a0b0c", channels=3)
    Image.new("RGB", (6, 2), "red").save(root / "a.png")
    found = folder(root, resize).arrays.real[0]
    assert (
        found[:, 0].tolist()
        == [[10, 11, 12]] * 2 + [[255, 0, 0]] * 2 + [[10, 11, 12]] * 2
    )


def test_no_folder_is_refused(tmp_path, images):
    images(a=1)
    for path in (tmp_path / "nowhere", tmp_path / "images" / "a.png"):
        with pytest.raises(InputError) as refused:
            folder(path, RESIZE)
        assert str(refused.value) == f"path: {path} is not a folder."


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(InputError) as refused:
        folder(tmp_path, RESIZE)
    assert str(refused.value) == (
        f"path: {tmp_path} holds no images; their names must end as those of a format "
        "that Pillow reads, such as .png or .jpg; it holds 1 files whose endings are "
        "of no image, such as notes.txt."
    )


@pytest.mark.parametrize("stream", [False, True])
def test_gray_and_color_are_not_mixed_unasked(images, stream, decodes):
    root = images(a=1, b=2)
    images(mode="L", c=3, d=4)
    with pytest.raises(InputError) as refused:
        folder(root, RESIZE, stream=stream)
    assert str(refused.value) == (
        f"channels: {root} mixes gray images (c.png) and color (a.png); set "
        "channels=1 or channels=3."
    )
    assert not decodes
    mixed = folder(root, dataclasses.replace(RESIZE, channels=1), stream=stream)
    assert numbers(mixed) == [1, 2, 3, 4]


def test_an_invalid_resize_is_refused(images):
    with pytest.raises(InputError, match="size must be an integer of at least 1"):
        folder(images(a=1), Resize(0))


# Labels.


def test_sub_folders_are_classes_by_name(images):
    root = images(**{"dog/1": 1, "cat/2": 2, "dog/big/3": 3, "ant/4": 4})
    data = folder(root, RESIZE, labels=by_folder)
    [label] = data.arrays.condition
    assert data.classes == ("ant", "cat", "dog")
    assert numbers(data) == [4, 2, 1, 3]
    assert label.tolist() == [0, 1, 2, 2] and label.dtype == np.int32


def test_sub_folders_named_by_integers_are_in_their_order(images):
    data = folder(images(**{"7/a": 1, "10/b": 2}), RESIZE, labels=by_folder)
    assert data.arrays.condition[0].tolist() == [1, 0]
    assert data.classes == ("7", "10")
    assert numbers(data) == [2, 1]


def test_names_that_only_look_like_one_integer_are_classes_of_their_own(images):
    root = images(**{"1/a": 1, "01/b": 2})
    data = folder(root, RESIZE, labels=by_folder)
    assert data.classes == ("01", "1") and data.arrays.condition[0].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "file,text\na.png,a dog, running\n",
            "line 2: there are more values than",
        ),
        ("file,text,text\na.png,x,y\n", "two columns are named 'text'"),
        ("file,text\na.png,\n", "line 2: a label must be an integer or a name"),
        ("file,text\na.png,1\nb.png,x\n", "line 3: labels must be all integers or all"),
    ],
)
def test_a_table_that_could_be_misread_is_refused(tmp_path, text, said):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        by_table(tmp_path / "t.csv", label="text")


def test_labels_of_json_are_integers_or_names(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"file": "a.png", "text": ["x", "y"]}\n')
    with pytest.raises(InputError, match="line 1: a label must be an integer or a nam"):
        by_table(tmp_path / "t.jsonl", label="text")


def test_own_labels_are_as_many_as_the_images(images):
    root = images(a=1, b=2)
    for labels in (lambda names: np.arange(2), lambda names: Labels((np.arange(3),))):
        with pytest.raises(InputError, match=r"^labels (must )?return"):
            folder(root, RESIZE, labels=labels)


def test_a_passing_error_is_not_remembered(images, monkeypatch):
    root, own = images(a=1, b=2), MODULE.decode_image

    def unlucky(file, resize):
        if "b" in Path(file).name:
            raise MemoryError
        return own(file, resize)

    with monkeypatch.context() as patched:
        patched.setattr(MODULE, "decode_image", unlucky)
        with pytest.raises(InputError, match=r"b\.png cannot be decoded now: MemoryE"):
            folder(root, RESIZE)
    assert len(folder(root, RESIZE)) == 2


def test_a_damaged_cache_is_made_anew_and_that_is_said(images, tmp_path, caplog):
    root, cache = images(a=1, b=2), tmp_path / "kept"
    folder(root, RESIZE, cache=cache)
    [listed], [entry] = cache.glob("*.json"), cache.glob("*.npy")
    listed.unlink()
    assert numbers(folder(root, RESIZE, cache=str(cache))) == [1, 2]
    caplog.clear()
    entry.write_bytes(entry.read_bytes()[:80])
    assert numbers(folder(root, RESIZE, cache=cache)) == [1, 2]
    said = f"cache: {entry} is damaged; decoding the images of {root} again."
    assert caplog.messages == [said]
    assert numbers(folder(root, RESIZE, cache=cache)) == [1, 2]
    assert caplog.messages == [said]


@pytest.mark.parametrize("flips", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_no_flip_of_a_bit_in_the_cache_loads_other_images(images, tmp_path, flips):
    root, cache = images(**{f"{i}": 30 * i for i in range(8)}), tmp_path / "kept"
    scribble(root / "x.png")

    def load():
        return numbers(folder(root, RESIZE, on_error="skip", cache=cache))

    expected = load()
    files = sorted(path for path in cache.iterdir() if path.suffix != ".lock")
    assert {path.suffix for path in files} == {".npy", ".json", ".key"}
    whole = {path: path.read_bytes() for path in files}
    rng, noticed = np.random.default_rng(0), 0
    for number in range(flips):
        path = files[number % len(files)]
        bit = rng.integers(8 * len(whole[path]))
        content = bytearray(whole[path])
        content[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(content)
        assert load() == expected
        noticed += path.read_bytes() == whole[path]
        for other in files:
            other.write_bytes(whole[other])
    assert noticed > 0.8 * flips  # the others are in white space


def test_dark_sixteen_bit_images_are_pointed_out_with_their_range(tmp_path, caplog):
    values = np.arange(0, 4096, 64, dtype=np.uint16).reshape(8, 8)
    root = tmp_path / "deep"
    root.mkdir()
    for name, factor in (("dim", 1), ("darker", 0)):
        Image.fromarray(values * factor).save(root / f"{name}.png")
    for _ in range(2):  # the second time from the cache
        caplog.clear()
        folder(root, RESIZE)
        assert caplog.messages == [
            f"{root}: the 16-bit images reach only 4,032 of 65,535 (in dim.png), so "
            "they are dark; multiply their values by 16."
        ]
    looks = (
        lambda: folder(root, RESIZE, stream=True),
        lambda: sampling.images().read(str(root)),
        lambda: extract_files(Files.of(root), metrics.pixels(), channels=1),
    )
    for look in looks:
        caplog.clear()
        look()
        assert [message.split(" (")[0] for message in caplog.messages] == [
            f"{root}: the 16-bit images reach only 4,032 of 65,535"
        ]
    caplog.clear()
    Image.fromarray(values * 16).save(root / "bright.png")
    for look in (lambda: folder(root, RESIZE), *looks):
        look()
    assert not caplog.messages


def test_a_file_in_no_sub_folder_has_no_class(images, decodes):
    root = images(**{"a/1": 1, "stray": 2})
    with pytest.raises(InputError) as refused:
        folder(root, RESIZE, labels=by_folder)
    assert str(refused.value) == (
        "labels, of the images' names: stray.png is not in a sub-folder; put every "
        "class in a sub-folder of "
        "its own."
    )
    assert not decodes


@pytest.fixture
def table(tmp_path):
    """Writes rows as any kind of table."""

    def write(ending, *rows):
        path = tmp_path / f"table{ending}"
        if ending == ".jsonl":
            lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        else:
            separator = "," if ending == ".csv" else "\t"
            lines = [separator.join(map(str, r)) for r in ([*rows[0]], *table_of(rows))]
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path

    return write


def table_of(rows):
    return [row.values() for row in rows]


TABLES = [".csv", ".tsv", ".jsonl"]


@pytest.mark.parametrize("ending", TABLES)
@pytest.mark.parametrize("suffix", ["", ".png"])
def test_rows_of_a_table_go_with_their_files(images, table, ending, suffix):
    root = images(**{"c": 3, "a": 1, "sub/b.v2": 2})
    path = table(
        ending,
        {"file": f"sub/b.v2{suffix}", "kind": "zebra", "text": "zwei é", "n": "-2"},
        {"file": f"c{suffix}", "kind": "ant", "text": "drei", "n": "30"},
        {"file": f"a{suffix}", "kind": "zebra", "text": "eins", "n": "1"},
    )
    named = folder(root, RESIZE, labels=by_table(path, "kind"))
    assert numbers(named) == [1, 3, 2]
    assert named.classes == ("ant", "zebra")
    assert named.arrays.condition[0].tolist() == [1, 0, 1]
    assert named.arrays.condition[0].dtype == np.int32

    counted = folder(root, RESIZE, labels=by_table(path, "n"))
    assert counted.classes == ()
    assert counted.arrays.condition[0].tolist() == [1, 30, -2]

    told = folder(root, RESIZE, labels=by_table(str(path), caption="text"))
    assert told.classes == ()
    assert told.arrays.condition[0].tolist() == ["eins", "drei", "zwei é"]
    assert told.arrays.condition[0].dtype.kind == "U"

    both = folder(root, RESIZE, labels=by_table(path, "kind", "text"))
    assert both.classes == ("ant", "zebra")
    assert [c.tolist() for c in both.arrays.condition] == [
        [1, 0, 1],
        ["eins", "drei", "zwei é"],
    ]


def test_integers_of_a_json_table_are_integers(images, table):
    path = table(".jsonl", {"file": "a", "n": 7}, {"file": "b", "n": 3})
    data = folder(images(a=1, b=2), RESIZE, labels=by_table(path, "n"))
    assert data.arrays.condition[0].tolist() == [7, 3] and data.classes == ()


def test_another_column_may_name_the_files(images, table):
    path = table(".csv", {"name": "b", "file": 5}, {"name": "a", "file": 6})
    data = folder(images(a=1, b=2), RESIZE, labels=by_table(path, "file", file="name"))
    assert data.arrays.condition[0].tolist() == [6, 5]


def test_tables_as_spreadsheets_write_them_are_read(images, tmp_path):
    path = tmp_path / "table.csv"
    text = '\ufefffile,text\r\na.png,"one, ""two""\nthree"\r\nb.png, \r\n\r\n'
    path.write_bytes(text.encode())
    data = folder(images(a=1, b=2), RESIZE, labels=by_table(path, caption="text"))
    assert data.arrays.condition[0].tolist() == ['one, "two"\nthree', " "]


@pytest.mark.parametrize("other", ["a.webp", "a.png.webp"])
def test_of_two_files_that_differ_by_their_ending_each_has_its_row(
    images, table, other
):
    root = images(a=1)
    paint(root / other, 2, lossless=True)
    path = table(".csv", {"file": other, "n": 5}, {"file": "a.png", "n": 6})
    data = folder(root, RESIZE, labels=by_table(path, "n"))
    assert numbers(data) == [1, 2] and data.arrays.condition[0].tolist() == [6, 5]


ROWS = ({"file": "a", "n": "1"}, {"file": "b", "n": "2"})


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [*ROWS, {"file": "c.png", "n": "3"}],
            "line 4: there is no image 'c.png' in the folder; the nearest is 'a.png'. "
            "Correct or remove the row, or add the image.",
        ),
        (ROWS[:1], "has no row for b.png; add one for each, or remove the images."),
        ([*ROWS, {"file": "a.png", "n": "3"}], "line 4: a second row for a.png."),
    ],
)
@pytest.mark.parametrize("ending", TABLES)
def test_files_and_rows_match_one_to_one(images, table, ending, rows, message, decodes):
    root, path = images(a=1, b=2), table(ending, *rows)
    if ending == ".jsonl":  # which has no line of names
        message = message.replace("line 4", "line 3")
    with pytest.raises(InputError) as refused:
        folder(root, RESIZE, labels=by_table(path, "n"))
    separator = " " if message.startswith("has") else ", "
    assert str(refused.value) == f"{path}{separator}{message}"
    assert not decodes


@pytest.mark.parametrize(
    "write",
    [
        lambda name: f"./{name}.png",
        lambda name: f"./{name}",
        lambda name: f" {name}.png",
        lambda name: name.replace("/", "\\") + ".png",
        lambda name: f"lab/{name}.png",
        lambda name: f"lab/../lab//{name}.png",
        lambda name: f"/data/lab/{name}.png",
        lambda name: "C:\\data\\" + name.replace("/", "\\") + ".png",
        lambda name: unicodedata.normalize("NFD", name) + ".png",
    ],
    ids=lambda write: write("cat/1"),
)
def test_a_file_may_be_named_in_any_way_that_people_do(images, table, write):
    root = images(**{"cat/1": 1, "dog/1": 2, "1": 3, "thé/1": 4})
    names = ["1", "thé/1", "dog/1", "cat/1"]
    path = table(".csv", *({"file": write(n), "n": i} for i, n in enumerate(names)))
    data = folder(root, RESIZE, labels=by_table(path, "n"))
    assert numbers(data) == [3, 1, 2, 4]
    assert data.arrays.condition[0].tolist() == [0, 3, 2, 1]


def test_a_row_is_no_other_image_of_the_same_name(images, table):
    root = images(**{"cat/1": 1, "1": 3})
    path = table(".csv", {"file": "cat/1.png", "n": 1}, {"file": "dog/1.png", "n": 2})
    with pytest.raises(
        InputError, match=r"no image 'dog/1\.png' in the folder; the ne"
    ):
        folder(root, RESIZE, labels=by_table(path, "n"))


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("cat/1.jpg", "cat/1.png"),
        ("CAT/1.PNG", "cat/1.png"),
        ("kitten/1.png", "cat/1.png"),
        ("dog/11.png", "dog/12.png"),
    ],
)
def test_the_nearest_name_is_offered(images, table, given, near):
    root = images(**{"cat/1": 1, "dog/12": 2})
    path = table(".csv", {"file": "cat/1", "n": 1}, {"file": given, "n": 2})
    with pytest.raises(InputError, match=f"the nearest is '{near}'. Correct or remov"):
        folder(root, RESIZE, labels=by_table(path, "n"))


def test_files_without_a_row_are_counted(images, table):
    path = table(".csv", ROWS[0])
    with pytest.raises(InputError, match=r"for b\.png and 2 other images; add one"):
        folder(images(a=1, b=2, c=3, d=4), RESIZE, labels=by_table(path, "n"))


@pytest.mark.parametrize("ending", TABLES)
def test_a_column_that_is_not_there_is_refused(table, ending):
    path = table(ending, *ROWS)
    line = 1 if ending == ".jsonl" else 2
    for given in ({"label": "x"}, {"caption": "x"}, {"label": "n", "file": "x"}):
        with pytest.raises(InputError) as refused:
            by_table(path, **given)
        assert str(refused.value).partition(": ")[2] == (
            f"{path}, line {line}: there is no 'x'; the columns are ['file', 'n']."
        )


def test_a_row_that_lacks_a_value_is_refused(tmp_path):
    (tmp_path / "table.csv").write_text("file,n\na,1\nb\n")
    with pytest.raises(InputError, match=r"table\.csv, line 3: there is no 'n'"):
        by_table(tmp_path / "table.csv", "n")
    (tmp_path / "table.jsonl").write_text('{"file": "a", "n": 1}\n{"file": "b"}\n')
    with pytest.raises(InputError, match=r"table\.jsonl, line 2: there is no 'n'"):
        by_table(tmp_path / "table.jsonl", "n")


@pytest.mark.parametrize(
    ("ending", "text", "message"),
    [
        (".csv", "", "by_table: {} has no rows."),
        (".tsv", "file\tn\n", "by_table: {} has no rows."),
        (".jsonl", "", "by_table: {} has no rows."),
        (
            ".xlsx",
            "file,n\na,1\n",
            "by_table: path {} must end in .csv, .tsv or .jsonl.",
        ),
        (".jsonl", '{"file": "a", "n": 1}\n[1]\n', "{}, line 2: [1] is not an object."),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, ending, text, message):
    path = tmp_path / f"table{ending}"
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        by_table(path, "n")
    assert str(refused.value) == message.format(path)


def test_a_damaged_line_of_json_is_named(tmp_path):
    path = tmp_path / "table.jsonl"
    path.write_text('{"file": "a", "n": 1}\n{"file": "b", "n": \n')
    with pytest.raises(InputError, match=r"table\.jsonl, line 2: Expecting value"):
        by_table(path, "n")


def test_a_table_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match=r"table\.csv cannot be read: 'utf-8' codec"):
        by_table(path, "n")


def test_a_table_must_be_there_and_a_column_asked_for(tmp_path, table):
    with pytest.raises(InputError) as refused:
        by_table(tmp_path / "nowhere.csv", "n")
    assert (
        str(refused.value)
        == f"by_table: path {tmp_path / 'nowhere.csv'} is not a file."
    )
    with pytest.raises(InputError, match="name a column as label, as caption, or both"):
        by_table(table(".csv", *ROWS))


def test_integers_that_are_too_large_are_refused(images, table):
    path = table(".csv", {"file": "a", "n": 2**31}, {"file": "b", "n": 0})
    with pytest.raises(InputError, match="2147483648 out of bounds for int32; use"):
        folder(images(a=1, b=2), RESIZE, labels=by_table(path, "n"))


# Images that cannot be read.


def truncate(path):
    """A photograph of noise, of which the second half is gone."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def scribble(path):
    path.write_text("no image")


def vacate(path):
    path.write_bytes(b"")


def dangle(path):
    path.symlink_to(path.parent / "nowhere.png")


DAMAGES = [
    (truncate, "x.jpg", "image file is truncated"),
    (truncate, "x.png", "image file is truncated"),
    (scribble, "x.png", "cannot identify image file 'x.png'"),
    (vacate, "x.webp", "cannot identify image file 'x.webp'"),
    (dangle, "x.png", "No such file or directory: 'x.png'"),
]


@pytest.mark.parametrize(("damage", "name", "reason"), DAMAGES)
def test_an_image_that_cannot_be_read_is_named(
    images, damage, name, reason, own_entries
):
    root = images(a=1, z=2)
    damage(root / name)
    with pytest.raises(InputError) as refused:
        folder(root, RESIZE)
    message = str(refused.value)
    assert message.startswith(f"{root}: 1 of 3 images cannot be read: {name} (")
    assert reason in message
    assert message.endswith("). Repair or remove them, or set on_error='skip'.")


@pytest.mark.parametrize(("damage", "name", "reason"), DAMAGES)
def test_an_image_that_cannot_be_read_is_left_out_and_logged(
    images, damage, name, reason, caplog, decodes
):
    root = images(a=1, z=2)
    damage(root / name)
    for _ in range(2):  # the second time from the cache
        caplog.clear()
        assert numbers(folder(root, RESIZE, on_error="skip")) == [1, 2]
        [record] = caplog.records
        assert (record.name, record.levelname) == (MODULE.__name__, "WARNING")
        assert record.getMessage().startswith(
            f"{root}: left out 1 images that cannot be read: {name} ("
        )
        assert reason in record.getMessage()
    assert len(decodes) == 3


def test_all_that_cannot_be_read_are_named_up_to_five(images):
    root = images(a=1)
    for i in range(5):
        scribble(root / f"{i}.png")
    with pytest.raises(InputError) as refused:
        folder(root, RESIZE)
    names = [f"{i}.png" for i in range(5)]
    told = "; ".join(f"{name} (cannot identify image file '{name}')" for name in names)
    assert f": 5 of 6 images cannot be read: {told}. Repair" in str(refused.value)
    scribble(root / "5.png")
    scribble(root / "6.png")
    with pytest.raises(InputError) as refused:
        folder(root, RESIZE)
    assert f": 7 of 8 images cannot be read: {told}; all of them are listed in" in str(
        refused.value
    )


def test_labels_stay_with_their_images_when_some_are_left_out(images, table):
    root = images(**{"a/1": 1, "a/3": 3, "b/5": 5, "c/7": 7})
    for name in ("a/0.png", "a/2.png", "b/4.png", "c/8.png"):
        scribble(root / name)
    rows = [{"file": f"{'aaaabbbcc'[i]}/{i}", "n": i} for i in (0, 1, 2, 3, 4, 5, 7, 8)]
    labels = by_table(table(".csv", *rows), "n", caption="file")
    for _ in range(2):
        data = folder(root, RESIZE, labels=labels, on_error="skip")
        assert numbers(data) == [1, 3, 5, 7]
        label, caption = data.arrays.condition
        assert label.tolist() == [1, 3, 5, 7]
        assert caption.tolist() == ["a/1", "a/3", "b/5", "c/7"]
        data = folder(root, RESIZE, labels=by_folder, on_error="skip")
        assert data.arrays.condition[0].tolist() == [0, 0, 1, 2]


def test_what_was_left_out_once_is_still_refused_where_it_should_be(images, decodes):
    root = images(a=1, z=2)
    scribble(root / "x.png")
    folder(root, RESIZE, on_error="skip")
    decodes.clear()
    with pytest.raises(InputError, match=r"1 of 3 images cannot be read: x\.png"):
        folder(root, RESIZE)
    assert not decodes


def test_a_folder_of_which_nothing_can_be_read_is_refused(images):
    root = images(a=1, b=2)
    for name in ("a.png", "b.png"):
        scribble(root / name)
    for _ in range(2):
        with pytest.raises(InputError, match="2 of 2 images cannot be read"):
            folder(root, RESIZE, on_error="skip")


def test_an_image_that_was_repaired_is_back(images):
    root = images(a=1, z=2)
    scribble(root / "x.png")
    assert numbers(folder(root, RESIZE, on_error="skip")) == [1, 2]
    paint(root / "x.png", 9)
    assert numbers(folder(root, RESIZE)) == [1, 9, 2]


# The cache.


def test_images_are_decoded_once(images, decodes):
    root = images(a=1, b=2)
    first = folder(root, RESIZE)
    assert sorted(decodes) == ["a.png", "b.png"]
    again = folder(root, RESIZE)
    assert len(decodes) == 2
    np.testing.assert_array_equal(again.arrays.real, first.arrays.real)


def test_images_are_mapped_from_the_cache_and_cannot_be_changed(images, own_entries):
    real = folder(images(a=1, b=2), RESIZE).arrays.real
    owner = real
    while not isinstance(owner, np.memmap):
        owner = owner.base
    assert Path(owner.filename).parent == own_entries
    with pytest.raises(ValueError, match="read-only"):
        real[0] = 0


def test_a_cache_may_be_named(images, tmp_path, own_entries):
    root, named = images(a=1), tmp_path / "some" / "where"
    folder(root, RESIZE, cache=named)
    assert len(entries(named)) == 1
    assert not own_entries.exists()


def test_files_that_were_touched_or_copied_are_known_by_their_contents(
    images, decodes, tmp_path, own_entries
):
    root = images(a=1, b=2)
    folder(root, RESIZE)
    decodes.clear()
    os.utime(root / "a.png", (1, 1))
    assert numbers(folder(root, RESIZE)) == [1, 2]
    shutil.copytree(root, tmp_path / "copy")
    assert numbers(folder(tmp_path / "copy", RESIZE)) == [1, 2]
    assert not decodes and len(entries(own_entries)) == 1


def test_contents_that_changed_are_noticed_at_the_same_size_and_time(images, decodes):
    root = images(a=1, b=2)
    folder(root, RESIZE)
    before = (root / "b.png").stat()
    time.sleep(0.02)  # a tick of the clock of the file system
    paint(root / "b.png", 9)
    os.utime(root / "b.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    after = (root / "b.png").stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert numbers(folder(root, RESIZE)) == [1, 9]


def test_files_that_come_and_go_are_noticed(images):
    root = images(a=1, b=2)
    assert numbers(folder(root, RESIZE)) == [1, 2]
    paint(root / "c.png", 3)
    assert numbers(folder(root, RESIZE)) == [1, 2, 3]
    (root / "a.png").rename(root / "d.png")
    assert numbers(folder(root, RESIZE)) == [2, 3, 1]
    (root / "b.png").unlink()
    assert numbers(folder(root, RESIZE)) == [3, 1]


@pytest.mark.parametrize(
    "other",
    [
        Resize(5),
        Resize(4, "pad"),
        Resize(4, filter="box"),
        Resize(4, channels=1),
        Resize(4, background="black"),
    ],
    ids=str,
)
def test_another_resize_is_another_entry(images, other, own_entries, decodes):
    root = images(a=1)
    folder(root, RESIZE)
    folder(root, other)
    assert len(entries(own_entries)) == 2 and len(decodes) == 2
    assert folder(root, other).arrays.real.shape[1:3] == (other.size, other.size)
    assert folder(root, RESIZE).arrays.real.shape == (1, 4, 4, 3)
    assert len(decodes) == 2


def test_colors_that_are_found_and_asked_for_are_one_entry(
    images, own_entries, decodes
):
    root = images(a=1)
    folder(root, RESIZE)
    folder(root, dataclasses.replace(RESIZE, channels=3))
    assert len(entries(own_entries)) == 1 and len(decodes) == 1


def test_several_at_once_make_one_entry(images, monkeypatch, decodes, own_entries):
    root = images(**{f"x{i}": i for i in range(8)})

    def slow(file, resize, own=MODULE.decode_image):
        time.sleep(0.01)
        return own(file, resize)

    monkeypatch.setattr(MODULE, "decode_image", slow)
    start, found = threading.Barrier(4), []

    def build():
        start.wait()
        found.append(numbers(folder(root, RESIZE)))

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [list(range(8))] * 4
    assert len(decodes) == 8 and len(entries(own_entries)) == 1


def test_a_decoding_that_is_interrupted_leaves_nothing_half_done(
    images, monkeypatch, own_entries
):
    root = images(**{f"x{i}": i for i in range(8)})

    def interrupted(file, resize, own=MODULE.decode_image):
        if file.name == "x5.png":
            raise KeyboardInterrupt
        return own(file, resize)

    with monkeypatch.context() as patched:
        patched.setattr(MODULE, "decode_image", interrupted)
        with pytest.raises(KeyboardInterrupt):
            folder(root, RESIZE)
    assert {path.suffix for path in own_entries.iterdir()} <= {".lock"}
    assert numbers(folder(root, RESIZE)) == list(range(8))


@pytest.mark.parametrize("below", ["", "sub"])
def test_a_cache_that_cannot_be_written_is_refused_first(
    images, tmp_path, decodes, below
):
    (tmp_path / "file").write_text("a file")
    place = tmp_path / "file" / below
    with pytest.raises(InputError) as refused:
        folder(images(a=1), RESIZE, cache=place)
    reason = "Not a directory" if below else "File exists"
    assert str(refused.value) == (
        f"cache: {place} cannot be written ({reason}); name another folder, there or "
        "in JAXGAN_CACHE, or stream the images."
    )
    assert not decodes


Usage = namedtuple("Usage", "total used free")


def test_a_disk_without_room_is_refused_before_anything_is_decoded(
    images, decodes, monkeypatch, own_entries
):
    root, needed = images(a=1, b=2), 2 * 4 * 4 * 3
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(99, 99, needed - 1))
    with pytest.raises(InputError) as refused:
        folder(root, RESIZE)
    assert str(refused.value) == (
        f"cache: 0.0 GiB of images do not fit in {own_entries}, where 0.0 GiB are "
        "free; name another folder, there or in JAXGAN_CACHE, or stream the images."
    )
    assert not decodes
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(99, 99, needed))
    assert numbers(folder(root, RESIZE)) == [1, 2]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(99, 99, 0))
    assert numbers(folder(root, RESIZE)) == [1, 2]


# Streams.


@pytest.fixture
def untidy(tmp_path):
    """Images of many sizes and kinds, in classes."""
    random = np.random.default_rng(0)
    for i, mode in enumerate(["RGB", "L", "RGBA", "LA", "P", "1"] * 2):
        path = tmp_path / "untidy" / "ab"[i % 2] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        height, width = random.integers(5, 40, 2)
        image = Image.fromarray(random.integers(0, 256, (height, width, 4), np.uint8))
        image.convert(mode).save(path)
    return tmp_path / "untidy"


@pytest.mark.parametrize("shape", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_stream_is_what_the_cache_would_hold(untidy, shape, channels):
    resize = Resize(8, shape, channels=channels, background="teal")
    held = folder(untidy, resize, labels=by_folder)
    streamed = folder(untidy, resize, labels=by_folder, stream=True)
    assert streamed.arrays is None and len(streamed) == len(held) == 12
    assert streamed.classes == held.classes == ("a", "b")
    for indices in (np.arange(12), np.array([11, 3, 3, 0]), np.array([5])):
        one, other = streamed.gather(indices), held.gather(indices)
        np.testing.assert_array_equal(one.real, other.real)
        np.testing.assert_array_equal(one.condition[0], other.condition[0])
        assert one.real.dtype == other.real.dtype


def test_a_stream_keeps_nothing(images, own_entries):
    assert numbers(folder(images(a=1), RESIZE, stream=True)) == [1]
    assert not own_entries.exists()


def test_a_stream_finds_out_whether_images_are_gray(images):
    assert folder(images(mode="L", a=1), RESIZE, stream=True).gather(
        np.array([0])
    ).real.shape == (1, 4, 4, 1)


@pytest.mark.parametrize(("damage", "name", "reason"), DAMAGES)
def test_a_stream_names_what_it_cannot_read(images, damage, name, reason):
    root = images(a=1, z=2)
    damage(root / name)
    data = folder(root, RESIZE, stream=True)
    assert data.gather(np.array([0, 2])).real[:, 0, 0, 0].tolist() == [1, 2]
    with pytest.raises(InputError) as refused:
        data.gather(np.array([0, 1]))
    said = f"{root / name} cannot be read; repair or remove it: "
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize("stream", [False, True])
def test_a_folder_as_a_source_goes_on_where_it_was(untidy, stream):
    def source():
        data = folder(untidy, Resize(8, channels=3), labels=by_folder, stream=stream)
        return shuffled(data, 5, substeps=2)

    walked = source()
    for step in range(4):
        for one, other in zip(walked(1, step), source()(1, step), strict=True):
            np.testing.assert_array_equal(one.real, other.real)
            np.testing.assert_array_equal(one.condition[0], other.condition[0])
            assert one.real.dtype == np.float32


def test_a_source_of_a_stream_is_that_of_the_cache(untidy):
    resize = Resize(8, channels=3)
    held, streamed = (
        shuffled(folder(untidy, resize, stream=stream), 5) for stream in (False, True)
    )
    for step in (0, 1, 5):
        for one, other in zip(held(3, step), streamed(3, step), strict=True):
            np.testing.assert_array_equal(one.real, other.real)


def test_a_source_of_a_stream_names_what_it_cannot_read(images):
    root = images(a=1)
    scribble(root / "x.png")
    with pytest.raises(InputError, match=r"x\.png cannot be read"):
        shuffled(folder(root, RESIZE, stream=True), 2)(0, 0)


# Pairs.


def pairs(data):
    real = data.gather(np.arange(len(data))).real
    return list(zip(*(x[:, 0, 0, 0].tolist() for x in real), strict=True))


@pytest.mark.parametrize("stream", [False, True])
def test_images_of_the_same_name_are_pairs(images, stream):
    first = images("first", **{"b": 2, "a": 1, "sub/c": 3})
    second = images("second", **{"b": 20, "sub/c": 30})
    paint(second / "a.webp", 10, lossless=True)
    data = paired_folders(first, str(second), RESIZE, stream=stream)
    assert pairs(data) == [(1, 10), (2, 20), (3, 30)]
    assert [x.shape for x in data.gather(np.array([2])).real] == [(1, 4, 4, 3)] * 2
    assert pairs(paired_folders(second, first, RESIZE)) == [(10, 1), (20, 2), (30, 3)]


def test_images_that_sort_otherwise_with_their_endings_are_still_pairs(images):
    # "a" is before "a b", but "a.png" after "a b.png".
    first = images("first", **{"a": 1, "a b": 2})
    second = images("second", **{"a": 10, "a b": 20})
    found = pairs(paired_folders(first, second, RESIZE))
    assert sorted(found) == [(1, 10), (2, 20)]
    (second / "a b.png").rename(second / "a b.PNG")
    assert pairs(paired_folders(first, second, RESIZE)) == found


def test_images_without_a_partner_are_refused_or_left_out(images):
    first = images("first", a=1, b=2, c=3, d=4)
    second = images("second", b=20, d=40, e=50)
    with pytest.raises(InputError) as refused:
        paired_folders(first, second, RESIZE)
    assert str(refused.value) == (
        f"{first / 'a.png'} has no partner in {second} (2 such images); add or remove "
        "them, or set unmatched='skip'."
    )
    found = paired_folders(first, second, RESIZE, unmatched="skip")
    assert pairs(found) == [(2, 20), (4, 40)]
    for name in ("a.png", "c.png"):
        (first / name).unlink()
    with pytest.raises(InputError) as refused:
        paired_folders(first, second, RESIZE)
    assert str(refused.value).startswith(
        f"{second / 'e.png'} has no partner in {first} (1 such images)"
    )


def test_folders_without_a_pair_are_refused(images):
    first, second = images("first", a=1), images("second", b=2)
    with pytest.raises(InputError, match=r"a\.png has no partner"):
        paired_folders(first, second, RESIZE, unmatched="skip")


def test_two_images_that_could_be_the_same_partner_are_refused(images):
    first, second = images("first", a=1), images("second", a=10)
    paint(second / "a.webp", 11, lossless=True)
    with pytest.raises(InputError) as refused:
        paired_folders(first, second, RESIZE)
    assert str(refused.value) == (
        f"{second} holds a.png and a.webp; either could be the partner, so remove one."
    )


def test_a_pair_of_which_one_cannot_be_read_is_left_out(images, caplog):
    first = images("first", a=1, b=2, c=3, d=4)
    second = images("second", a=10, b=20, c=30, d=40)
    scribble(first / "b.png")
    scribble(second / "c.png")
    with pytest.raises(InputError, match=r"1 of 4 images cannot be read: b\.png"):
        paired_folders(first, second, RESIZE)
    for _ in range(2):
        caplog.clear()
        data = paired_folders(first, second, RESIZE, on_error="skip")
        assert pairs(data) == [(1, 10), (4, 40)]
        told = [record.getMessage() for record in caplog.records]
        assert [str(first) in told[0], str(second) in told[1]] == [True, True]
        assert "b.png" in told[0] and "c.png" in told[1]


def test_pairs_of_which_none_can_be_read_are_refused(images):
    first, second = images("first", a=1, b=2), images("second", a=10, b=20)
    scribble(first / "b.png")
    scribble(second / "a.png")
    with pytest.raises(InputError, match="no pair whose images can both be read"):
        paired_folders(first, second, RESIZE, on_error="skip")


def test_pairs_of_gray_and_color_keep_their_channels(images):
    first, second = images("first", "L", a=1), images("second", a=10)
    real = paired_folders(first, second, RESIZE).gather(np.array([0])).real
    assert [x.shape[-1] for x in real] == [1, 3]


# Real images.


@pytest.fixture(scope="module")
def emoji_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("emoji")


def stems(path):
    return {name.removesuffix(".png") for name in os.listdir(path)}


@pytest.mark.realdata
def test_drawings_on_nothing_lie_on_white(real_data, emoji_cache):
    path = real_data / "emoji" / "openmoji_color"
    data = folder(path, Resize(32), cache=emoji_cache)
    assert data.arrays.real.shape == (4146, 32, 32, 3)
    corners = data.arrays.real[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners == 255).all((1, 2)).mean() > 0.9
    assert (data.arrays.real < 255).any((1, 2, 3)).all()


@pytest.mark.slow
@pytest.mark.realdata
def test_outlines_and_colors_of_the_same_drawings_are_pairs(real_data, emoji_cache):
    emoji = real_data / "emoji"
    data = paired_folders(
        emoji / "openmoji_black",
        emoji / "openmoji_color",
        Resize(32),
        unmatched="skip",
        cache=emoji_cache,
    )
    assert len(data) == len(
        stems(emoji / "openmoji_black") & stems(emoji / "openmoji_color")
    )
    black, color = data.gather(np.arange(0, len(data), 8)).real
    dark = (255 - black.astype(float)).mean(axis=-1)
    ink = (255 - color.astype(float)).max(axis=-1)
    # Where an outline is drawn, so it is in the colored drawing of the same name.
    drawn = dark > 128
    own, other = ink[drawn].mean(), np.roll(ink, 1, axis=0)[drawn].mean()
    assert own > 1.5 * other


@pytest.mark.slow
@pytest.mark.realdata
def test_drawings_by_different_hands_are_pairs_by_name(real_data, emoji_cache):
    emoji = real_data / "emoji"
    one, other = emoji / "openmoji_color", emoji / "twemoji"
    common = stems(one) & stems(other)
    assert 0 < len(common) < 4146
    data = paired_folders(one, other, Resize(32), unmatched="skip", cache=emoji_cache)
    assert len(data) == len(common)
    with pytest.raises(InputError, match="has no partner"):
        paired_folders(one, other, Resize(32), cache=emoji_cache)


def test_a_link_to_the_folder_itself_is_not_followed(images):
    root = images(a=1)
    (root / "again").symlink_to(root, target_is_directory=True)
    assert len(folder(root, RESIZE)) == 1


def test_streamed_images_cannot_be_left_out(images):
    with pytest.raises(InputError, match="on_error: streamed images cannot be skipp"):
        folder(images(a=1), RESIZE, on_error="skip", stream=True)


def test_on_error_is_raise_or_skip(images):
    for name in ("unmatched", "on_error"):
        wrong = {name: "ignore"}
        message = rf"^{name} must be one of 'raise', 'skip', got 'ignore'"
        with pytest.raises(InputError, match=message), unchecked():
            paired_folders(images(a=1), images(a=1), RESIZE, **wrong)
