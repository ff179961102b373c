import hashlib
import zlib

import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.metrics.features import inception as module
from jaxgan.metrics.features.inception import inception
from jaxgan.metrics.features.resize import pil_bicubic
from jaxgan.metrics.features.weights import WeightFile
from tests.metrics.features.test_resize import projection
from tests.metrics.features.test_torch_checkpoint import MATRIX, Tensor, older_file
from tests.networks.test_inception import random_state

IMAGES = np.random.default_rng(3).integers(0, 256, (3, 32, 40, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def state():
    return random_state()


@pytest.fixture(scope="module")
def path(state, tmp_path_factory):
    """A file of PyTorch's with random weights."""

    def stored(key, array):
        strides = tuple(step // 4 for step in array.strides)
        return Tensor("Float", str(key), array.ravel(), 0, array.shape, strides)

    tensors = {name: stored(i, array) for i, (name, array) in enumerate(state.items())}
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    path.write_bytes(older_file(tensors))
    return path


@pytest.fixture(scope="module")
def extractor(path):
    return inception(path)


@pytest.fixture(scope="module")
def seen(extractor):
    return extractor(IMAGES)


def test_the_record_tells_what_scores_depend_on(extractor, path):
    assert extractor.name == "inception-v3-2015"
    assert extractor.weights == hashlib.sha256(path.read_bytes()).hexdigest()
    assert extractor.resizer == "tf1_bilinear to 299x299, (x - 128) / 128"


# TensorFlow 2.21.0 with the weights of `random_state` on IMAGES: the graph of 2015 from
# ResizeBilinear to pool_3, with its own operations, and softmax(pool_3 @ weights).


def test_features_are_those_of_tensorflow(seen):
    assert seen.features.shape == (3, 2048)
    assert seen.features.mean() == pytest.approx(0.240411056, rel=1e-5)
    assert projection(seen.features) == pytest.approx(-0.311075472, rel=1e-5)
    known = [0.0391205, 0.0052594, 0.7260149]
    assert seen.features.flat[[1, 2047, 3000]] == pytest.approx(known, abs=2e-6)


def test_probabilities_are_those_of_tensorflow(seen):
    assert seen.probabilities.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-6)
    assert projection(seen.probabilities) == pytest.approx(-1.407995e-05, abs=1e-9)


def test_clean_features_are_those_of_clean_fid(path):
    # clean-fid 0.1.35's resizer, then torch-fidelity 0.4.0's network (PyTorch 2.13.0).
    clean = inception(path, pil_bicubic)
    seen = clean(IMAGES)
    assert clean.resizer.startswith("pil_bicubic to 299x299")
    assert seen.features.mean() == pytest.approx(0.261696083, rel=1e-5)
    assert projection(seen.features) == pytest.approx(-0.305246472, rel=1e-5)


@pytest.mark.slow
def test_batches_change_nothing(extractor, seen, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)
    for one, other in zip(extractor(IMAGES)[:2], seen[:2], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * other.max())


def test_gray_images_are_those_of_three_equal_colors(extractor):
    gray = IMAGES[..., :1]
    colored = extractor(np.repeat(gray, 3, axis=-1))
    for one, other in zip(extractor(gray)[:2], colored[:2], strict=True):
        np.testing.assert_array_equal(one, other)


def test_images_may_differ_in_size_and_in_colors(extractor, seen):
    mixed = [IMAGES[0], IMAGES[1, :20, :30, :1], IMAGES[2]]
    features = extractor(mixed).features
    near = {"rtol": 0, "atol": 1e-5 * seen.features.max()}
    np.testing.assert_allclose(features[[0, 2]], seen.features[[0, 2]], **near)
    assert not np.allclose(features[1], seen.features[1], **near)


def test_a_graph_holds_the_same_weights(state, seen, monkeypatch):
    names = dict(module._scopes())
    # The table in torch-fidelity 0.4.0's util_convert_inception_weights.py.
    table = "\n".join(f"{ours} {theirs}" for ours, theirs in sorted(names.items()))
    assert len(names) == 94
    assert zlib.crc32(table.encode()) == 2616799354

    constants = {"Sub/y": np.array(128, "f4"), "softmax/biases": np.zeros(1008, "f4")}
    constants["softmax/weights"] = state["fc.weight"].T
    known = {"weight": "gamma", "bias": "beta"}
    known |= {"running_mean": "moving_mean", "running_var": "moving_variance"}
    for ours, theirs in names.items():
        kernel = state[f"{ours}.conv.weight"].transpose(2, 3, 1, 0)
        constants[f"{theirs}/conv2d_params"] = kernel
        for name, in_graph in known.items():
            array = state[f"{ours}.bn.{name}"]
            constants[f"{theirs}/batchnorm/{in_graph}"] = array
    monkeypatch.setattr(module, "load", lambda *_: WeightFile(constants, "0" * 64))
    np.testing.assert_array_equal(inception("graph.pb")(IMAGES).features, seen.features)


def test_by_default_the_published_file_is_asked_for(monkeypatch):
    asked = []

    def load(*arguments):
        asked.append(arguments)
        raise InputError("there is no network")

    monkeypatch.setattr(module, "load", load)
    for arguments in [(), (None, pil_bicubic, "12345678"), ("my.pth",)]:
        with pytest.raises(InputError, match="there is no network"):
            inception(*arguments)
    (url, sha256), (_, own), mine = asked
    assert url.startswith("https://") and url.endswith(f"{sha256[:8]}.pth")
    assert len(sha256) == 64
    assert own == "12345678"
    assert mine == ("my.pth", None)


def test_another_hash_is_refused(path):
    with pytest.raises(InputError, match=r"has the SHA-256 .* and not 6726825d"):
        inception(path, sha256="6726825d")


def test_a_file_cut_short_is_refused(path, tmp_path):
    short = tmp_path / "short.pth"
    short.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(
        InputError, match=r"short.pth cannot be read .*: it is truncated"
    ):
        inception(short)


def test_weights_of_another_network_are_refused(tmp_path):
    other = tmp_path / "other.pth"
    other.write_bytes(older_file({"w": Tensor("Float", "0", MATRIX, 0, (6,), (1,))}))
    with pytest.raises(InputError, match=r"Conv2d_1a_3x3.bn.bias must be .* has none"):
        inception(other)
