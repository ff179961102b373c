"""Flowers of 17 kinds that are asked for, from 80 photos of each.

The experiment of `folder.py` on Oxford's 17 category flower data set, as 64×64 pixels,
conditional by BatchNorm and projection. The photos come in one folder from
https://www.robots.ox.ac.uk/~vgg/data/flowers/17, 80 of a kind in a row; this makes the
sub-folders:

    for n in $(seq 0 1359); do
      mkdir -p flowers/$((n / 80)); mv jpg/image_$(printf %04d $((n + 1))).jpg \\
        flowers/$((n / 80)); done

As for `faces.py`, the photos are too few for a discriminator without augmentation, and
authenticity tells whether samples are copies.

    jaxgan sample runs/flowers --label 3 7

then makes those of the fourth and eighth kind.

Paper: Nilsback & Zisserman 2006, "A visual vocabulary for flower classification" (the
    photos); Zhao et al. 2020, arXiv:2006.10738 (augmentation); Miyato & Koyama 2018,
    arXiv:1802.05637 (projection)

Command: jaxgan train flowers --path flowers

Cost: 18 minutes of one CPU core

Expect: after 1,000 steps the colors of each kind, after 10,000 sunflowers, daisies,
    dandelions, crocuses and pansies that can be named; kinds of many small flowers,
    such as bluebells, remain texture. Seed 0, the only one that has been run, on two
    machines whose bits differ: authenticity 0.98 and 0.98, so few copies or none; the
    sliced Wasserstein distance of pixels is 10.3 and 11.2 levels of 255.
"""

import dataclasses

import folder

from jaxgan import Experiment


@dataclasses.dataclass(frozen=True)
class Config(folder.Config):
    """A conditional DCGAN of a folder of photos of 17 kinds of flowers."""

    size: int = 64
    mirror: bool = True
    classes: int = 17
    steps: int = 10_000
    batch_size: int = 16
    width: int = 16
    learning_rate: float = 1e-3


def experiment(config: Config) -> Experiment:
    """The experiment of a folder, scored in pixels."""
    return dataclasses.replace(
        folder.experiment(config), evaluation=folder.in_pixels(config)
    )
