"""Metrics and the theory refuse arrays and numbers that have no meaning."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import Batch, InputError, View, data, losses, metrics, simultaneous, theory
from jaxgan.data import synthetic
from jaxgan.metrics import rbf, statistics
from jaxgan.sampling import lerp
from tests.builders import batches, unchecked
from tests.fuzz.kinds import (
    COUNT,
    FINITE,
    FLAG,
    FUNCTION,
    INF,
    NAME,
    NAN,
    NO_ARRAY,
    NO_COUNT,
    NUMBERS,
    PATH,
    POSITIVE,
    SEED,
    Kind,
    faults,
    public,
)

ROOMS = (
    "metrics",
    "theory",
    "theory.densities",
    "theory.discriminators",
    "theory.divergences",
    "theory.gaussians",
)
RESULT = "a result, made by the library"
BUT = {
    "metrics.Estimate": RESULT,
    "metrics.Features": "made by an extractor, of arrays",
    "metrics.Measurement": RESULT,
    "metrics.Protocol": RESULT,
    "metrics.Statistics": RESULT,
    "metrics.inception": "needs 96 MB of weights; its refusals are tested below",
    "metrics.pixels": "takes nothing",
}
FUNCTIONS = public(*ROOMS, but=BUT)

RNG = np.random.default_rng(0)
MANY = RNG.normal(size=(24, 3))
POINTS = RNG.normal(size=(8, 3))
NO_NUMBERS = [*NO_ARRAY, np.ones(0), np.full(8, NAN), np.full(8, INF), np.ones(8) * 1j]
NO_FEATURES = [
    *NO_ARRAY,
    np.ones(8),
    np.ones((8, 3, 1)),
    POINTS[:0],
    POINTS[:, :0],
    np.full((8, 3), NAN),
    np.full((8, 3), INF),
    np.full((8, 3), 1e30),
    POINTS * 1j,
]
REAL = Kind([POINTS, jnp.asarray(POINTS)], [*NO_FEATURES, POINTS[:1], np.ones((8, 3))])
FAKE = Kind([POINTS + 1, np.ones((8, 3))], [*NO_FEATURES, POINTS[:1], POINTS[:, :2]])
LABELS = np.array([0, 1] * 4)
NO_LABELS = [*NO_ARRAY, LABELS[:3], LABELS + 0.5, LABELS[:, None], LABELS[:0], -LABELS]
IMAGES = RNG.integers(0, 255, (8, 16, 16, 1)).astype(np.uint8)
NO_IMAGES = [
    *NO_ARRAY,
    IMAGES[0],
    IMAGES[:0],
    IMAGES - 300.0,
    IMAGES + NAN,
    IMAGES * 2.0,
    IMAGES[:, :8, :8],
]
SHARES = np.array([0.25, 0.25, 0.5])
NO_SHARES = [
    *NO_ARRAY,
    SHARES[:0],
    SHARES[:2],
    SHARES * 2,
    -SHARES,
    np.array([NAN, 0.5, 0.5]),
    np.array([INF, 0.5, 0.5]),
]
PROBABILITIES = np.tile(SHARES, (8, 1))
LOGS = np.log(SHARES)
NO_LOGS = [*NO_ARRAY, LOGS[:0], LOGS[:2], np.full(3, NAN), np.full(3, INF)]
MEAN, COVARIANCE = np.zeros(2), np.eye(2)
NO_MEANS = [*NO_ARRAY, np.zeros(3), np.zeros((1, 2)), np.full(2, NAN), np.full(2, INF)]
NO_COVARIANCE = [
    *NO_ARRAY,
    np.eye(3),
    np.ones(2),
    np.full((2, 2), NAN),
    -np.eye(2),
    np.array([[1.0, 0.5], [0.0, 1.0]]),
]
WALKS = RNG.normal(size=(4, 5, 2))
NO_WALKS = [*NO_ARRAY, WALKS[0], WALKS[..., :1], WALKS[:0], WALKS + NAN]
SCORE = metrics.Measurement(
    "fd",
    8.0,
    0.3,
    metrics.Protocol("fd", "pixels", "", "none", "8×8×1", "digits", 9, 9, True),
    "samples",
    100,
    0,
    {},
)
LABELED = data.take(Batch(np.tile(IMAGES, (16, 1, 1, 1)), (np.tile(LABELS, 16),)), 128)
NO_LABELED = [
    None,
    "train",
    1.0,
    (),
    IMAGES,
    Batch(IMAGES),
    Batch(IMAGES / 255, (LABELS,)),
    Batch(IMAGES, (LABELS / 2,)),
    Batch(LABELS, (LABELS,)),
]
EXAMPLE = Batch(jnp.zeros((1, 1)))
ALGORITHM = simultaneous(
    theory.bilinear(),
    dict.fromkeys(("generator", "discriminator"), optax.sgd(0.1)),
    EXAMPLE,
)
START = Kind(
    [(1.0, 1.0), [0.0, 2]],
    [
        None,
        "start",
        1.0,
        (),
        (1.0,),
        (1.0, 1.0, 1.0),
        (NAN, 1.0),
        (INF, 1.0),
        ("a", "b"),
    ],
)

KINDS = {
    "real": REAL,
    "fake": FAKE,
    "features": Kind([POINTS, POINTS[:1]], NO_FEATURES),
    "k": Kind([1, 2], COUNT.invalid),
    "seed": SEED,
    "labels": Kind([LABELS, LABELS[:3]], NO_LABELS[:6] + NO_LABELS[7:]),
    "classes": Kind([3, 2], [*COUNT.invalid, 1]),
    "reference": Kind([None, SHARES], NO_SHARES[1:]),
    "samples": Kind([POINTS[:, :2]], [x for x in NO_FEATURES]),
    "mixture": Kind([synthetic.ring()], [None, "ring", 1.0, synthetic.ring, POINTS]),
    "within": Kind([3.0, INF], [x for x in POSITIVE.invalid if x is not INF]),
    "one": Kind([SCORE], [None, 1.0, "fd", metrics.Estimate(1.0), ()]),
    "other": Kind(
        [SCORE],
        [
            None,
            1.0,
            "fd",
            metrics.Estimate(1.0),
            (),
            dataclasses.replace(
                SCORE, protocol=dataclasses.replace(SCORE.protocol, reals=8)
            ),
        ],
    ),
    "truth": Kind([WALKS], [*NO_WALKS, WALKS[:2], WALKS[:, :2]]),
    "displacement samples": Kind([np.stack([WALKS, WALKS])], [*NO_WALKS, WALKS]),
    "scenes": Kind([np.array([0, 0, 1, 1])], NO_LABELS[:-1]),
    "block": COUNT,
    "p": Kind([1, 2], [None, "x", NAN, INF, 0, -1, 3, 1.5, True, (1,)]),
    "points": Kind([3, 15], [*COUNT.invalid, 2]),
    "min_size": Kind([None, 2, 4], [*NO_COUNT, 1, 9]),
    "log_joint": Kind(
        [POINTS, POINTS - INF], [*NO_FEATURES[:7], POINTS + INF, POINTS[:2]]
    ),
    "log_posterior": Kind([POINTS], [*NO_FEATURES[:7], POINTS - INF, POINTS[:2]]),
    "probabilities": Kind(
        [PROBABILITIES], [*NO_FEATURES, PROBABILITIES * 2, -PROBABILITIES]
    ),
    "splits": Kind([2, 1], [*COUNT.invalid, 9]),
    "metric splits": COUNT,
    "real_labels": Kind([LABELS], NO_LABELS[:-1]),
    "fake_labels": Kind([LABELS], [*NO_LABELS[:-1], LABELS + 7]),
    "subsets": Kind([None, 2], NO_COUNT),
    "kid size": Kind([4, 8], COUNT.invalid),
    "size": COUNT,
    "patches": Kind([2, 4], COUNT.invalid),
    "projections": Kind([8, 2], COUNT.invalid),
    "parts": Kind([statistics(POINTS)], [None, "parts", 1.0, POINTS]),
    "data_range": Kind([255.0, 255, 1e30], POSITIVE.invalid),
    "as_uint8 images": Kind(
        [np.zeros((2, 4, 4, 1))],
        [*NO_ARRAY, np.zeros((4, 4, 1)), np.zeros((2, 4, 4, 1), int), IMAGES + NAN],
    ),
    "images": Kind([np.tile(IMAGES, (1, 11, 11, 1))], NO_IMAGES),
    "pairs": Kind([2, 1], [*COUNT.invalid, 5]),
    "measure": Kind([metrics.ms_ssim, metrics.ssim], FUNCTION.invalid),
    "fake_features": Kind([POINTS, POINTS[:1]], [*NO_FEATURES, POINTS[:, :2]]),
    "train_features": Kind([POINTS, POINTS[:1]], [*NO_FEATURES, POINTS[:, :2]]),
    "sigma": POSITIVE,
    "rbf sigma": Kind(
        [1.0, (1.0, 2.0)], [*POSITIVE.invalid[:-5], (), (0.0,), (NAN,), "x"]
    ),
    "generate": Kind([np.tanh], [*FUNCTION.invalid, lambda latents: None]),
    "start": Kind([POINTS], [*NO_FEATURES[:9], POINTS[:2]]),
    "end": Kind([POINTS + 1], [*NO_FEATURES[:9], POINTS[:2]]),
    "distance": Kind(
        [lambda a, b: ((a - b) ** 2).sum(axis=1)],
        [*FUNCTION.invalid, lambda a, b: None, lambda a, b: a],
    ),
    "path": Kind([lerp], [*FUNCTION.invalid, lambda a, b, t: None]),
    "epsilon": Kind([1e-4, 0.1], POSITIVE.invalid),
    "discard": Kind(
        [(1.0, 99.0), (0.0, 100.0)],
        [
            None,
            "x",
            1.0,
            (),
            (1.0,),
            (99.0, 1.0),
            (-1.0, 99.0),
            (1.0, 101.0),
            (NAN, 99),
        ],
    ),
    "degree": COUNT,
    "gamma": Kind([None, 1.0], POSITIVE.invalid[1:]),
    "coef0": FINITE,
    "read_scores path": Kind([".no/such.jsonl"], [None, 1.0, "", (), object(), "/"]),
    "kernel": Kind([rbf(1.0)], [*FUNCTION.invalid, lambda x, y: None]),
    "biased": FLAG,
    "name": NAME,
    "train": Kind([LABELED], NO_LABELED),
    "test": Kind([LABELED], NO_LABELED),
    "epochs": Kind([1], COUNT.invalid),
    "cache": Kind([None], [1.0, "", (), object()]),
    "wasserstein_1d real": Kind([POINTS[:, 0]], [*NO_NUMBERS, POINTS, np.ones(8)]),
    "wasserstein_1d fake": Kind([POINTS[:, 1], np.ones(8)], [*NO_NUMBERS, POINTS]),
    "parameters": Kind([{}, {"k": 1}], [None, "k", 1.0, ("k",), {1: 1}]),
    "best": Kind([None, "lowest", "highest"], ["least", 1, "", ()]),
    "min_samples": COUNT,
    "min_samples_per_dimension": Kind([0, 1], ["many", None, NAN, -1, 1.5, True]),
    "needs": Kind(
        [("features",), ()], [None, "features", 1.0, ("absent",), (1,), (None,)]
    ),
    "scores": Kind([(), ("a",)], [None, "a", 1.0, (1,), (None,), ("",)]),
    "function": FUNCTION,
    "weights": Kind(["", "abc"], [None, 1.0, (), object()]),
    "resizer": NAME,
    "apply": FUNCTION,
    "resize": FUNCTION,
    "precision_recall_k": COUNT,
    "density_coverage_k": COUNT,
    "luma": FLAG,
    "border": Kind([0, 3], ["many", None, NAN, -1, 1.5, True]),
    # the theory
    "scale": Kind([1.0, -2, 0.0], NUMBERS),
    "loss": Kind([losses.minimax()], [None, "hinge", 1.0, losses.hinge, ()]),
    "view": Kind([View()], [None, "view", 1.0, View, ()]),
    "bilinear start": START,
    "dirac_gan start": START,
    "coefficients": Kind(
        [{("a", "b"): [[1.0]]}, {}],
        [
            None,
            "ab",
            1.0,
            {"a": [[1.0]]},
            {("a", "c"): [[1.0]]},
            {("a", "b"): [1.0]},
            {("a", "b"): [[NAN]]},
            {("a", "b"): [["x"]]},
            {("a", "b"): None},
        ],
    ),
    "starts": Kind(
        [{"a": [1.0], "b": [0.0]}],
        [
            None,
            "ab",
            1.0,
            {},
            {"a": [1.0]},
            {"a": [1.0], "b": [NAN]},
            {"a": [1.0], "b": []},
            {"a": [1.0], "b": None},
            {"a": [1.0], "b": ["x"]},
        ],
    ),
    "algorithm": Kind([ALGORITHM], [None, "adam", 1.0, simultaneous, ()]),
    "state": Kind([ALGORITHM.init(jax.random.key(0))], [None, "state", 1.0, ()]),
    "batches": Kind(
        [(EXAMPLE,)],
        [None, "batch", 1.0, (), EXAMPLE, (None,), (1.0,), (EXAMPLE,) * 2, batches(1)],
    ),
    "log_density": Kind([LOGS, [-INF, 0.0]], [*NO_ARRAY, [], [NAN], [INF], [-INF]]),
    "x": Kind([LOGS, 0.0], ["x", None, object(), [NAN], ["a"]]),
    "log_mixture weights": Kind([SHARES], NO_SHARES),
    "log_mixture means": Kind([LOGS], NO_LOGS),
    "sigmas": Kind([SHARES], [*NO_LOGS, -SHARES, np.zeros(3)]),
    "f": Kind([lambda u: (u - 1) ** 2], [*FUNCTION.invalid, lambda u: None]),
    "by_quadrature f": Kind([lambda u: (u - 1) ** 2], FUNCTION.invalid),
    "by_quadrature log_p": Kind([lambda x: -x * x], FUNCTION.invalid),
    "by_quadrature log_q": Kind([lambda x: -x * x], FUNCTION.invalid),
    "low": Kind([-5.0, 0], [*NUMBERS, 6.0]),
    "high": Kind([5.0, 1], [*NUMBERS, -6.0]),
    "log_p": Kind([LOGS], NO_LOGS),
    "log_q": Kind([LOGS], NO_LOGS),
    "a": FINITE,
    "least_squares b": Kind([1.0, 0.5], NUMBERS),
    "p divergence": Kind([SHARES], NO_SHARES),
    "q": Kind([SHARES], NO_SHARES),
    "at_infinity": Kind([None, 1.0, INF], ["x", NAN, (1.0,), object()]),
    "theory points": Kind([np.arange(3.0)], NO_LOGS),
    "mean_p": Kind([MEAN], NO_MEANS),
    "mean_q": Kind([MEAN], NO_MEANS),
    "cov_p": Kind([COVARIANCE], NO_COVARIANCE),
    "cov_q": Kind([COVARIANCE], NO_COVARIANCE),
}
IN_THEORY = {"p": KINDS["p divergence"], "points": KINDS["theory points"]}
OF_PAIRS = {
    "real": Kind([IMAGES, IMAGES / 255], [*NO_IMAGES, IMAGES[:2]]),
    "fake": Kind([IMAGES, IMAGES / 255], [*NO_IMAGES, IMAGES[:2]]),
}
LARGE = np.tile(IMAGES[:2], (1, 11, 11, 1))
OF_LARGE_PAIRS = {
    "real": Kind([LARGE], [*NO_IMAGES, IMAGES]),
    "fake": Kind([LARGE], [*NO_IMAGES, IMAGES]),
}
OF_IMAGES = {
    "real": Kind([IMAGES], [*NO_IMAGES, IMAGES / 255]),
    "fake": Kind([IMAGES[::-1]], [*NO_IMAGES, IMAGES / 255]),
}
TABLES = {
    "metrics.psnr": OF_PAIRS,
    "metrics.ssim": OF_PAIRS,
    "metrics.ms_ssim": OF_LARGE_PAIRS,
    "metrics.laplacian_swd": OF_IMAGES,
    "metrics.frechet_infinity": {
        "real": Kind([MANY], REAL.invalid),
        "fake": Kind([MANY + 1], FAKE.invalid),
        "min_size": Kind([None, 4], [*NO_COUNT, 1, 20]),
    },
    "metrics.count_modes": {
        "samples": Kind([POINTS[:, :2]], [*NO_FEATURES, POINTS]),
    },
    "metrics.parzen_log_likelihood": {
        "sigma": Kind([1.0, 3], [*POSITIVE.invalid, 1e-200])
    },
    "metrics.inception_score": {"seed": Kind([None, 5], SEED.invalid[1:])},
    "metrics.inception_score_metric": {"splits": COUNT},
    "metrics.neighbors_metric": {},
    "metrics.Metric": {"samples": COUNT},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_invalid_arguments_are_refused_by_name(name):
    room, _, short = name.rpartition(".")
    kinds = KINDS | (IN_THEORY if room.startswith("theory") else {})
    found, _ = faults(short, FUNCTIONS[name], kinds | TABLES.get(name, {}), {"parts"})
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("argument", "value"),
    [("weights", value) for value in PATH[1:]]
    + [("resizer", value) for value in FUNCTION.invalid]
    + [("sha256", value) for value in (1.0, "", "xyz", (), object(), "0" * 65)],
)
def test_inception_refuses_before_it_reads(argument, value, tmp_path):
    file = tmp_path / "weights.pth"
    file.write_bytes(b"none")
    with unchecked(), pytest.raises(InputError, match=rf"\b{argument}\b"):
        metrics.inception(**{"weights": file, argument: value})
