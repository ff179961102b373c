"""Networks whose BatchNorm sees the rows of one device."""

from jaxtyping import Array

from jaxgan.batch_axis import no_batch_axis
from jaxgan.errors import check_instance
from jaxgan.types import Network, Tree, Variables


def normalized_per_device(network: Network) -> Network:
    """Let a network's BatchNorm normalize each device's own rows, not the whole batch.

    It needs no exchange between devices in a forward pass, and normalizes by fewer
    rows. The running statistics are averaged over the devices. It holds under the
    backends "shard_map" and "pmap" of `data_parallel`; under "jit" a batch is global,
    and it changes nothing.

    Args:
        network: with layers that take `axis_name=batch_axis()`, as those of DCGAN.

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
        with no_batch_axis():
            return network.apply(variables, *inputs, key=key, train=train)

    return network._replace(apply=apply)
