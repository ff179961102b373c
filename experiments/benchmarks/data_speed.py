"""Examples a second, beside PyTorch's DataLoader on the same files.

MNIST as TFDS prepared it, and a folder of images reduced to 32 pixels; in shuffled
batches of 64, float32 in [-1, 1]. jaxgan holds them in memory or on the device, or
decodes them each time they are drawn (streamed), by threads or in two processes.
PyTorch decodes them in a Dataset, in its own process or in two others, or holds them in
memory as a TensorDataset. All take turns in one run, since shared machines drift:
believe the ratios, turn by turn. Of "files" the faster way of each side counts.

On two CPU cores, jax 0.10.2 and PyTorch 2.13.0, five turns of 1.5 s; the folder holds
12,012 PNG files of 72 pixels; medians, examples/s, and ratios (least to greatest):

                            mnist        folder
    memory              1,580,000       541,000
    device (the CPU)      692,000       614,000
    streamed, threads       8,900         2,900
    streamed, 2 processes  16,300         7,600
    PyTorch, 0 workers      6,600         4,100
    PyTorch, 2 workers     13,200         7,200
    PyTorch's memory      381,000       287,000

    memory / PyTorch's files     120 (115 to 122)      74 (73 to 82)
    device / PyTorch's files     52 (51 to 54)         84 (81 to 96)
    streamed / PyTorch's files   1.23 (1.17 to 1.25)   1.07 (1.03 to 1.12)
    memory / PyTorch's memory    4.1 (4.1 to 4.2)      1.9 (1.8 to 2.0)

The folder's first start takes 5.65 s, and the second, which finds the cache, 0.054 s:
1/105. Threads do not decode images as small as these side by side, since most of the
work is Python's; processes do.

Command: python experiments/benchmarks/data_speed.py --folder DIR --torch-python PYTHON
    where TFDS_DATA_DIR holds MNIST and PYTHON is the interpreter of an environment
    that has PyTorch, TFDS and Pillow, as made in README.md beside this.
"""

import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jax
import tyro
from torch_side import spread, torch_worker

from jaxgan import data, shuffled
from jaxgan.data import Dataset, Source
from jaxgan.training import tune_malloc

BATCH, SIZE = 64, 32


def main(folder: Path, torch_python: Path, rounds: int = 5, seconds: float = 2) -> None:
    """Time the sources.

    Args:
        folder: of images.
        torch_python: the interpreter of an environment that has PyTorch.
        rounds: how many turns each takes.
        seconds: of a turn.
    """
    tune_malloc()  # as `jaxgan train` does
    fit = data.Resize(SIZE, channels=3)
    with tempfile.TemporaryDirectory() as cache:
        start_up(folder, fit, Path(cache))
        held = data.folder(folder, fit, cache=Path(cache))
        loader = torch_worker(torch_python, "data_speed_torch.py", folder)
        for name, kept, streamed in (
            ("mnist", data.tfds("mnist"), data.tfds("mnist", stream=True)),
            ("folder", held, data.folder(folder, fit, stream=True)),
        ):
            ours = sources(kept, streamed)
            report(name, compare(name, ours, loader, rounds, seconds))


def start_up(folder: Path, fit: data.Resize, cache: Path) -> None:
    """The first call decodes, the second finds what it left."""
    spent = []
    for _ in range(2):
        start = time.perf_counter()
        images = data.folder(folder, fit, cache=cache)
        spent.append(time.perf_counter() - start)
    print(f"start-up of {len(images):,} files: {spent[0]:.2f} s, then {spent[1]:.3f} s")
    print(f"    the second is 1/{spent[0] / spent[1]:.0f} of the first")


def sources(held: Dataset, streamed: Dataset) -> dict[str, Source]:
    """One set in all ways."""
    return {
        "memory": shuffled(held, BATCH, on_device=False),
        "device": shuffled(held, BATCH, on_device=True),
        "streamed 0": shuffled(streamed, BATCH),
        "streamed 2": shuffled(data.multiprocess(streamed, 2), BATCH),
    }


def compare(
    name: str,
    ours: dict[str, Source],
    loader: Callable[[str, float], float],
    rounds: int,
    seconds: float,
) -> dict[str, list[float]]:
    """Examples a second of every way, turn by turn."""
    rates: dict[str, list[float]] = {}
    for _ in range(rounds):
        for way, source in ours.items():
            rates.setdefault(way, []).append(rate(source, seconds))
        for way in ("files 0", "files 2", "memory 0"):
            theirs = loader(f"{name} {way}", seconds)
            rates.setdefault(f"torch {way}", []).append(theirs)
    return rates


def rate(source: Source, seconds: float) -> float:
    """Examples a second, once the first batches are there."""
    jax.block_until_ready(source(0, 0))
    start = time.perf_counter()
    for step in itertools.count(1):
        batches = jax.block_until_ready(source(0, step))
        if time.perf_counter() - start > seconds:
            return step * len(batches) * BATCH / (time.perf_counter() - start)
    raise AssertionError


def report(name: str, rates: dict[str, list[float]]) -> None:
    """The medians, and the ratios turn by turn."""
    print(name)
    for way, found in rates.items():
        print(f"    {way:16} {statistics.median(found):12,.0f} examples/s")
    streamed = fastest(rates["streamed 0"], rates["streamed 2"])
    files = fastest(rates["torch files 0"], rates["torch files 2"])
    for what, ours, theirs in (
        ("memory / PyTorch's files", rates["memory"], files),
        ("device / PyTorch's files", rates["device"], files),
        ("streamed / PyTorch's files", streamed, files),
        ("memory / PyTorch's memory", rates["memory"], rates["torch memory 0"]),
    ):
        print(f"    {what}: {spread(ours, theirs)}", flush=True)


def fastest(*ways: list[float]) -> list[float]:
    """Of each turn."""
    return [max(turn) for turn in zip(*ways, strict=True)]


if __name__ == "__main__":
    tyro.cli(main)
