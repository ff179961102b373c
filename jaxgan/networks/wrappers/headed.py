"""Multi-head discriminators: further heads on the features of one trunk."""

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxgan.errors import InputError, check_instance
from jaxgan.networks.wrappers.features import features_shape, last_features
from jaxgan.types import Network, Score, Tree, Variables

READER = "headed: the heads read"


def headed(discriminator: Network, **heads: Network) -> Network:
    """Add heads to a discriminator; their outputs are in `Score.extra`.

        extra[name] = head(f),  f the last of the discriminator's features

    Trunk and heads are one network with one owner. Heads predict the code in InfoGAN,
    for instance, or the classes in AC-GAN.

    Args:
        discriminator: returns a `Score` with features.
        heads: by name, `apply(variables, features)`.

    Raises:
        InputError: if there are no heads, or, when the game is built, if the
            discriminator returns no features.

    Reference: Chen et al. 2016 (InfoGAN), arXiv:1606.03657; Odena et al. 2016 (AC-GAN),
    arXiv:1610.09585.

        >>> import jax, jax.numpy as jnp
        >>> from jaxgan import mlp
        >>> from jaxgan.networks import dcgan_discriminator, headed
        >>> network = headed(dcgan_discriminator((8, 8, 1), 8), digit=mlp((10,)))
        >>> images = jnp.zeros((4, 8, 8, 1))
        >>> variables = network.init(jax.random.key(0), images)
        >>> score, _ = network.apply(variables, images)
        >>> score.extra["digit"].shape
        (4, 10)
    """
    if not heads:
        raise InputError("headed: give at least one head, by name.")
    check_instance("headed: discriminator", discriminator, Network, "mlp(())")
    for name, head in heads.items():
        check_instance(f"headed: {name}", head, Network, "mlp((10,))")
    parts = {"discriminator": discriminator, **heads}

    def init(key: Array, *inputs: Tree) -> Variables:
        keys = _split_key(parts, key)
        trunk = discriminator.init(keys["discriminator"], *inputs)
        shape = features_shape(READER, discriminator, trunk, inputs)
        features = jnp.zeros(shape.shape, shape.dtype)
        variables = {
            name: head.init(keys[name], features) for name, head in heads.items()
        }
        return _merge({"discriminator": trunk, **variables})

    def apply(
        variables: Variables,
        *inputs: Tree,
        key: Array | None = None,
        train: bool = True,
    ) -> tuple[Score, Tree]:
        own = _unmerge(variables)
        keys = {} if key is None else _split_key(parts, key)

        def run(name: str, *inputs: Tree) -> tuple[Tree, Tree]:
            key = keys.get(name)
            return parts[name].apply(own[name], *inputs, key=key, train=train)

        score, after = run("discriminator", *inputs)
        stats, extra = {"discriminator": after}, {}
        for name in heads:
            extra[name], stats[name] = run(name, last_features(READER, score))
        return score._replace(extra=extra), stats

    def prepare(variables: Variables) -> Variables:
        own = _unmerge(variables)
        return _merge({name: parts[name].prepare(each) for name, each in own.items()})

    return Network(init, apply, prepare)


def _split_key(parts: dict[str, Network], key: Array) -> dict[str, Array]:
    return dict(zip(parts, jax.random.split(key, len(parts)), strict=True))


def _unmerge(variables: Variables) -> dict[str, Variables]:
    """Split the variables of all parts by name."""
    return {
        name: Variables(params, variables.stats[name])
        for name, params in variables.params.items()
    }


def _merge(each: dict[str, Variables]) -> Variables:
    """Merge the variables of several parts."""
    return Variables(
        {name: variables.params for name, variables in each.items()},
        {name: variables.stats for name, variables in each.items()},
    )
