r"""What the two players of a GAN pay for the discriminator's logits.

With logits D(x), sigmoid σ and softplus ζ(t) = log(1 + eᵗ), so that
-log σ(t) = ζ(-t) and -log(1 - σ(t)) = ζ(t): everything below is written in ζ, which
neither overflows nor loses its gradient at any finite logit.

Patch logits `(b, h, w)` are averaged over patches, then over the batch.
"""

import jax

from jaxgan.losses.averages import over_fakes, over_reals
from jaxgan.losses.combine import stateless
from jaxgan.types import Loss, Payments, Round


def minimax() -> Loss:
    """The zero-sum game of the first paper, whose value measures the JS divergence.

        V = E log σ(D(x)) + E log(1 - σ(D(G(z))))
        discriminator pays -V,  generator pays E log(1 - σ(D(G(z))))

    At the optimal discriminator V = 2·JSD - log 4. The generator's gradient vanishes
    where the discriminator is sure ("saturating"); see `non_saturating`. What mimicry
    calls minimax, and StudioGAN and pytorch-CycleGAN vanilla, is `non_saturating`.

    Reference: Goodfellow et al. 2014, arXiv:1406.2661, equation 1.

        >>> from jaxgan import minimax
        >>> list(minimax().parts)
        ['minimax']
    """

    def evaluate(record: Round, key: jax.Array) -> Payments:
        del key
        fake = over_fakes(record, jax.nn.softplus(record.fake_score.logits))
        return {"discriminator": _real_side(record) + fake, "generator": -fake}

    return stateless(evaluate, "minimax")


def non_saturating() -> Loss:
    """The logistic GAN as it is trained in practice.

        discriminator pays -E log σ(D(x)) - E log(1 - σ(D(G(z))))
        generator pays     -E log σ(D(G(z)))

    The same equilibrium as `minimax`, with a generator gradient that stays large while
    the discriminator is winning.

    Reference: Goodfellow et al. 2014, arXiv:1406.2661, section 3.

        >>> from jaxgan import non_saturating
        >>> list(non_saturating().parts)
        ['non_saturating']
    """

    def evaluate(record: Round, key: jax.Array) -> Payments:
        del key
        logits = record.fake_score.logits
        return {
            "discriminator": _real_side(record)
            + over_fakes(record, jax.nn.softplus(logits)),
            "generator": over_fakes(record, jax.nn.softplus(-logits)),
        }

    return stateless(evaluate, "non_saturating")


def wasserstein() -> Loss:
    """The critic's estimate of the Wasserstein-1 distance.

        discriminator pays E D(G(z)) - E D(x),  generator pays -E D(G(z))

    It means a distance only for a Lipschitz critic: add `gradient_penalty`, or clip
    the weights, or normalise them. No such penalty is implied by the name.

    Reference: Arjovsky et al. 2017, arXiv:1701.07875.

        >>> from jaxgan import chain, gradient_penalty, wasserstein
        >>> wgan_gp = chain(wasserstein(), gradient_penalty(10.0))
    """

    def evaluate(record: Round, key: jax.Array) -> Payments:
        del key
        fake = over_fakes(record, record.fake_score.logits)
        real = over_reals(record, record.real_score.logits)
        return {"discriminator": fake - real, "generator": -fake}

    return stateless(evaluate, "wasserstein")


def _real_side(record: Round) -> jax.Array:
    return over_reals(record, jax.nn.softplus(-record.real_score.logits))
