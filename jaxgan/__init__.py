"""jaxgan: generative adversarial networks as pure functions in JAX."""

from jaxgan.algorithms.data_parallel import data_parallel as data_parallel
from jaxgan.algorithms.data_parallel import on_devices as on_devices
from jaxgan.algorithms.ema import ema as ema
from jaxgan.algorithms.lookahead import lookahead as lookahead
from jaxgan.algorithms.population import diverged_members as diverged_members
from jaxgan.algorithms.population import hyper_grid as hyper_grid
from jaxgan.algorithms.population import population as population
from jaxgan.algorithms.population import select_member as select_member
from jaxgan.data.sources import prefetch as prefetch
from jaxgan.data.sources import random_transform as random_transform
from jaxgan.data.sources import shuffled as shuffled
from jaxgan.data.sources import zip_sources as zip_sources
from jaxgan.dynamics.alternating import alternating as alternating
from jaxgan.dynamics.consensus import consensus as consensus
from jaxgan.dynamics.extragradient import extragradient as extragradient
from jaxgan.dynamics.extragradient import past_extragradient as past_extragradient
from jaxgan.dynamics.microbatches import microbatched as microbatched
from jaxgan.dynamics.optimistic import optimistic as optimistic
from jaxgan.dynamics.proximal_point import proximal_point as proximal_point
from jaxgan.dynamics.simultaneous import simultaneous as simultaneous
from jaxgan.dynamics.symplectic_adjustment import (
    symplectic_adjustment as symplectic_adjustment,
)
from jaxgan.dynamics.unrolled import unrolled as unrolled
from jaxgan.errors import InputError as InputError
from jaxgan.games import priors as priors
from jaxgan.games.gan import gan as gan
from jaxgan.games.rounds import score_round as score_round
from jaxgan.losses import divergences as divergences
from jaxgan.losses.adversarial import hinge as hinge
from jaxgan.losses.adversarial import least_squares as least_squares
from jaxgan.losses.adversarial import minimax as minimax
from jaxgan.losses.adversarial import non_saturating as non_saturating
from jaxgan.losses.adversarial import wasserstein as wasserstein
from jaxgan.losses.balance import gradient_balanced as gradient_balanced
from jaxgan.losses.combine import chain as chain
from jaxgan.losses.combine import every as every
from jaxgan.losses.combine import focus as focus
from jaxgan.losses.combine import rename as rename
from jaxgan.losses.combine import stateless as stateless
from jaxgan.losses.combine import weighted as weighted
from jaxgan.losses.consistency import balanced_consistency as balanced_consistency
from jaxgan.losses.consistency import consistency as consistency
from jaxgan.losses.consistency import latent_consistency as latent_consistency
from jaxgan.losses.divergences import Divergence as Divergence
from jaxgan.losses.divergences import f_divergence as f_divergence
from jaxgan.losses.energy import boundary_equilibrium as boundary_equilibrium
from jaxgan.losses.energy import energy_based as energy_based
from jaxgan.losses.generator_terms import feature_matching as feature_matching
from jaxgan.losses.generator_terms import mode_seeking as mode_seeking
from jaxgan.losses.generator_terms import path_length as path_length
from jaxgan.losses.generator_terms import pulling_away as pulling_away
from jaxgan.losses.gradient_penalties import dragan as dragan
from jaxgan.losses.gradient_penalties import gradient_penalty as gradient_penalty
from jaxgan.losses.gradient_penalties import interpolates as interpolates
from jaxgan.losses.gradient_penalties import (
    max_gradient_penalty as max_gradient_penalty,
)
from jaxgan.losses.gradient_penalties import perturbed_reals as perturbed_reals
from jaxgan.losses.gradient_penalties import r1 as r1
from jaxgan.losses.gradient_penalties import r2 as r2
from jaxgan.losses.gradient_penalties import (
    zero_centered_penalty as zero_centered_penalty,
)
from jaxgan.losses.kernels import cramer as cramer
from jaxgan.losses.kernels import gaussian as gaussian
from jaxgan.losses.kernels import mmd as mmd
from jaxgan.losses.kernels import rational_quadratic as rational_quadratic
from jaxgan.losses.lenses import multi_scale as multi_scale
from jaxgan.losses.lenses import top_k as top_k
from jaxgan.losses.pointwise import Targets as Targets
from jaxgan.losses.pointwise import pointwise as pointwise
from jaxgan.losses.pointwise import uniform_targets as uniform_targets
from jaxgan.losses.relativistic import relativistic as relativistic
from jaxgan.losses.relativistic import relativistic_average as relativistic_average
from jaxgan.losses.score_penalties import drift_penalty as drift_penalty
from jaxgan.losses.score_penalties import lecam as lecam
from jaxgan.losses.sinkhorn import sinkhorn as sinkhorn
from jaxgan.losses.weight_penalties import historical_averaging as historical_averaging
from jaxgan.losses.weight_penalties import orthogonal_penalty as orthogonal_penalty
from jaxgan.losses.weight_penalties import weight_decay_penalty as weight_decay_penalty
from jaxgan.networks.dcgan import dcgan_discriminator as dcgan_discriminator
from jaxgan.networks.dcgan import dcgan_generator as dcgan_generator
from jaxgan.networks.linen import from_linen as from_linen
from jaxgan.networks.mlp import mlp as mlp
from jaxgan.networks.nnx import from_nnx as from_nnx
from jaxgan.networks.wrappers.autoencoding import autoencoding as autoencoding
from jaxgan.networks.wrappers.fourier import fourier as fourier
from jaxgan.networks.wrappers.headed import headed as headed
from jaxgan.networks.wrappers.labeled import labeled as labeled
from jaxgan.optimizers import clip_weights as clip_weights
from jaxgan.optimizers import project_orthogonal as project_orthogonal
from jaxgan.types import Algorithm as Algorithm
from jaxgan.types import Batch as Batch
from jaxgan.types import Game as Game
from jaxgan.types import Info as Info
from jaxgan.types import Loss as Loss
from jaxgan.types import Network as Network
from jaxgan.types import Record as Record
from jaxgan.types import Round as Round
from jaxgan.types import Score as Score
from jaxgan.types import State as State
from jaxgan.types import Term as Term
from jaxgan.types import Variables as Variables
from jaxgan.types import View as View
