"""Hashes of trees of arrays."""

import hashlib

import jax
import numpy as np

from jaxgan.types import Tree


def digest_of(tree: Tree) -> str:
    """Compute the SHA-256 of all arrays of a tree, including shapes and dtypes."""
    digest = hashlib.sha256()
    for leaf in map(np.ascontiguousarray, jax.tree.leaves(tree)):
        digest.update(f"{leaf.dtype}{leaf.shape}".encode())
        digest.update(leaf.reshape(-1).view(np.uint8).data)  # bfloat16 too
    return digest.hexdigest()
