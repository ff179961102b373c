"""Networks: adapters for Flax modules, and one file for each architecture."""

from jaxgan.networks.classifier import classifier
from jaxgan.networks.conditional_batch_norm import ConditionalBatchNorm
from jaxgan.networks.dcgan import dcgan_discriminator, dcgan_generator
from jaxgan.networks.infogan import (
    infogan_discriminator,
    infogan_encoder,
    infogan_generator,
)
from jaxgan.networks.linen import from_linen
from jaxgan.networks.mlp import mlp
from jaxgan.networks.nnx import from_nnx
from jaxgan.networks.ops.minibatch_stddev import minibatch_stddev
from jaxgan.networks.r3gan import r3gan_discriminator, r3gan_generator
from jaxgan.networks.wrappers.autoencoding import autoencoding
from jaxgan.networks.wrappers.concatenated import concatenated
from jaxgan.networks.wrappers.fourier import fourier
from jaxgan.networks.wrappers.framed import framed, unframed
from jaxgan.networks.wrappers.headed import headed
from jaxgan.networks.wrappers.labeled import labeled
from jaxgan.networks.wrappers.normalized_per_device import normalized_per_device
from jaxgan.networks.wrappers.projection import projection
from jaxgan.networks.wrappers.spectral_norm import spectral_norm
from jaxgan.networks.wrappers.unconditional import unconditional

__all__ = [
    "ConditionalBatchNorm",
    "autoencoding",
    "classifier",
    "concatenated",
    "dcgan_discriminator",
    "dcgan_generator",
    "fourier",
    "framed",
    "from_linen",
    "from_nnx",
    "headed",
    "infogan_discriminator",
    "infogan_encoder",
    "infogan_generator",
    "labeled",
    "minibatch_stddev",
    "mlp",
    "normalized_per_device",
    "projection",
    "r3gan_discriminator",
    "r3gan_generator",
    "spectral_norm",
    "unconditional",
    "unframed",
]
