"""Networks whose BatchNorm sees the rows of one device."""

from jaxtyping import Array

from jaxgan.batch_axis import is_whole_batch, no_batch_axis
from jaxgan.errors import InputError, check_instance
from jaxgan.types import Network, Tree, Variables


def normalized_per_device(network: Network) -> Network:
    """Let a network's BatchNorm normalize each device's own rows, not the whole batch.

    It needs no exchange between devices in a forward pass, and normalizes by fewer
    rows. The running statistics are averaged over the devices. It needs the backend
    "shard_map" or "pmap" of `data_parallel`. On one device it changes nothing.

    Args:
        network: with layers that take `axis_name=batch_axis()`, as those of DCGAN.

    Raises:
        InputError: if `network` is none or, at a step on several devices, under the
            backend "jit", which is that of `train`: there a layer sees the whole batch.

        >>> from jaxgan.networks import dcgan_generator, normalized_per_device
        >>> generator = normalized_per_device(dcgan_generator((32, 32, 3)))
    """
    check_instance("normalized_per_device: network", network, Network, "mlp(())")

    def apply(
        variables: Variables,
        *inputs: Tree,
        key: Array | None = None,
        train: bool = True,
    ) -> tuple[Tree, Tree]:
        if train and is_whole_batch():
            raise InputError(
                "normalized_per_device: the backend 'jit' of data_parallel, which is "
                "that of train, normalizes the whole batch on several devices; use "
                "backend='shard_map' or 'pmap', one device, or the network as it was."
            )
        with no_batch_axis():
            return network.apply(variables, *inputs, key=key, train=train)

    return network._replace(apply=apply)
