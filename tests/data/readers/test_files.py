"""The files of a folder that are images."""

import os
import threading

import pytest
from PIL import Image

from jaxgan import InputError
from jaxgan.data import Resize, by_folder, folder
from jaxgan.data.readers.files import Files, printable


def paint(path, value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (2, 2), value).save(path)


@pytest.mark.parametrize("count", [3, 4, 5])
def test_folders_that_link_to_one_another_hold_each_image_once(tmp_path, count):
    places = [tmp_path / f"{i}" for i in range(count)]
    for place in places:
        paint(place / f"{place.name}.png")
    for place in places:
        for other in places:
            if other != place:
                (place / other.name).symlink_to(other)
    assert Files.of(tmp_path).names == [f"{i}/{i}.png" for i in range(count)]


def test_an_image_keeps_its_own_name_before_those_of_links(tmp_path, caplog):
    paint(tmp_path / "set/z/1.png")
    (tmp_path / "set/a").symlink_to(tmp_path / "set/z")
    (tmp_path / "set/b.png").symlink_to(tmp_path / "set/z/1.png")
    paint(tmp_path / "elsewhere/2.png")
    (tmp_path / "set/c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set/d").symlink_to(tmp_path / "elsewhere")
    assert Files.of(tmp_path / "set").names == ["c/2.png", "z/1.png"]
    assert caplog.messages == [
        f"{tmp_path}/set: left out 1 further names of the same images, such as b.png."
    ]


def test_copies_and_hard_links_are_images_of_their_own(tmp_path):
    paint(tmp_path / "a.png")
    os.link(tmp_path / "a.png", tmp_path / "b.png")
    assert Files.of(tmp_path).names == ["a.png", "b.png"]


def test_pipes_and_devices_are_not_opened(tmp_path, caplog):
    paint(tmp_path / "c.png")
    os.mkfifo(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    read = threading.Thread(
        target=folder,
        args=(tmp_path, Resize(2)),
        kwargs={"cache": tmp_path / ".cache"},
        daemon=True,  # to open a pipe takes forever
    )
    read.start()
    read.join(timeout=60)
    assert not read.is_alive()
    assert caplog.messages == [
        f"{tmp_path}: left out 1 files whose endings are of no image, such as loop; "
        "2 pipes or devices, such as a.png."
    ]


def test_what_is_no_image_is_counted_in_one_line(tmp_path, caplog):
    for name in ("a.png", "b.jfif", "c.JPE", "d.bmp", "e.tif", "f.gif"):
        with open(tmp_path / name, "wb") as file:
            Image.new("L", (2, 2)).save(file, "PNG")
    for name in ("rows.csv", "readme", "clip.mpg", "figure.eps", "x.heicx"):
        (tmp_path / name).write_text("")
    found = Files.of(tmp_path)
    assert found.names == ["a.png", "b.jfif", "c.JPE", "d.bmp", "e.tif", "f.gif"]
    assert caplog.messages == [
        f"{tmp_path}: left out 5 files whose endings are of no image, such as clip.mpg."
    ]


def test_what_systems_make_for_themselves_is_skipped(tmp_path, caplog):
    paint(tmp_path / "a/1.png")
    for name in (
        "a/@eaDir/1.png/SYNOPHOTO_THUMB_M.png",
        "a/.thumbnails/1.png",
        "__MACOSX/a/1.png",
        ".ipynb_checkpoints/1-checkpoint.png",
        "a/._1.png",
    ):
        paint(tmp_path / name)
    (tmp_path / "Thumbs.db").write_text("")
    assert Files.of(tmp_path).names == ["a/1.png"]
    assert not caplog.messages


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    paint(tmp_path / "closed/a.png")

    def scan(path, own=os.scandir):
        if "closed" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return own(path)

    monkeypatch.setattr(os, "scandir", scan)
    with pytest.raises(InputError, match=r"closed cannot be read: Permission denied"):
        Files.of(tmp_path)


def test_a_class_whose_name_is_not_utf8_can_be_printed(tmp_path):
    for name in (b"caf\xe9", b"tea"):
        paint(tmp_path / os.fsdecode(name) / "1.png")
    data = folder(tmp_path, Resize(2), labels=by_folder, cache=tmp_path / ".cache")
    assert data.classes == ("caf\\xe9", "tea")
    assert data.arrays.condition[0].tolist() == [0, 1]
    "".join(data.classes).encode()
    assert printable("thé") == "thé"
