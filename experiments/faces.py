"""Faces of 400 photos: what a GAN can do with a few hundred images.

The experiment of `folder.py` on the ORL faces, ten gray photos of each of 40 persons,
as 64×64 pixels. They come from https://cam-orl.co.uk/facedatabase.html ("please give
credit to Olivetti Research Laboratory"); any other folder of portraits will do.

With so few photos the discriminator could learn each by heart, and the generator repeat
them. So the discriminator sees reals and fakes shifted, with holes, brighter and
darker, and every second photo the other way round. Scores are of raw pixels, against
all photos and their mirror images. Authenticity is the share of samples that are
farther from the photo nearest to them than that is from the next photo: copies have 0.

Paper: Samaria & Harter 1994, "Parameterisation of a stochastic model for human face
    identification" (the photos); Zhao et al. 2020, arXiv:2006.10738 (augmentation)

Command: jaxgan train faces --path DIR

Cost: 16 minutes of one CPU core

Expect: after 1,000 steps faces with eyes in place, after 10,000 two in five sharp and
    whole, many with glasses, as the photos; of some the mouth or a half is missing.

    Seed 0, the only one that has been run: authenticity 0.991 ± 0.003, so few copies or
    none; the sliced Wasserstein distance of pixels is 7.7 ± 0.3 gray levels of 255. The
    width, the batch and the rate were chosen on seed 100.
"""

import dataclasses
from typing import Literal

import folder

from jaxgan import Experiment


@dataclasses.dataclass(frozen=True)
class Config(folder.Config):
    """A DCGAN of a folder of portraits."""

    size: int = 64
    channels: Literal[1, 3] = 1
    mirror: bool = True
    steps: int = 10_000
    batch_size: int = 16
    width: int = 16
    learning_rate: float = 1e-3


def experiment(config: Config) -> Experiment:
    """The experiment of a folder, scored in pixels."""
    return dataclasses.replace(
        folder.experiment(config), evaluation=folder.in_pixels(config)
    )
