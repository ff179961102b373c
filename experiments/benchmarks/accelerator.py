"""Check jaxgan on a GPU or TPU, and time it there, in six minutes.

It needs a machine with JAX and no data. It prints one table:

    losses      of small DCGANs after five SGD steps in float32, beside those of a CPU
    resume      n steps, the state to host memory and back, and n more by a program
                compiled anew: every bit is that of 2n steps
    steps       of DCGAN and WGAN-GP at 32, 64 and 128 pixels, 64 channels, batch 64,
                in float32 and with networks in bfloat16; seconds to trace and compile
    per call    the same at 32 pixels, 10 and 100 steps in one call
    population  of 1, 8 and 64 ring GANs, which all devices share
    metrics     of 50,000 × 2,048 features in float64

PyTorch makes the same steps, with torch.compile, channels-last and AMP, if this Python
has PyTorch or `--torch-python` names one that has; at 64 and 128 pixels it comes last.
A time is the median of five, except a metric's, which is one. What the time does not
allow is skipped, and said so. If a check or a row fails, the table is finished and the
exit status is 1.

The losses and gradient norms of `accelerator.json` were made on two CPU cores by
`--parts losses --write-expected`. On the CPU, direct convolutions instead of Winograd's
change them by 4e-7 of their size, TF32's rounding of the operands and bfloat16 by 1e-2
or more. So a tolerance of 1e-4 allows another order of summation, and no lower
precision.

Command: python experiments/benchmarks/accelerator.py
    or, on a CPU in a minute: python experiments/benchmarks/accelerator.py --tiny

Cost: 6 minutes, or as many as --minutes says

Expect: both checks agree. On an NVIDIA H200 with jax 0.11.2 and PyTorch 2.11.0, on five
    cores of a machine whose other eleven were busy, the losses agreed to 3e-7 and the
    resumed run was bit-equal. Images a second, and seconds to compile:

                              float32       bfloat16      PyTorch       ratio
        non_saturating  32    37,874   8    49,680   8    4,510  42      11.0
        wgan_gp         32    28,896   5    41,790   6    4,149  15      10.1
        non_saturating  64    24,657  11    25,234  12    5,125  24       4.9
        wgan_gp         64    21,932   7    26,536   6
        non_saturating 128     8,855  15

    At 32 pixels in float32, 10 steps in one call made 52,211 and 52,507 images a
    second, 100 steps 52,220 and 52,518. PyTorch seems to wait for its host, since it is
    as fast at 64 pixels as at 32; at 64 it had reached its limit of recompilations, too
    (each variant now begins anew). Steps of a ring GAN a second: 3,363 alone, 26,759 of
    8 members, 100,355 of 64. On the host the Fréchet distance took 5.8 s, KID 4.2 s.
    The time did not suffice for the other rows; the order of rows is another since.
"""

import importlib.util
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from metrics_speed import TASKS, features
from population_speed import together
from step_speed import Variant, build
from torch_side import torch_worker

from jaxgan import Algorithm, Batch, InputError, Network, State
from jaxgan.algorithms import many_steps

Part = Literal["losses", "resume", "steps", "per_call", "population", "metrics"]
LOSSES = ("non_saturating", "wgan_gp")
TOLERANCE = 1e-4
LONGEST_METRIC = 30.0  # seconds; a metric that would take longer is skipped
# How the time of a metric grows with the number of examples.
GROWTH = {"frechet": 1, "kid": 0, "neighbors": 2, "all pairs": 2}


class Sizes(NamedTuple):
    """Sizes of all that is measured."""

    pixels: tuple[int, ...] = (32, 64, 128)
    channels: int = 64
    batch: int = 64
    per_call: tuple[int, ...] = (10, 100)
    resumed_pixels: int = 64
    members: tuple[int, ...] = (1, 8, 64)
    features: tuple[int, int] = (50_000, 2_048)
    rounds: int = 5
    round_seconds: float = 0.3


TINY = Sizes((8,), 4, 8, (2,), 8, (2,), (1_000, 8), rounds=2, round_seconds=0.01)

Row = tuple[str, Callable[[], str]]
"""A row's name, and what measures it and returns its text."""


def in_bfloat16(network: Network) -> Network:
    """Let a network compute in bfloat16; variables and outputs stay float32."""

    def cast(tree: Any, dtype: Any) -> Any:
        return jax.tree.map(lambda x: x.astype(dtype), tree)

    def apply(variables: Any, *inputs: Any, **how: Any) -> Any:
        variables = variables._replace(params=cast(variables.params, jnp.bfloat16))
        with jax.numpy_dtype_promotion(
            "standard"
        ):  # BatchNorm's statistics are float32
            output, stats = network.apply(variables, *cast(inputs, jnp.bfloat16), **how)
        return cast(output, jnp.float32), stats

    return network._replace(apply=apply)


def draw_state(algorithm: Algorithm) -> State:
    """Make a state with NumPy, the same on every device and without compiling `init`.

    Weights are larger than the networks' own, so that the losses move.
    """
    like = jax.eval_shape(algorithm.init, jax.random.key(0))
    rng = np.random.default_rng(0)

    def draw(path: Any, x: jax.ShapeDtypeStruct) -> Any:
        if path[-1].key == "kernel":
            return jnp.asarray(rng.normal(scale=0.1, size=x.shape), x.dtype)
        return jnp.full(x.shape, path[-1].key in ("scale", "var"), x.dtype)

    zeros = jax.tree.map(
        lambda x: jnp.zeros(x.shape, x.dtype), like._replace(key=(), variables={})
    )
    variables = jax.tree_util.tree_map_with_path(draw, like.variables)
    return zeros._replace(key=jax.random.key(0), variables=variables)


def measure_losses(name: str, wrap: Any = lambda network: network) -> dict[str, float]:
    """Losses and gradient norms after five steps, in the device's full float32."""
    # SGD, since Adam turns rounding into differences of the size of its step.
    sgd = optax.sgd(0.05)
    algorithm, batches = build(name, 16, 16, 8, wrap=wrap, optimizer=sgd)
    state = draw_state(algorithm)
    with jax.default_matmul_precision("highest"):
        step = algorithm.step.lower(state, batches).compile()
    for _ in range(5):
        state, info = step(state, batches)
    found = {f"{player} gradient": x for player, x in info.gradient_norms.items()}
    for player, terms in info.losses.items():
        found |= {f"{player} {term}": x for term, x in terms.items()}
    return {which: float(x) for which, x in found.items()}


def farthest(found: dict[str, float], expected: dict[str, float]) -> tuple[float, str]:
    """The largest difference, relative to values above 0.1, and what differs so."""
    if found.keys() != expected.keys():
        return float("inf"), f"{sorted(found)}, expected {sorted(expected)}"
    differences = {
        f"{which} {x:.7g}, expected {expected[which]:.7g}": (
            abs(x - expected[which]) / max(0.1, abs(expected[which]))
            if np.isfinite(x)
            else float("inf")
        )
        for which, x in found.items()
    }
    which = max(differences, key=lambda name: differences[name])
    return differences[which], which


def losses_rows(expected: dict[str, Any], failures: list[str]) -> Iterator[Row]:
    """Compare with the values of a CPU."""

    def check(name: str) -> str:
        difference, which = farthest(measure_losses(name), expected.get(name, {}))
        if difference <= TOLERANCE:
            return f"agree to {difference:.0e}"
        failures.append(f"the losses of {name} are not those of a CPU: {which}")
        return f"DIFFER by {difference:.0e}"

    for name in LOSSES:
        yield f"losses {name}", lambda name=name: check(name)


def to_host(state: State) -> State:
    """The bits of a state as NumPy arrays."""
    bits = state._replace(key=jax.random.key_data(state.key))
    return jax.tree.map(np.asarray, bits)


def from_host(state: State) -> State:
    """The state of such bits, in memory of its own, which a step may reuse."""
    state = jax.tree.map(lambda x: jnp.array(x, copy=True), state)
    return state._replace(key=jax.random.wrap_key_data(state.key))


def first_difference(one: State, other: State) -> str | None:
    """Name the first array whose bits differ in two states from `to_host`."""
    pairs = zip(
        jax.tree_util.tree_leaves_with_path(one), jax.tree.leaves(other), strict=True
    )
    for (path, a), b in pairs:
        if a.tobytes() != b.tobytes():
            return jax.tree_util.keystr(path)
    return None


def resume_rows(sizes: Sizes, failures: list[str], n: int = 3) -> Iterator[Row]:
    """Compare a run that was interrupted with one that was not."""
    # An option of these programs alone, since deterministic ones may be slower.
    gpu = jax.devices()[0].platform == "gpu"
    options = {"xla_gpu_deterministic_ops": True} if gpu else None

    def compile_anew() -> tuple[State, Callable[[State, int], State]]:
        jax.clear_caches()
        size = sizes.resumed_pixels
        algorithm, batches = build("wgan_gp", size, sizes.batch, sizes.channels)
        start = to_host(draw_state(algorithm))
        lowered = algorithm.step.lower(from_host(start), batches)
        step = lowered.compile(compiler_options=options)

        def advance(state: State, steps: int) -> State:
            state = from_host(state)
            for _ in range(steps):
                state, _ = step(state, batches)
            return to_host(state)

        return start, advance

    def check() -> str:
        start, advance = compile_anew()
        whole, half = advance(start, 2 * n), advance(start, n)
        _, resume = compile_anew()
        differs = first_difference(whole, resume(half, n))
        if differs is None:
            return "bit-equal"
        failures.append(f"a resumed run is not the whole one: it differs in {differs}")
        return "DIFFERS"

    yield "resume wgan_gp", check


def seconds_of_call(run: Callable[[int], float], sizes: Sizes) -> float:
    """The median time of a call; `run(n)` gives the seconds of n."""
    run(2)
    calls = max(1, min(1000, int(sizes.round_seconds / run(1))))
    return statistics.median(run(calls) / calls for _ in range(sizes.rounds))


def steps_rows(sizes: Sizes, pixels: int, rates: dict[str, float]) -> Iterator[Row]:
    """Images a second of both losses, in both precisions."""

    def measure(name: str, loss: str, dtype: str) -> str:
        wrap = {"wrap": in_bfloat16} if dtype == "bfloat16" else {}
        made = build(loss, pixels, sizes.batch, sizes.channels, **wrap)
        variant = Variant(*made, draw_state(made[0]))
        rates[name] = sizes.batch / seconds_of_call(variant.run, sizes)
        return speed(rates[name], variant.compile_seconds)

    for loss in LOSSES:
        for dtype in ("float32", "bfloat16"):
            name = f"steps {loss} {pixels} {dtype}"
            yield name, partial(measure, name, loss, dtype)


def torch_rows(
    sizes: Sizes, pixels: int, rates: dict[str, float], ask: Callable[..., float]
) -> Iterator[Row]:
    """The same of PyTorch, and the ratio of jaxgan's in bfloat16 to it."""

    def measure(loss: str) -> str:
        run = partial(ask, f"{loss}:{pixels}:fast")
        compiled = run(2)
        rate = sizes.batch / seconds_of_call(run, sizes)
        ours = rates.get(f"steps {loss} {pixels} bfloat16")
        ratio = "unknown" if ours is None else f"{ours / rate:.2f}"
        return speed(rate, compiled) + f", bfloat16's ratio to it {ratio}"

    for loss in LOSSES:
        yield f"steps {loss} {pixels} PyTorch", partial(measure, loss)


def per_call_rows(sizes: Sizes) -> Iterator[Row]:
    """Images a second at the smallest size, with several steps in a call."""

    def measure(loss: str, n: int) -> str:
        one, batches = build(loss, sizes.pixels[0], sizes.batch, sizes.channels)
        stacked: tuple[Batch, ...] = jax.tree.map(
            lambda x: jnp.broadcast_to(x, (n, *x.shape)), batches
        )
        variant = Variant(many_steps(one, n), stacked, draw_state(one))
        seconds = seconds_of_call(variant.run, sizes) / n
        return speed(sizes.batch / seconds, variant.compile_seconds)

    for n in sizes.per_call:
        for loss in LOSSES:
            name = f"per_call {loss} {sizes.pixels[0]} float32, {n} steps"
            yield name, lambda loss=loss, n=n: measure(loss, n)


def population_rows(sizes: Sizes) -> Iterator[Row]:
    """Steps of a member a second."""

    def measure(members: int) -> str:
        start = time.perf_counter()
        run = together("ring", members, sequential=False)
        compiled = time.perf_counter() - start
        seconds = seconds_of_call(lambda n: run(n) * n * members, sizes) / members
        return speed(1 / seconds, compiled, "steps/s")

    for members in sizes.members:
        yield f"population ring {members}", lambda members=members: measure(members)


def metrics_rows(sizes: Sizes) -> Iterator[Row]:
    """Seconds of each metric, after a smaller one that compiles and estimates it."""
    n, d = sizes.features
    few = max(1_000, n // 5)
    sets: list[np.ndarray] = []

    def measure(name: str) -> str:
        if not sets:
            sets.extend((features(n, d, seed=0), features(n, d, seed=1)))
        seconds = 0.0
        for size in (few, few, n):
            estimate = seconds * (n / few) ** GROWTH[name]
            if size == n and estimate > LONGEST_METRIC:
                return f"skipped: it would take about {estimate:.0f} s"
            start = time.perf_counter()
            TASKS[name](*(each[:size] for each in sets))
            seconds = time.perf_counter() - start
        return f"{seconds:12.2f} s"

    for name in TASKS:
        yield f"metrics {name} {n} × {d}", lambda name=name: measure(name)


def speed(rate: float, compiled: float, unit: str = "images/s") -> str:
    """The text of a rate."""
    return f"{rate:12,.0f} {unit:8}  compiled in {compiled:5.1f} s"


def print_table(rows: Iterator[Row], seconds: float, failures: list[str]) -> None:
    """Measure row after row, and skip those that the time does not allow.

    A row is expected to take as long as the longest of its part so far, and the first
    of a part as long as the longest of all.
    """
    end = time.monotonic() + seconds
    longest: dict[str, float] = {}
    for name, measure in rows:
        start = time.monotonic()
        part = name.split()[0] + ("PyTorch" if name.endswith("PyTorch") else "")
        left, needed = end - start, longest.get(part, max(longest.values(), default=0))
        if left < needed:
            text = f"skipped: {max(0, left):.0f} s left"
        else:
            try:
                text = measure()
            except (RuntimeError, OSError) as error:  # memory, or PyTorch's process
                text = f"FAILED: {str(error).splitlines()[0]}"
                failures.append(f"{name} failed")
            longest[part] = max(longest.get(part, 0), time.monotonic() - start)
        print(f"{name:42} {text}", flush=True)


def read_expected(path: Path) -> dict[str, Any]:
    """The stored values of each loss."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"expected must be a file that --write-expected has written, got "
            f"{str(path)!r} ({error})."
        ) from error


def main(
    tiny: bool = False,
    minutes: float = 6.0,
    parts: tuple[Part, ...] = get_args(Part),
    torch_python: Path | None = None,
    expected: Path = Path(__file__).with_suffix(".json"),
    write_expected: bool = False,
) -> None:
    """Check and time.

    Args:
        tiny: make everything so small, and compile it with so little effort, that a
            CPU does it in a minute; the speeds then mean nothing.
        minutes: rows that do not fit into these are skipped.
        parts: of the table.
        torch_python: the interpreter of an environment that has PyTorch; by default
            this one, if it has it, unless `tiny`.
        expected: the file of stored losses.
        write_expected: write that file instead of comparing with it.
    """
    if not minutes > 0:
        raise InputError(f"minutes must be more than 0, got {minutes}.")
    if write_expected:
        found = {name: measure_losses(name) for name in LOSSES}
        expected.write_text(json.dumps(found, indent=2) + "\n")
        return
    sizes = TINY if tiny else Sizes()
    stored = read_expected(expected) if "losses" in parts else {}
    if torch_python is None and not tiny and importlib.util.find_spec("torch"):
        torch_python = Path(sys.executable)
    torch_run = None
    if torch_python and "steps" in parts:
        scale = (str(sizes.batch), str(sizes.channels))
        torch_run = torch_worker(torch_python, "step_speed_torch.py", *scale)
    jax.config.update("jax_enable_compilation_cache", False)  # compile times are wanted
    jax.config.update("jax_disable_most_optimizations", tiny)
    devices = jax.devices()
    print(f"jax {jax.__version__} on {len(devices)} × {devices[0].device_kind}")
    failures: list[str] = []
    rates: dict[str, float] = {}
    smallest, *larger = sizes.pixels

    def rows() -> Iterator[Row]:
        if "losses" in parts:
            yield from losses_rows(stored, failures)
        if "resume" in parts:
            yield from resume_rows(sizes, failures)
        if "steps" in parts:
            yield from steps_rows(sizes, smallest, rates)
            if torch_run:
                yield from torch_rows(sizes, smallest, rates, torch_run)
        if "per_call" in parts:
            yield from per_call_rows(sizes)
        if "steps" in parts:
            for pixels in larger:
                yield from steps_rows(sizes, pixels, rates)
        if "population" in parts:
            yield from population_rows(sizes)
        if "metrics" in parts:
            yield from metrics_rows(sizes)
        if torch_run:
            for pixels in larger:
                yield from torch_rows(sizes, pixels, rates, torch_run)

    print_table(rows(), 60 * minutes, failures)
    if failures:
        raise SystemExit("; ".join(failures) + ".")


if __name__ == "__main__":
    # PyTorch's process shares the GPU; JAX would take three quarters of its memory.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    try:
        tyro.cli(main)
    except InputError as error:
        raise SystemExit(f"accelerator: {error}") from error
