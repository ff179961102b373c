r"""Standard adversarial losses: minimax, non-saturating, hinge, LSGAN, Wasserstein.

D(x) are logits, σ is the sigmoid and ζ(t) = log(1 + eᵗ) the softplus. Then
-log σ(t) = ζ(-t) and -log(1 - σ(t)) = ζ(t). The logistic losses are computed with ζ,
which neither overflows nor loses its gradient at any finite logit.
"""

import jax
import jax.numpy as jnp

from jaxgan.errors import check_finite
from jaxgan.losses.pointwise import Targets, pointwise
from jaxgan.types import Loss


def minimax(targets: Targets = Targets()) -> Loss:
    """Create the original zero-sum (saturating) GAN loss.

        V = E log σ(D(x)) + E log(1 - σ(D(G(z))))
        discriminator pays -V,  generator pays E log(1 - σ(D(G(z))))

    At the optimal discriminator V = 2·JSD - log 4, with JSD the Jensen-Shannon
    divergence. The generator's gradient vanishes where the discriminator is confident
    ("saturating"); `non_saturating` avoids this. mimicry's "minimax" and the "vanilla"
    loss of StudioGAN and pytorch-CycleGAN are `non_saturating` here.

    Args:
        targets: soft targets of the discriminator, see `Targets`.

    Raises:
        InputError: if a target is a concrete number outside 0 to 1.

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
        targets=targets,
    )


def non_saturating(targets: Targets = Targets()) -> Loss:
    """Create the non-saturating logistic GAN loss, the usual choice in practice.

        discriminator pays -E log σ(D(x)) - E log(1 - σ(D(G(z))))
        generator pays     -E log σ(D(G(z)))

    It has the same equilibrium as `minimax`, and its generator gradient stays large
    when the discriminator wins. mimicry's "ns" uses log(σ + 1e-8) instead, whose
    gradient vanishes below a logit of about -18.

    Args:
        targets: soft targets of the discriminator, see `Targets`.

    Raises:
        InputError: if a target is a concrete number outside 0 to 1.

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
        targets=targets,
    )


def hinge(targets: Targets = Targets()) -> Loss:
    """Create the hinge loss: a margin of one for the discriminator.

        discriminator pays E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))
        generator pays     -E D(G(z))

    Only the discriminator has a margin. The generator's loss is linear, as in SNGAN,
    SAGAN, BigGAN and every framework that has this loss. `relativistic(hinge())` uses
    the discriminator's loss for both players, as its paper does.

    Args:
        targets: soft targets of the discriminator, see `Targets`.

    Raises:
        InputError: if a target is a concrete number outside 0 to 1.

    Reference: Lim & Ye 2017, arXiv:1705.02894; Tran et al. 2017, arXiv:1702.08896.

        >>> from jaxgan import chain, hinge, r1
        >>> loss = chain(hinge(), r1(gamma=0.1))
    """
    return pointwise(
        "hinge",
        real=lambda t: jax.nn.relu(1 - t),
        fake=lambda t: jax.nn.relu(1 + t),
        generator=lambda t: -t,
        targets=targets,
    )


def least_squares(
    a: float | jax.Array = 0.0,
    *,
    b: float | jax.Array = 1.0,
    c: float | jax.Array = 1.0,
    targets: Targets = Targets(),
) -> Loss:
    """Create the least-squares GAN (LSGAN) loss.

        discriminator pays ½ E (D(x) - b)² + ½ E (D(G(z)) - a)²
        generator pays     ½ E (D(G(z)) - c)²

    If b - c = 1 and b - a = 2, the generator minimizes the Pearson divergence between
    p + q and 2q; a = -1, b = 1, c = 0 is such a choice. The factors ½ are the paper's,
    as in TF-GAN and StudioGAN. The generator's loss of pytorch-CycleGAN's lsgan is
    twice as large.

    Args:
        a: the discriminator's target for the logits of fakes.
        b: the discriminator's target for the logits of reals.
        c: the generator's target for the logits of fakes.
        targets: soft targets of the discriminator, see `Targets`.

    Raises:
        InputError: if a concrete a, b or c is not finite, or a concrete number in
            `targets` is outside 0 to 1.

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
        targets=targets,
    )


def wasserstein() -> Loss:
    """Create the Wasserstein (WGAN) loss.

        discriminator pays E D(G(z)) - E D(x),  generator pays -E D(G(z))

    It estimates the Wasserstein-1 distance only if the critic is Lipschitz: add
    `gradient_penalty`, clip the weights with `clip_weights`, or normalize them. No
    penalty is included, as in pytorch-CycleGAN's `--gan_mode wgangp`.

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
