import hashlib
import http.server
import threading
from functools import partial

import pytest

from jaxgan import InputError
from jaxgan.metrics.features.weights import load
from tests.metrics.features.test_frozen_graph import GRAPH, archive_of
from tests.metrics.features.test_torch_checkpoint import (
    TENSORS,
    made,
    older_file,
    put,
    state,
    text,
    zip_file,
)


@pytest.mark.parametrize(
    "content", [zip_file(TENSORS), older_file(TENSORS), archive_of(GRAPH)[:200]]
)
def test_files_cut_short_are_refused(tmp_path, content):
    for length in range(0, len(content), 9):
        with pytest.raises(InputError, match=r"cannot be read as a .*: ."):
            load(put(tmp_path, content[:length]))


def test_of_a_zip_file_cut_short_that_is_said(tmp_path):
    with pytest.raises(InputError, match="state dict: it is truncated"):
        load(put(tmp_path, zip_file(TENSORS)[:-1]))


CONTENT = older_file(TENSORS)
HASH = hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("sha256", [None, HASH, HASH[:8], HASH[:11].upper()])
def test_the_hash_is_told_and_compared(tmp_path, sha256):
    assert load(put(tmp_path, CONTENT), sha256).sha256 == HASH


def test_another_hash_is_refused_before_anything_is_read(tmp_path):
    pickled = state({"a": made("os.system", text("false"))})
    message = "has the SHA-256 [0-9a-f]{64} and not 00000000: .* pass the expected hash"
    with pytest.raises(InputError, match=message):
        load(put(tmp_path, zip_file({}, pickled)), "00000000")


@pytest.mark.parametrize("sha256", ["", HASH[:7], HASH + "0", "xyz" * 4])
def test_what_is_no_hash_is_refused(tmp_path, sha256):
    with pytest.raises(InputError, match="sha256 must be 8 to 64 hexadecimal digits"):
        load(put(tmp_path, CONTENT), sha256)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"there is no file .*none.pth"):
        load(tmp_path / "none.pth")
    with pytest.raises(InputError, match=r"there is no file .*none.pth"):
        load((tmp_path / "none.pth").as_uri())


def test_a_url_may_name_a_file(tmp_path):
    path = put(tmp_path, CONTENT, "a b.pth")
    assert load(path.as_uri(), HASH).sha256 == HASH


# The network: a server on this machine


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder, the URL at which it is served, and the folder of the cache."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv("JAXGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    handler = partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield folder, f"http://127.0.0.1:{server.server_port}", tmp_path / "cache"
        server.shutdown()


def test_a_url_is_fetched_once(served):
    folder, url, _ = served
    (folder / "w.pth").write_bytes(CONTENT)
    assert load(f"{url}/w.pth", HASH).sha256 == HASH
    (folder / "w.pth").unlink()
    assert load(f"{url}/w.pth").sha256 == HASH


@pytest.mark.parametrize("name", ["*.pth", "*.sha256"])
def test_a_download_that_was_damaged_since_is_refused(served, name):
    folder, url, cache = served
    (folder / "w.pth").write_bytes(CONTENT)
    load(f"{url}/w.pth")
    [path] = (cache / "weights").glob(name)
    content = bytearray(path.read_bytes())
    content[-9] ^= 64
    path.write_bytes(content)
    with pytest.raises(InputError, match="it is damaged or another file; remove it"):
        load(f"{url}/w.pth")


def test_two_urls_are_two_files(served):
    folder, url, _ = served
    for name, content in {"a": CONTENT, "b": zip_file(TENSORS)}.items():
        (folder / name).mkdir()
        (folder / name / "w.pth").write_bytes(content)
    assert load(f"{url}/a/w.pth").sha256 != load(f"{url}/b/w.pth").sha256


def test_nothing_of_a_wrong_hash_stays_in_the_cache(served):
    folder, url, cache = served
    (folder / "w.pth").write_bytes(CONTENT[:-1])
    with pytest.raises(InputError, match=r"w.pth has the SHA-256 .* and not"):
        load(f"{url}/w.pth", HASH)
    assert [path.suffix for path in (cache / "weights").iterdir()] == [".lock"]
    (folder / "w.pth").write_bytes(CONTENT)
    assert load(f"{url}/w.pth", HASH).sha256 == HASH


def test_what_is_not_served_is_named(served):
    _, url, cache = served
    message = r"none.pth could not be downloaded to .* \(HTTPError\); .* the path of"
    with pytest.raises(InputError, match=message):
        load(f"{url}/none.pth")
    assert [path.suffix for path in (cache / "weights").iterdir()] == [".lock"]


def test_without_a_network_the_way_out_is_told(served):
    # Nobody listens on the port of discard.
    message = r"could not be downloaded to .* \(ConnectionError\); download it else"
    with pytest.raises(InputError, match=message):
        load("http://127.0.0.1:9/w.pth")
