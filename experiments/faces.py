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

Cost: TODO

Expect: TODO
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
    batch_size: int = 32
    width: int = 32


def experiment(config: Config) -> Experiment:
    """The experiment of a folder, scored in pixels."""
    return dataclasses.replace(
        folder.experiment(config), evaluation=folder.in_pixels(config)
    )
