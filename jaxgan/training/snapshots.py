"""Write and read a run's checkpoints, pictures and scores."""

import logging
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
from PIL import Image

from jaxgan.algorithms.data_parallel import replicated
from jaxgan.errors import InputError, RunError, as_path, check_flag
from jaxgan.evaluation.evaluator import Reference, evaluate, is_best, reference
from jaxgan.metrics.protocol import Measurement, read_scores, write_scores
from jaxgan.reporting.figures import contact_strip
from jaxgan.reporting.log import Row, rewind
from jaxgan.sampling.outputs import (
    Maker,
    best_variables,
    draw_examples,
    draw_latents,
    maker,
    reads_real,
)
from jaxgan.training.checkpoint import Checkpoints, restore_networks, shapes, steps
from jaxgan.training.experiment import Experiment
from jaxgan.training.kept_reference import kept_reference
from jaxgan.training.processes import lead, own_copy
from jaxgan.training.run import Run, load_run
from jaxgan.types import Batch, NetworkName, State, Tree, Variables


def save(state: State, saved: Checkpoints) -> None:
    """Save a state if its networks are finite.

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
    """Return the abstract state of a run, on one device."""
    experiment = run.experiment
    algorithm = experiment.dynamics(experiment.game, run.data.batches[0])
    one = replicated(jax.local_devices()[:1])
    return shapes(partial(algorithm.init, jax.random.key(0)), one)


def restored_networks(
    run: Run | Path | str, best: bool = False
) -> tuple[int, dict[NetworkName, Variables]]:
    """Load the step and the networks of a run's latest or best checkpoint.

    The networks are the averaged ones, where an average is kept, as
    `sampling.maker` takes them.

    Args:
        run: a run, or its directory.
        best: take the checkpoint with the best score instead of the latest.

    Raises:
        InputError: if the best is wanted and the run was not scored while it trained.
        RunError: if there is no checkpoint, or it cannot be read.

    Example: `step, variables = jg.training.restored_networks("runs/digits")`
    """
    check_flag("best", best)
    run = run if isinstance(run, Run) else load_run(as_path("run", run))
    if best and not steps(run.best):
        raise InputError(
            f"best: {run.directory} was not scored while it trained, so none of its "
            "checkpoints is known to be the best; leave it out."
        )
    return restore_networks(run.best if best else run.checkpoints, like_state(run))


class SampleInputs(NamedTuple):
    """Compiled outputs, latents and examples of an experiment's pictures."""

    makers: dict[str, Maker]  # of each output
    latents: Tree
    batch: Batch


def sample_inputs(experiment: Experiment) -> SampleInputs:
    """Sample the latents and examples of all pictures of an experiment."""
    game, seed = experiment.game, experiment.seed
    count = max(experiment.n_summarized, experiment.n_plotted)
    batch = draw_examples(experiment.examples, count, seed)
    latents = draw_latents(game, count, seed, batch.condition)
    return SampleInputs(
        {name: maker(game, name) for name in game.outputs}, latents, batch
    )


def save_pictures(
    experiment: Experiment,
    inputs: SampleInputs,
    state: State,
    directory: Path,
    step: int,
) -> Row:
    """Save a picture of every output, and summarize the first one."""
    directory.mkdir(exist_ok=True)
    row: Row = {}
    for number, name in enumerate(inputs.makers):
        made, batch = _make(experiment, inputs, state, name)
        if not number:
            row = _summary(experiment, made, batch)
        made, batch = jax.tree.map(lambda x: x[: experiment.n_plotted], (made, batch))
        suffix = f"-{name}" if number else ""
        experiment.plot(made, batch, None).save(directory / f"{step:06d}{suffix}.png")
    return row


def summarize(experiment: Experiment, inputs: SampleInputs, state: State) -> Row:
    """Summarize the first output alone."""
    if not inputs.makers:
        return {}
    return _summary(
        experiment, *_make(experiment, inputs, state, next(iter(inputs.makers)))
    )


def _make(
    experiment: Experiment, inputs: SampleInputs, state: State, name: str
) -> tuple[Tree, Batch]:
    """Make an output, and return it with the examples that it is made of."""
    first = name == next(iter(inputs.makers))
    count = experiment.n_summarized if first else experiment.n_plotted
    latents, batch = jax.tree.map(lambda x: x[:count], (inputs.latents, inputs.batch))
    return inputs.makers[name](best_variables(state), latents, batch), batch


def _summary(experiment: Experiment, made: Tree, batch: Batch) -> Row:
    numbers = experiment.summarize(made, batch)
    for name in numbers:
        if not isinstance(name, str) or name == "step" or "/" in name:
            raise InputError(
                f"summarize: {name!r} cannot be the name of a number; a name is a "
                "string without a slash, other than 'step'."
            )
    return {name: float(value) for name, value in numbers.items()}


def save_strip(directory: Path) -> None:
    """Save the pictures of the first output side by side."""
    pictures = (p for p in directory.glob("*.png") if p.stem.isdigit())
    series = sorted(filter(_is_readable, pictures), key=lambda path: int(path.stem))
    if series:
        contact_strip(series).save(directory / "strip.png")


def _is_readable(picture: Path) -> bool:
    """Return False, with a warning, for a picture that was damaged."""
    try:
        with Image.open(picture) as image:
            image.load()
    except Exception as error:  # Pillow raises many kinds
        logging.getLogger("jaxgan").warning("%s is left out: %s", picture, error)
        return False
    return True


def evaluated_examples(experiment: Experiment) -> Batch:
    """Choose the examples of scored outputs, the same for every seed.

    The examples themselves are left out where neither the output nor a metric reads
    them, so that a label does not cost an image.
    """
    evaluation, game = experiment.evaluation, experiment.game
    assert evaluation is not None
    examples = draw_examples(experiment.examples, evaluation.samples, 0)
    slim = examples._replace(real=())
    unread = not (
        evaluation.needs("pairs") or reads_real(game, evaluation.output, slim)
    )
    return slim if jax.tree.leaves(slim) and unread else examples


def run_reference(run: Run) -> Reference:
    """Load the reference of a run's evaluation, or make it now and keep it.

    Raises:
        InputError: if the data are not there, or are others than when the run began.
    """
    experiment, evaluation = run.experiment, run.experiment.evaluation
    assert evaluation is not None

    def make() -> Reference:
        return reference(evaluation, evaluated_examples(experiment))

    return kept_reference(evaluation, run.kept, make)


def own_networks(state: State) -> State:
    """Copy the networks of a state that is on the devices of several processes."""
    return state._replace(
        variables=own_copy(state.variables),
        ema=own_copy(state.ema),
        frozen=own_copy(state.frozen),
    )


def scorer(
    run: Run, against: Reference | None, begun: int
) -> Callable[[int, State], Row]:
    """Make `(step, state) -> row`, which scores a state and saves the best.

    Args:
        run: the run.
        against: its reference; of several processes only the leader has it.
        begun: step with which training goes on.
    """
    lead(partial(_forget_best, run, begun))
    game, evaluation = run.experiment.game, run.experiment.evaluation
    assert evaluation is not None  # of which the reference was made
    make, seed = maker(game, evaluation.output), run.experiment.seed

    def measure(step: int, state: State) -> tuple[list[Measurement], bool]:
        assert against is not None
        rewind(run.scores, step - 1)  # what was scored, but not logged, before a kill
        given = (evaluation, against, game, make, best_variables(state))
        scores = evaluate(*given, step=step, seed=seed)
        kept = steps(run.best)
        earlier = [s for s in read_scores(run.scores) if s.step in kept]
        return scores, is_best(evaluation, scores, earlier)

    def score(step: int, state: State) -> Row:
        here = own_networks(state)
        scores, better = lead(lambda: measure(step, here))
        if better:
            with Checkpoints(run.best, None) as best:
                save(state, best)  # a score that says so has its checkpoint
        lead(lambda: write_scores(run.scores, scores))
        lead(partial(keep_best, run))
        return {score.name: score.value for score in scores}

    return score


def keep_best(run: Run) -> None:
    """Remove all best checkpoints but the newest, and those to which a run may go back.

    It goes back to a checkpoint that is saved, and then the best is the newest that was
    made until then.
    """
    kept = steps(run.best)
    until = [*steps(run.checkpoints), *kept[-1:]]
    needed = {max((b for b in kept if b <= step), default=None) for step in until}
    for step in {*kept} - needed:
        shutil.rmtree(run.best / str(step))


def _forget_best(run: Run, begun: int) -> None:
    """Remove best checkpoints that were made later, whose scores are forgotten too."""
    for later in (step for step in steps(run.best) if step > begun):
        shutil.rmtree(run.best / str(later))
