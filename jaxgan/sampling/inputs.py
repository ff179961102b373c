"""Inputs of `jaxgan sample`: labels, captions, images of one's own.

Outputs are made of held-out examples. What is asked for on the command line takes the
place of a leaf of these: an `Input` says which, and how a word is read into rows.

    inputs={"label": label(range(10))}                  --label 3 7
    inputs={"image": images()}                          --image photos/
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from jaxgan.data.readers.decode import read_image
from jaxgan.data.readers.image_files import Files
from jaxgan.data.sources import as_float
from jaxgan.errors import InputError
from jaxgan.types import Batch, Tree

At = Callable[[Batch], Tree]
"""The leaf of a batch that an input takes the place of."""


def first_condition(batch: Batch) -> Tree:
    """The leaf where a label usually is."""
    return batch.condition[0]


def the_real(batch: Batch) -> Tree:
    """The examples themselves, which an image-to-image game is given."""
    return batch.real


class Input(NamedTuple):
    """Something that can be asked for by words.

    read: `(word) -> rows (n, …)`, for the leaf's place.
    at:   the leaf.
    help: for `jaxgan sample --help`.
    any_size: rows need not have the height and width of the leaf's (b, h, w, c): the
        networks take any.
    counts: as many rows are made as are given, unless a count is asked for.
    """

    read: Callable[[str], NDArray]
    at: At = first_condition
    help: str = ""
    any_size: bool = False
    counts: bool = False


def label(classes: Sequence[object], at: At = first_condition) -> Input:
    """A class, by its number or its name.

    Args:
        classes: their names, in the order of the integers that stand for them.
        at: the leaf, integers (b,).

        >>> from jaxgan.sampling.inputs import label
        >>> label(["cat", "dog"]).read("dog").tolist()
        [1]
    """
    names = [str(name) for name in classes]

    def read(word: str) -> NDArray:
        if word in names:
            return np.array([names.index(word)])
        if word.isdecimal() and int(word) < len(names):
            return np.array([int(word)])
        raise InputError(f"there is no class {word!r}; there are {', '.join(names)}.")

    few = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return Input(read, at, f"Classes to make, by name or number: {few}.")


def caption(encode: Callable[[str], NDArray], at: At = first_condition) -> Input:
    """A text.

    Args:
        encode: from the text to a row, without b.
        at: the leaf.
    """
    return Input(lambda word: encode(word)[None], at, "Texts to make images of.")


def images(at: At = the_real, any_size: bool = False) -> Input:
    """Images of one's own: all of a folder, as they are, in [-1, 1].

    Args:
        at: the leaf, (b, h, w, c).
        any_size: whether the networks take images of any size.
    """

    def read(word: str) -> NDArray:
        path = Path(word)
        if path.is_file():
            raise InputError(f"{path} is a file; give the folder that it is in.")
        files = Files.of(path)
        rows = [read_image(files.root / name) for name in files.names]
        shapes = sorted({row.shape for row in rows})
        if len(shapes) > 1:
            raise InputError(
                f"{path} holds images of several sizes, {shapes[:3]}; make them alike."
            )
        return as_float(np.stack(rows))

    return Input(read, at, "A folder of images.", any_size, counts=True)


def check_inputs(inputs: Mapping[str, Input], examples: Batch) -> None:
    """Refuse inputs that take the place of nothing.

    Raises:
        InputError: if what an input's `at` returns is not a leaf of the examples.
    """
    for name, each in inputs.items():
        try:
            target = each.at(examples)
        except Exception:  # whatever a user's function may raise
            target = None
        if not any(target is leaf for leaf in jax.tree.leaves(examples)):
            raise InputError(
                f"inputs: the place of {name!r} is no leaf of the examples, so it "
                "would change nothing; let `at` return one, such as batch.condition[0]."
            )


def read_inputs(
    inputs: Mapping[str, Input], asked: Mapping[str, Sequence[str]]
) -> dict[str, NDArray]:
    """The rows that words ask for, by input.

    Raises:
        InputError: if there is no such input, or a word cannot be read.
    """
    given = {}
    for name, words in asked.items():
        if name not in inputs:
            known = ", ".join(f"--{n}" for n in sorted(inputs)) or "none"
            raise InputError(
                f"--{name}: there is no such input here; there is {known}."
            )
        try:
            rows = [inputs[name].read(word) for word in words]
            given[name] = np.concatenate(rows)
        except InputError as error:
            raise InputError(f"--{name}: {error}") from error
    return given


def put_inputs(
    inputs: Mapping[str, Input], given: Mapping[str, NDArray], batch: Batch
) -> Batch:
    """Examples with what is given in the place of theirs, again from the first row.

    Raises:
        InputError: if rows have another shape than those whose place they take.
    """
    for name, rows in given.items():
        old = np.asarray(inputs[name].at(batch))
        new = rows[np.arange(len(old)) % len(rows)].astype(old.dtype)
        _check_shape(name, inputs[name], new, old)
        target = inputs[name].at(batch)
        batch = jax.tree.map(
            lambda x, new=new, target=target: new if x is target else x, batch
        )
    return batch


def _check_shape(name: str, each: Input, new: NDArray, old: NDArray) -> None:
    made, wanted = new.shape[1:], old.shape[1:]
    if each.any_size and len(made) == 3:
        if made[-1] != wanted[-1]:
            raise InputError(
                f"--{name}: the images have {made[-1]} channels, but the networks take "
                f"{wanted[-1]}."
            )
    elif made != wanted:
        raise InputError(
            f"--{name}: what is given has shape {made}, but it takes the place of "
            f"{wanted}; give it in that shape."
        )
