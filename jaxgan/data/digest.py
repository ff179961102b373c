"""Hashes of trees of arrays."""

import hashlib

import jax
import numpy as np

from jaxgan.types import Tree


def digest_of(tree: Tree) -> str:
    """Compute the SHA-256 of all arrays of a tree, including shapes and dtypes."""
    digest = hashlib.sha256()
    for leaf in map(np.asarray, jax.tree.leaves(tree)):
        digest.update(f"{leaf.dtype}{leaf.shape}".encode())
        # As bytes, since arrays of bfloat16 are no buffers.
        digest.update(np.ascontiguousarray(leaf).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
