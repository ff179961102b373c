"""What a run keeps of its states: themselves, their samples and their scores."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from functools import partial

import jax
import jax.numpy as jnp
from numpy.typing import NDArray

from jaxgan.checkpoint import Checkpoints, restore_networks, shapes, steps
from jaxgan.errors import InputError, RunError
from jaxgan.evaluation import Evaluator, is_best
from jaxgan.experiment import Experiment
from jaxgan.metrics.protocol import read_scores, write_scores
from jaxgan.parallel import replicated
from jaxgan.reporting import Row, contact_strip
from jaxgan.run import Run
from jaxgan.sampling import Sampler, best_variables, draw_latents
from jaxgan.types import NetworkName, State, Variables


def save(state: State, saved: Checkpoints) -> None:
    """Keep a state, if its networks are finite.

    Raises:
        RunError: if they are not.
    """
    for name, variables in state.variables.items():
        if not all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(variables)):
            raise RunError(
                f"step {int(state.step):,}: network {name!r} is no longer finite; "
                f"{saved.last_good()}."
            )
    saved.save(state)


def like_state(run: Run) -> State:
    """The shapes of a run's state, on one device."""
    algorithm = run.experiment.dynamics(run.experiment.game)
    one = replicated(jax.local_devices()[:1])
    return shapes(partial(algorithm.init, jax.random.key(0)), one)


def restored_networks(
    run: Run, best: bool = False
) -> tuple[int, dict[NetworkName, Variables]]:
    """The step and the networks of a run's latest checkpoint, or of the best one.

    Raises:
        InputError: if the best is wanted and the run was not scored while it trained.
        RunError: if there is no checkpoint, or it cannot be read.
    """
    if best and not steps(run.best):
        raise InputError(
            f"--best: {run.directory} was not scored while it trained, so none of its "
            "checkpoints is known to be the best; leave --best out."
        )
    return restore_networks(run.best if best else run.checkpoints, like_state(run))


def draw_and_measure(run: Run, step: int, generate: Sampler, state: State) -> Row:
    """Draw samples from latents that are the same each time, and measure them."""
    samples = draw_samples(run.experiment, generate, state)
    save_picture(run, step, samples)
    pictures = (p for p in run.samples.glob("*.png") if p.stem.isdigit())
    series = sorted(pictures, key=lambda path: int(path.stem))
    contact_strip(series).save(run.samples / "strip.png")
    return measure(run.experiment, samples)


def draw_samples(experiment: Experiment, generate: Sampler, state: State) -> NDArray:
    """The samples that are measured, of latents that are the same each time."""
    latents = draw_latents(experiment.game, experiment.samples, experiment.seed)
    return generate(best_variables(state), latents)


def save_picture(run: Run, step: int, samples: NDArray) -> None:
    """A step's picture, of those samples that are shown."""
    run.samples.mkdir(exist_ok=True)
    picture = run.experiment.draw(samples[: run.experiment.shown], None)
    picture.save(run.samples / f"{step:06d}.png")


def measure(experiment: Experiment, samples: NDArray) -> Row:
    """What an experiment measures of its samples, in plain numbers."""
    return {name: float(value) for name, value in experiment.measure(samples).items()}


@contextlib.contextmanager
def scorer(
    run: Run, generate: Sampler, evaluate: Evaluator, begun: int
) -> Iterator[Callable[[int, State], Row]]:
    """`(step, state) -> row`: scores a state, and keeps it if it is the best yet."""
    for later in (step for step in steps(run.best) if step > begun):
        shutil.rmtree(run.best / str(later))  # its score is forgotten too
    evaluation, seed = run.experiment.evaluation, run.experiment.seed
    assert evaluation is not None  # of which the evaluator was made
    latents = draw_latents(run.experiment.game, evaluation.samples, seed)
    with Checkpoints(run.best, 1) as best:

        def score(step: int, state: State) -> Row:
            made_by = partial(generate, best_variables(state))
            scores = evaluate(made_by, latents, step, seed)
            kept = steps(run.best)
            if is_best(scores, [s for s in read_scores(run.scores) if s.step in kept]):
                save(state, best)
                best.wait()  # a score that says so has its checkpoint
            write_scores(run.scores, scores)
            return {score.name: score.value for score in scores}

        yield score
