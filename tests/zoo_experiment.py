"""The games of the zoo as experiments, whose data are a file that can be deleted."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import optax
from PIL import Image

from jaxgan import Batch, alternating, ema, shuffled
from jaxgan.data.datasets import as_dataset
from jaxgan.evaluation.evaluator import Evaluation
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.frechet import frechet_metric
from jaxgan.metrics.intra_class import intra_class_metric
from jaxgan.metrics.metric import Metric
from jaxgan.metrics.modes import conditional_accuracy_metric
from jaxgan.sampling.inputs import images, label
from jaxgan.training.experiment import Experiment, plot_images
from tests.tiny_evaluation import HALVES
from tests.zoo import LABELS, ZOO


@dataclasses.dataclass(frozen=True)
class Config:
    """A game of the zoo."""

    data: Path  # a file whose first number is a seed
    game: str = "vae"
    steps: int = 4
    seed: int = 0
    evaluated: bool = False


def experiment(config: Config) -> Experiment:
    """Made of the examples of the zoo."""
    exhibit = ZOO[config.game]

    def examples(part: int, count: int = 24) -> Batch:
        return exhibit.examples(count, part + int(config.data.read_text()))

    def dynamics(game, example):
        sgd = {player: optax.sgd(0.01) for player in game.players}
        return ema(alternating(game, sgd, example), 0.5)

    def plot(made, batch, columns):
        if jax.tree.leaves(made)[0].ndim == 4:
            return plot_images(made, batch, columns)
        return Image.new("RGB", (8, 8))

    game = exhibit.game()
    return Experiment(
        game=game,
        dynamics=dynamics,
        source=lambda: shuffled(examples(0), 8, len(game.players)),
        steps=config.steps,
        seed=config.seed,
        examples=lambda: examples(1),
        inputs=INPUTS.get(config.game, {}),
        plot=plot,
        summarize=lambda made, batch: {"mean": float(jax.tree.leaves(made)[0].mean())},
        evaluation=evaluation(config.game, examples) if config.evaluated else None,
        n_summarized=10,
        n_plotted=10,
    )


INPUTS = {
    "labeled": {"label": label([f"class {i}" for i in range(LABELS)])},
    "vae": {"image": images()},
}


def squares(real, fake):
    """The mean squared error of each row."""
    each = np.square(real.rows - fake.rows).reshape(len(fake.rows), -1).mean(axis=1)
    return {"mse": Estimate(each.mean(), each.std(ddof=1) / np.sqrt(len(each)))}


MSE = Metric("mse", squares, best="lowest", min_samples=1, needs=("pairs",))


def evaluation(game, examples):
    """Of the labeled game by classes; of others' reconstructions by the truth."""
    if game != "labeled":
        return Evaluation("noise", metrics=(MSE,), output="reconstructions", samples=20)

    def reals(split):
        batch = examples({"test": 2, "other": 3}[split], 60)
        real = np.round(batch.real * 127 + 128).astype(np.uint8)
        return Batch(real, (batch.condition[0] % 2,))

    return Evaluation(
        "noise",
        lambda split: as_dataset(reals(split)),
        lambda: HALVES,
        held_out="other",
        samples=40,
        metrics=(frechet_metric(), conditional_accuracy_metric(), intra_class_metric()),
        labels=lambda batch: batch.condition[0] % 2,
    )
