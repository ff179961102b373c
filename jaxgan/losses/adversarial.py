r"""What the two players of a GAN pay for the discriminator's logits.

With logits D(x), sigmoid σ and softplus ζ(t) = log(1 + eᵗ), so that
-log σ(t) = ζ(-t) and -log(1 - σ(t)) = ζ(t): the logistic losses are written in ζ, which
neither overflows nor loses its gradient at any finite logit.
"""

import jax
import jax.numpy as jnp

from jaxgan.errors import check_finite
from jaxgan.losses.pointwise import Labels, pointwise
from jaxgan.types import Loss


def minimax(labels: Labels = Labels()) -> Loss:
    """The zero-sum game of the first paper, whose value measures the JS divergence.

        V = E log σ(D(x)) + E log(1 - σ(D(G(z))))
        discriminator pays -V,  generator pays E log(1 - σ(D(G(z))))

    At the optimal discriminator V = 2·JSD - log 4. The generator's gradient vanishes
    where the discriminator is sure ("saturating"); see `non_saturating`. What mimicry
    calls minimax, and StudioGAN and pytorch-CycleGAN vanilla, is `non_saturating`.

    Args:
        labels: see `Labels`.

    Raises:
        InputError: if a label is a concrete number outside 0 to 1.

    Reference: Goodfellow et al. 2014, arXiv:1406.2661, equation 1.

        >>> from jaxgan import minimax
        >>> list(minimax().terms)
        ['minimax']
    """
    return pointwise(
        "minimax",
        real=lambda t: jax.nn.softplus(-t),
        fake=jax.nn.softplus,
        generator=lambda t: -jax.nn.softplus(t),
        labels=labels,
    )


def non_saturating(labels: Labels = Labels()) -> Loss:
    """The logistic GAN as it is trained in practice.

        discriminator pays -E log σ(D(x)) - E log(1 - σ(D(G(z))))
        generator pays     -E log σ(D(G(z)))

    The same equilibrium as `minimax`, with a generator gradient that stays large while
    the discriminator is winning. mimicry's "ns" takes log(σ + 1e-8) instead, whose
    gradient is lost below a logit of about -18.

    Args:
        labels: see `Labels`.

    Raises:
        InputError: if a label is a concrete number outside 0 to 1.

    Reference: Goodfellow et al. 2014, arXiv:1406.2661, section 3.

        >>> from jaxgan import non_saturating
        >>> list(non_saturating().terms)
        ['non_saturating']
    """
    return pointwise(
        "non_saturating",
        real=lambda t: jax.nn.softplus(-t),
        fake=jax.nn.softplus,
        generator=lambda t: jax.nn.softplus(-t),
        labels=labels,
    )


def hinge(labels: Labels = Labels()) -> Loss:
    """A discriminator that asks for a margin of one and no more.

        discriminator pays E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))
        generator pays     -E D(G(z))

    The margin is the discriminator's alone: the generator's payment is linear, as in
    SNGAN, SAGAN, BigGAN and every framework that has the loss. `relativistic` takes the
    discriminator's side for both players, as its paper does.

    Args:
        labels: see `Labels`.

    Raises:
        InputError: if a label is a concrete number outside 0 to 1.

    Reference: Lim & Ye 2017, arXiv:1705.02894; Tran et al. 2017, arXiv:1702.08896.

        >>> from jaxgan import chain, hinge, r1
        >>> loss = chain(hinge(), r1(gamma=0.1))
    """
    return pointwise(
        "hinge",
        real=lambda t: jax.nn.relu(1 - t),
        fake=lambda t: jax.nn.relu(1 + t),
        generator=lambda t: -t,
        labels=labels,
    )


def least_squares(
    a: float | jax.Array = 0.0,
    b: float | jax.Array = 1.0,
    c: float | jax.Array = 1.0,
    labels: Labels = Labels(),
) -> Loss:
    """Regression of the logits on one target for reals and one for fakes.

        discriminator pays ½ E (D(x) - b)² + ½ E (D(G(z)) - a)²
        generator pays     ½ E (D(G(z)) - c)²

    With b - c = 1 and b - a = 2 the generator descends a Pearson divergence, that
    between p + q and 2q; a = -1, b = 1, c = 0 is such a choice. The halves are the
    paper's, as in TF-GAN and StudioGAN; pytorch-CycleGAN's lsgan is twice as much for
    the generator.

    Args:
        a: the target of fakes.
        b: the target of reals.
        c: what the generator wants its fakes' logits to be.
        labels: see `Labels`.

    Raises:
        InputError: if a concrete target is not finite, or a label outside 0 to 1.

    Reference: Mao et al. 2016, arXiv:1611.04076, equations 2 and 9.

        >>> from jaxgan import least_squares
        >>> pearson = least_squares(a=-1.0, b=1.0, c=0.0)
    """
    for name, target in (("a", a), ("b", b), ("c", c)):
        check_finite(f"least_squares: {name}", target)
    return pointwise(
        "least_squares",
        real=lambda t: 0.5 * jnp.square(t - b),
        fake=lambda t: 0.5 * jnp.square(t - a),
        generator=lambda t: 0.5 * jnp.square(t - c),
        labels=labels,
    )


def wasserstein() -> Loss:
    """The critic's estimate of the Wasserstein-1 distance.

        discriminator pays E D(G(z)) - E D(x),  generator pays -E D(G(z))

    It means a distance only for a Lipschitz critic: add `gradient_penalty`, or clip
    the weights, or normalize them. No such penalty is implied by the name, as none is
    by pytorch-CycleGAN's `--gan_mode wgangp`.

    Reference: Arjovsky et al. 2017, arXiv:1701.07875, equations 2 and 3.

        >>> from jaxgan import chain, gradient_penalty, wasserstein
        >>> wgan_gp = chain(wasserstein(), gradient_penalty(10.0))
    """
    return pointwise(
        "wasserstein",
        real=lambda t: -t,
        fake=lambda t: t,
        generator=lambda t: -t,
    )
