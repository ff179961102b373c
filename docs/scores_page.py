"""Write docs/scores.md: digits, clothes and triples by several experiments.

The numbers are those of the files in docs/results. Files of results have no prose, so
what is said of the numbers stands here.

Command: python docs/scores_page.py > docs/scores.md
"""

from collections.abc import Mapping

from results_page import (
    SHARE,
    Row,
    cells,
    means,
    number,
    read_all,
    sampled,
    table,
    taken,
)

from jaxgan.training.results import Results

SCORES = """# Scores of the experiments

Each run is scored by 10,000 samples of the averaged generator after the last step,
against the 10,000 test images. Features are the 128 of a classifier that is trained on
four fifths of the training images. It classifies 99.23 % of the test digits and 92.01 %
of the test clothes correctly. The row "other reals" scores 10,000 images of the
remaining fifth as if they were samples: a perfect sampler would have these scores.
Distances in other features, such as Inception's, are not comparable.

The seeds were chosen before any was run, and all are here. The error of a run is the
standard error over samples and reals; the error of a mean is the standard error over
the three runs. DCGAN has the logistic loss with R1 (`experiments/dcgan.py`, 5,000
steps). WGAN-GP has five moves of the critic for one of the generator
(`experiments/wgan_gp.py`, 2,000 steps). Each run took 12 to 15 minutes on one CPU core.
The commands are in `experiments/benchmarks/README.md`.

ADC-GAN is `experiments/mnist.py` (12,000 steps, 15 to 20 minutes), which is told the
class. Its runs were scored by further trainings of the classifier, with which other
reals have Fréchet distances of 0.044 for digits and 0.057 for clothes; the
[results](results.md) tell which training scored which run.

## MNIST

{mnist}

Shares of the classes in %; the error of each share is 0.3:

{mnist_shares}

## Fashion-MNIST

{fashion_mnist}

Seed 0 of DCGAN was trained again, and scored by two further trainings of the
classifier, which both classify 91.98 % correctly. The Fréchet distances were 2.987 ±
0.044 and 3.076 ± 0.045, the KIDs 0.02117 ± 0.00054 and 0.02343 ± 0.00058, the recalls
0.414 and 0.403. The first classifier agrees with the row above within three errors in
every score, the second in all but the KID. The errors do not include the training of
the classifier, so only scores by the same weights are compared.

Shares of the classes in %; the error of each share is 0.3:

{fashion_mnist_shares}

## Stacked MNIST

26,000 samples of `experiments/stacked_mnist.py`, each channel read by the classifier of
digits. KL is in nats, against uniform modes; 26,000 uniform samples would have 0.019.
PacGAN2 published 1,000 modes and a KL of 0.06, R3GAN 1,000 and 0.029, by the same
protocol with other networks and classifiers.

{stacked_mnist}
"""
"""The prose of docs/scores.md; it stands here, since no file of results has prose."""


def scores_page(files: Mapping[str, Results]) -> str:
    """Write the tables of digits and clothes by three experiments, and of triples."""
    tables = {}
    for data in ("mnist", "fashion_mnist"):
        rows: list[Row] = []
        for name, file in (
            ("DCGAN", "dcgan"),
            ("WGAN-GP", "wgan_gp"),
            ("ADC-GAN", "mnist"),
        ):
            rows += rows_of(files[file], name, data)
        reals = [
            ("other reals", cells(each.values))
            for file in ("dcgan", "wgan_gp")  # one training of the classifier
            for entry, each in taken(files[file])
            if entry.config.get("data") == data and not each.step
        ]
        names = list(rows[0][1])
        rows += reals
        tables[data] = table(rows, [n for n in names if not n.startswith(SHARE)])
        shares = [n for n in names if n.startswith(SHARE)]
        tables[f"{data}_shares"] = table(rows, shares)
    return SCORES.format(**tables, stacked_mnist=stacked(files["stacked_mnist"]))


def rows_of(results: Results, name: str, data: str) -> list[Row]:
    """Return the rows of the runs of a data set, and of their mean."""
    runs = [
        (f"{name}, seed {entry.seed}", entry, each.values)
        for entry, each in taken(results)
        if entry.config.get("data") == data and each.step and not sampled(entry, each)
    ]
    seeds = [entry.seed for _, entry, _ in runs]
    if len({*seeds}) < len(seeds):
        raise ValueError(f"{name} on {data}: record one run and score for each seed.")
    rows: list[Row] = [(label, cells(values)) for label, _, values in runs]
    return [*rows, (f"{name}, mean", means(results, runs))]


def stacked(results: Results) -> str:
    """Write the table of the modes of triples."""
    lines = ["| seed 0 | steps | on one core | modes of 1,000 | KL |", "|---" * 5 + "|"]
    rows = sorted(taken(results), key=lambda pair: not pair[1].step)  # reals last
    for entry, each in rows:
        modes, kl = each.values["modes"], each.values["kl"]
        minutes = number(entry.seconds) / 60
        run = ["WGAN-GP", f"{entry.steps:,}", f"{minutes:.0f} minutes"]
        row = run if each.step else ["other reals", "", ""]
        row += [f"{number(modes.value):,.0f}", cells({"kl": kl})["kl"]]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(scores_page(read_all()), end="")
