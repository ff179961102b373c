"""Inputs of `jaxgan sample`: labels, captions and images given by the user.

Outputs are made from held-out examples. A value given on the command line replaces a
leaf of these examples. An `Input` defines which leaf, and how to parse a word to rows.

    inputs={"label": label(range(10))}                  --label 3 7
    inputs={"image": images()}                          --image photos/
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jax
import numpy as np
from numpy.typing import NDArray

from jaxgan.data.readers.decode import read_image
from jaxgan.data.readers.files import Files
from jaxgan.data.readers.image_files import look_for_dark
from jaxgan.data.sources import as_float
from jaxgan.errors import InputError, check_flag, check_function, check_text
from jaxgan.types import Batch, Tree

At = Callable[[Batch], Tree]
"""A function that returns the leaf of a batch that an input replaces."""


def first_condition(batch: Batch) -> Tree:
    """Return the first condition, usually a label."""
    return batch.condition[0]


def the_real(batch: Batch) -> Tree:
    """Return the examples themselves, the input of an image-to-image game."""
    return batch.real


@dataclasses.dataclass(frozen=True)
class Input:
    """A command-line input that replaces a leaf of the examples.

    read:     `(word) -> rows (n, …)`, a function that parses a word.
    at:       function that returns the leaf to replace.
    help:     help text for `jaxgan sample --help`.
    any_size: True if rows may differ from the leaf (b, h, w, c) in height and width,
              because the networks accept any size.
    counts:   True if by default as many outputs are generated as rows are given.
    """

    read: Callable[[str], NDArray]
    at: At = first_condition
    help: str = ""
    any_size: bool = False
    counts: bool = False

    def __post_init__(self) -> None:
        check_function("read", self.read, "lambda word: np.array([int(word)])")
        check_function("at", self.at, "lambda batch: batch.condition[0]")
        check_text("help", self.help)
        check_flag("any_size", self.any_size)
        check_flag("counts", self.counts)


def label(classes: Sequence[object], at: At = first_condition) -> Input:
    """Make an input for a class, given by its number or its name.

    Args:
        classes: names of the classes, in the order of their numbers.
        at: function that returns the leaf, integers (b,).

        >>> from jaxgan.sampling import label
        >>> label(["cat", "dog"]).read("dog").tolist()
        [1]
    """
    if isinstance(classes, str) or not isinstance(classes, Sequence) or not classes:
        raise InputError(f"classes must be a list of names, got {classes!r}.")
    names = [str(name) for name in classes]
    if len({*names}) < len(names):
        raise InputError(f"classes must be named differently, got {names}.")

    def read(word: str) -> NDArray:
        if word in names:
            return np.array([names.index(word)])
        if word.isdecimal() and int(word) < len(names):
            return np.array([int(word)])
        raise InputError(f"there is no class {word!r}; there are {', '.join(names)}.")

    first_names = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return Input(read, at, f"Classes to make, by name or number: {first_names}.")


def caption(encode: Callable[[str], NDArray], at: At = first_condition) -> Input:
    """Make an input for a text.

    Args:
        encode: function from a text to one row, without a batch axis.
        at: function that returns the leaf.
    """
    check_function("encode", encode, "lambda text: vector")
    return Input(lambda word: encode(word)[None], at, "Texts to make images of.")


def images(at: At = the_real, any_size: bool = False) -> Input:
    """Make an input for all images of a folder, scaled to [-1, 1] but not resized.

    Args:
        at: function that returns the leaf, (b, h, w, c).
        any_size: True if the networks accept images of any size.
    """

    def read(word: str) -> NDArray:
        path = Path(word)
        if path.is_file():
            raise InputError(f"{path} is a file; give the folder that it is in.")
        files = Files.of(path)
        look_for_dark(files)
        rows = [read_image(files.root / name) for name in files.names]
        shapes = sorted({row.shape for row in rows})
        if len(shapes) > 1:
            raise InputError(
                f"{path} holds images of several sizes, {shapes[:3]}; make all images "
                "the same size."
            )
        return as_float(np.stack(rows))

    return Input(read, at, "A folder of images.", any_size, counts=True)


def check_inputs(inputs: Mapping[str, Input], examples: Batch) -> None:
    """Check that every input replaces a leaf of the examples.

    Raises:
        InputError: if the `at` of an input does not return a leaf of the examples.
    """
    for name, each in inputs.items():
        try:
            target = each.at(examples)
        except Exception:  # whatever a user's function may raise
            target = None
        if not any(target is leaf for leaf in jax.tree.leaves(examples)):
            raise InputError(
                f"inputs: `at` of {name!r} does not return a leaf of the examples, so "
                "it would change nothing; return one, such as batch.condition[0]."
            )


def read_inputs(
    inputs: Mapping[str, Input], asked: Mapping[str, Sequence[str]]
) -> dict[str, NDArray]:
    """Parse the words given for each input to rows.

    Raises:
        InputError: if there is no such input, or a word cannot be parsed.
    """
    given = {}
    for name, words in asked.items():
        if name not in inputs:
            known = ", ".join(f"--{n}" for n in sorted(inputs)) or "none"
            raise InputError(
                f"--{name}: there is no such input here; the inputs are {known}."
            )
        if isinstance(words, str) or not isinstance(words, Sequence) or not words:
            raise InputError(
                f"--{name}: inputs are lists of one word or more, got {words!r}."
            )
        for word in words:
            check_text(f"--{name}: inputs: each word", word)
        try:
            rows = [inputs[name].read(word) for word in words]
            given[name] = np.concatenate(rows)
        except InputError as error:
            raise InputError(f"--{name}: {error}") from error
        except Exception as error:  # whatever the experiment's function may raise
            raise InputError(
                f"--{name}: inputs {words!r} cannot be read: {error}"
            ) from error
    return given


def put_inputs(
    inputs: Mapping[str, Input], given: Mapping[str, NDArray], batch: Batch
) -> Batch:
    """Replace leaves of the examples by the given rows, repeated as needed.

    Raises:
        InputError: if rows differ in shape from the rows they replace.
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
    given, expected = new.shape[1:], old.shape[1:]
    if each.any_size and len(given) == 3:
        if given[-1] != expected[-1]:
            raise InputError(
                f"--{name}: the images have {given[-1]} channels, but the networks "
                f"take {expected[-1]}."
            )
    elif given != expected:
        raise InputError(
            f"--{name}: the rows have shape {given}, but they must have shape "
            f"{expected}."
        )
