import zlib
from typing import NamedTuple

import jax
import numpy as np
import pytest
from jax.tree_util import DictKey

from jaxgan import InputError
from jaxgan.networks.inception import inception_v3, inception_variables
from tests.builders import bits

NETWORK = inception_v3()
IMAGE = np.random.default_rng(0).uniform(-1, 1, (1, 107, 139, 3)).astype(np.float32)


class Map(NamedTuple):
    """A digest of an array: moments, one random projection, some elements."""

    shape: tuple[int, ...]
    mean: float
    std: float
    projection: float
    elements: dict[int, float]


# torch-fidelity 0.4.0 (PyTorch 2.13.0) with the weights of `random_state`, on IMAGE.
MAPS = {
    "Mixed_5b": Map(
        (11, 15, 256),
        0.570444,
        0.917464,
        0.685358,
        {5: 1.468076, 14344: 0.924184, 28398: 1.276033, 42239: 0.759421},
    ),
    "Mixed_5c": Map(
        (11, 15, 288),
        0.473370,
        0.699803,
        -0.511986,
        {1: 0.451009, 15970: 0.391996, 31632: 0.636818, 47518: 1.598464},
    ),
    "Mixed_5d": Map(
        (11, 15, 288),
        0.358477,
        0.576479,
        -0.860922,
        {4: 0.201020, 15731: 1.344379, 31099: 2.621730, 47519: 1.649818},
    ),
    "Mixed_6a": Map(
        (5, 7, 768),
        0.446187,
        0.615305,
        -0.361725,
        {2: 1.311076, 8783: 0.694486, 17841: 1.899521, 26879: 1.664386},
    ),
    "Mixed_6b": Map(
        (5, 7, 768),
        0.342712,
        0.560756,
        0.055452,
        {0: 0.255907, 9403: 0.755717, 18082: 0.497877, 26878: 1.065157},
    ),
    "Mixed_6c": Map(
        (5, 7, 768),
        0.295378,
        0.447107,
        -0.702774,
        {0: 1.132695, 9306: 0.486030, 18082: 0.271614, 26879: 1.088504},
    ),
    "Mixed_6d": Map(
        (5, 7, 768),
        0.229068,
        0.364027,
        0.099202,
        {0: 1.347726, 8810: 0.437311, 17852: 0.669444, 26879: 0.576864},
    ),
    "Mixed_6e": Map(
        (5, 7, 768),
        0.204787,
        0.316292,
        0.215898,
        {0: 0.350583, 8910: 0.226157, 17913: 0.182403, 26879: 0.176438},
    ),
    "Mixed_7a": Map(
        (2, 3, 1280),
        0.290831,
        0.368706,
        -0.047436,
        {1: 0.443879, 2598: 0.327743, 5185: 1.728019, 7679: 0.203273},
    ),
    "Mixed_7b": Map(
        (2, 3, 2048),
        0.206896,
        0.325438,
        -0.048904,
        {1: 0.526095, 4046: 0.130793, 8231: 0.645737, 12287: 1.080099},
    ),
    "Mixed_7c": Map(
        (2, 3, 2048),
        0.194137,
        0.299681,
        0.251162,
        {1: 0.406526, 4088: 0.146316, 8212: 0.691469, 12286: 0.775942},
    ),
    "pool": Map(
        (2048,),
        0.194137,
        0.259760,
        0.271707,
        {1: 0.128928, 660: 0.091913, 1355: 0.203468, 2046: 0.980938},
    ),
    "logits": Map(
        (1008,),
        0.003858,
        0.452192,
        0.228281,
        {0: 0.342153, 330: -0.623727, 676: 0.283632, 1007: -0.167290},
    ),
}


def random_weight(name, shape):
    """A weight that depends on its name alone, in PyTorch's layout."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    normal = rng.standard_normal(shape, np.float32)
    if name.endswith("running_var"):
        return np.float32(0.5) + np.abs(normal)
    if name.endswith("bn.weight"):
        return 1 + np.float32(0.1) * normal
    if normal.ndim == 1:
        return np.float32(0.1) * normal
    return normal * np.float32(np.sqrt(2 / np.prod(shape[1:])))


def random_state():
    """A state dict of random weights for the whole network."""
    shapes = jax.eval_shape(NETWORK.init, jax.random.key(0), IMAGE)
    names = {"kernel": "weight", "scale": "weight", "bias": "bias"}
    names |= {"mean": "running_mean", "var": "running_var"}
    order = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}
    state = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(shapes):
        keys = [key.key for key in path if isinstance(key, DictKey)]
        *modules, last = (key for key in keys if key != "batch_stats")
        name = ".".join([*modules, names[last]])
        shape = tuple(leaf.shape[side] for side in order[leaf.ndim])
        state[name] = random_weight(name, shape)
    return state


@pytest.fixture(scope="module")
def state():
    return random_state()


@pytest.fixture(scope="module")
def played(state):
    """The output for IMAGE, and the statistics before and after, as in training."""
    variables = inception_variables(state)
    output, stats = jax.jit(NETWORK.apply)(variables, IMAGE)
    return output, variables.stats, stats


@pytest.fixture
def output(played):
    return played[0]


@pytest.mark.parametrize("name", MAPS)
def test_every_block_is_that_of_pytorch(name, output):
    # Measured: within 1.5e-6 of the largest element, in every block.
    known = MAPS[name]
    found = getattr(output, name) if name in output._fields else output.blocks[name]
    found = np.asarray(found, np.float64)[0]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    projection = np.vdot(rng.standard_normal(found.shape), found) / np.sqrt(found.size)
    near = {"rel": 0, "abs": 2e-5 * known.std}
    assert found.shape == known.shape
    assert found.mean() == pytest.approx(known.mean, **near)
    assert found.std() == pytest.approx(known.std, **near)
    assert projection == pytest.approx(known.projection, **near)
    for place, element in known.elements.items():
        assert found.flat[place] == pytest.approx(element, **near)


def test_all_blocks_are_compared(output):
    assert output.blocks.keys() == {name for name in MAPS if name.startswith("Mixed")}


def test_batch_statistics_never_change(played):
    _, before, after = played
    assert bits(after) == bits(before)


@pytest.mark.parametrize("shape", [(1, 74, 80, 3), (1, 80, 74, 3), (1, 80, 80, 1)])
def test_images_that_do_not_fit_are_refused(shape):
    with pytest.raises(InputError, match=r"images must be of shape .* 75×75 .* got"):
        jax.eval_shape(NETWORK.init, jax.random.key(0), np.zeros(shape, np.float32))


def test_unused_arrays_may_be_there(state):
    more = {"fc.bias": np.zeros(1008), "Mixed_5b.branch1x1.bn.num_batches_tracked": 0}
    more = {name: np.asarray(array) for name, array in more.items()}
    inception_variables(state | more)


def test_a_missing_array_is_named(state):
    del (left := dict(state))["Mixed_6c.branch7x7_2.bn.running_mean"]
    message = r"Mixed_6c.branch7x7_2.bn.running_mean must be .*\(160,\).* has none"
    with pytest.raises(InputError, match=message):
        inception_variables(left)


def test_an_array_of_another_shape_is_named(state):
    other = {"fc.weight": np.zeros((1000, 2048), np.float32)}
    message = r"fc.weight must be of shape \(1008, 2048\) .* has \(1000, 2048\)"
    with pytest.raises(InputError, match=message):
        inception_variables(state | other)


def test_an_array_that_is_not_finite_is_named(state):
    broken = {"fc.weight": np.full((1008, 2048), np.nan, np.float32)}
    with pytest.raises(InputError, match=r"fc.weight holds numbers that are n"):
        inception_variables(state | broken)


def test_an_array_too_many_is_named(state):
    more = {"AuxLogits.fc.weight": np.zeros((1000, 768), np.float32)}
    with pytest.raises(InputError, match=r"the file has AuxLogits.fc.weight"):
        inception_variables(state | more)
