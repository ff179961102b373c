"""Exceptions, and checks of arguments that raise them before anything compiles."""

import contextlib
import math
import os
from collections.abc import Collection, Iterator, Mapping
from numbers import Integral
from numbers import Real as RealNumber
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Shaped


class InputError(ValueError):
    """Error for an invalid argument; the message names it and says how to fix it."""


class RunError(RuntimeError):
    """Error that stopped a run; the message says where, why and what is intact."""


class Interrupted(RunError):
    """Error for a run that a signal stopped, after it was saved."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number


@contextlib.contextmanager
def naming(path: Path | str, made_in: Path | None = None) -> Iterator[None]:
    """Let an OSError that names no file, as on a full disk, name this one.

    Args:
        path: that the error names then.
        made_in: a temporary folder, whose files it does not name either.
    """
    try:
        yield
    except OSError as error:
        named = error.filename2 or error.filename
        if not named or (made_in and Path(str(named)).is_relative_to(made_in)):
            error.filename, error.filename2 = str(path), None
        raise


def is_concrete(value: Any) -> bool:
    """Return False for a tracer of `jit` or `vmap`, which has no value to check."""
    return not isinstance(value, jax.core.Tracer)


def is_array(value: Any) -> bool:
    """Return True for an array of NumPy or JAX, traced perhaps, or the shape of one."""
    return isinstance(value, np.ndarray | np.generic | jax.Array | jax.ShapeDtypeStruct)


def is_known(value: Any) -> bool:
    """Return True for values that can be looked at here.

    Those of tracers, of shapes, and of arrays on other processes' devices cannot.
    """
    if not is_concrete(value) or isinstance(value, jax.ShapeDtypeStruct):
        return False
    return bool(getattr(value, "is_fully_addressable", True))


def check_number(name: str, value: Any) -> None:
    """Check that a value is a number; it may be infinite or NaN.

    Raises:
        InputError: if `value` is concrete and no number.
    """
    if is_concrete(value) and not _is_number(value):
        raise InputError(f"{name} must be a number, got {value!r}.")


def check_finite(name: str, value: Any) -> None:
    """Check that a hyperparameter is a finite number.

    Raises:
        InputError: if `value` is concrete and not finite.
    """
    if is_concrete(value) and not (_is_number(value) and math.isfinite(value)):
        raise InputError(f"{name} must be a finite number, got {value!r}.")


def check_non_negative(name: str, value: Any) -> None:
    """Check that a hyperparameter is a finite number of at least 0.

    Raises:
        InputError: if `value` is concrete and negative or not finite.
    """
    check_finite(name, value)
    if is_concrete(value) and value < 0:
        raise InputError(f"{name} must be at least 0, got {value!r}.")


def check_positive(name: str, value: Any) -> None:
    """Check that a hyperparameter is a finite number above 0.

    Raises:
        InputError: if `value` is concrete and not positive or not finite.
    """
    check_finite(name, value)
    if is_concrete(value) and value <= 0:
        raise InputError(f"{name} must be above 0, got {value!r}.")


def check_fraction(name: str, value: Any) -> None:
    """Check that a hyperparameter is a number from 0 to 1, both included.

    Raises:
        InputError: if `value` is concrete and below 0, above 1 or not a number.
    """
    check_finite(name, value)
    if is_concrete(value) and not 0 <= value <= 1:
        raise InputError(f"{name} must be from 0 to 1, got {value!r}.")


def check_decay(name: str, value: Any) -> None:
    """Check that the decay of a moving average is in [0, 1).

    Raises:
        InputError: if `value` is concrete and negative, 1 or more, or not a number.
    """
    if is_concrete(value) and not (_is_number(value) and 0 <= value < 1):
        raise InputError(f"{name} must be in [0, 1), got {value!r}.")


def check_positive_int(name: str, value: Any, most: int = 2**31 - 1) -> None:
    """Check that a count is an integer of at least 1, and not absurdly large.

    Raises:
        InputError: if `value` is not an int, is below 1 or above `most`.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise InputError(f"{name} must be an integer of at least 1, got {value!r}.")
    if int(value) > most:
        raise InputError(f"{name} must be at most {most:,}, got {value!r}.")


def check_count_or_0(name: str, value: Any, most: int = 2**31 - 1) -> None:
    """Check that a count is an integer of at least 0, and not absurdly large.

    Raises:
        InputError: if `value` is not an int, is below 0 or above `most`.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < 0:
        raise InputError(f"{name} must be an integer of at least 0, got {value!r}.")
    if int(value) > 0:
        check_positive_int(name, value, most)


def check_platform() -> None:
    """Check that JAX has a device of the platform that JAX_PLATFORMS asks for.

    Raises:
        InputError: if it has none.
    """
    try:
        jax.devices()
    except (AssertionError, RuntimeError) as error:  # the first where CUDA is missing
        asked = os.environ.get("JAX_PLATFORMS", "")
        raise InputError(
            f"JAX_PLATFORMS is {asked!r}, but JAX finds no such device here; unset it, "
            "or set it to 'cpu'."
        ) from error


def check_function(name: str, value: Any, example: str) -> None:
    """Check that a value is callable.

    Raises:
        InputError: if `value` is not callable.
    """
    if not callable(value):
        raise InputError(
            f"{name} must be a function, such as {example}, got {value!r}."
        )


def check_flag(name: str, value: Any) -> None:
    """Check that a value is True or False.

    Raises:
        InputError: if `value` is no bool.
    """
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name} must be True or False, got {value!r}.")


def check_name(name: str, value: Any) -> None:
    """Check that a value is the name of something.

    Raises:
        InputError: if `value` is no string or is empty.
    """
    if not isinstance(value, str) or not value:
        raise InputError(f"{name} must be a name, a string, got {value!r}.")


def check_instance(name: str, value: Any, kind: type, example: str) -> None:
    """Check that a value is of a type.

    Raises:
        InputError: if `value` is of another type.
    """
    if not isinstance(value, kind):
        raise InputError(
            f"{name} must be a {kind.__name__}, such as {example}, got {value!r}."
        )


def check_mapping(name: str, value: Any, example: str) -> None:
    """Check that a value is a mapping, such as a dict.

    Raises:
        InputError: if `value` is no mapping.
    """
    if not isinstance(value, Mapping):
        raise InputError(f"{name} must be a mapping, such as {example}, got {value!r}.")


def check_entries(name: str, value: Any, kind: type) -> None:
    """Check that a value is a mapping of names to instances of a type.

    Raises:
        InputError: if it is not.
    """
    check_mapping(name, value, f'{{"name": {kind.__name__}(…)}}')
    for key, each in value.items():
        check_name(f"{name}: each name", key)
        check_instance(f"{name}[{key!r}]", each, kind, f"{kind.__name__}(…)")


def check_positive_ints(name: str, values: Any) -> None:
    """Check that a value is a sequence of integers of at least 1; it may be empty.

    Raises:
        InputError: if `values` is no tuple or list, or holds anything else.
    """
    if not isinstance(values, tuple | list):
        raise InputError(f"{name} must be a tuple of integers, got {values!r}.")
    for value in values:
        check_positive_int(f"{name}: each number", value)


def check_names(name: str, value: Any) -> None:
    """Check that a value is a tuple of names, not a single name.

    Raises:
        InputError: if `value` is no tuple or list, or holds what is no name.
    """
    if isinstance(value, str):
        raise InputError(f"{name} must be a tuple of names, ({value!r},).")
    if not isinstance(value, tuple | list):
        raise InputError(f"{name} must be a tuple of names, got {value!r}.")
    for each in value:
        check_name(f"{name}: each", each)


def check_weights(name: str, values: Any) -> None:
    """Check that example weights are finite numbers of at least 0, in float32 too.

    Raises:
        InputError: if `values` are concrete and one of them is not.
    """
    if not is_known(values):
        return
    flat = np.ravel(values)
    real = flat.dtype.kind in "fiub" or jax.numpy.issubdtype(flat.dtype, np.floating)
    wrong = flat
    if real:
        with np.errstate(over="ignore"):  # what is too large becomes infinity
            finite = np.isfinite(flat.astype(np.float32))
        wrong = flat[~(finite & (flat >= 0))]
    if wrong.size:
        raise InputError(
            f"{name} must hold finite numbers of at least 0, got {wrong[0]}."
        )


def check_labels(name: str, values: Any, classes: int) -> None:
    """Check that labels are integers (b,), and that those known are of a class.

    Raises:
        InputError: if they are not; of traced labels only type and shape are known.
    """
    shape, dtype = np.shape(values), getattr(values, "dtype", np.asarray(None).dtype)
    if len(shape) != 1 or not jax.numpy.issubdtype(dtype, np.integer):
        raise InputError(f"{name} must be integers (b,), got {dtype} of shape {shape}.")
    if not is_known(values):
        return
    flat = np.asarray(values)
    wrong = flat[(flat < 0) | (flat >= classes)]
    if wrong.size:
        raise InputError(
            f"{name} must be from 0 to {classes - 1}, for {classes} classes, got "
            f"{wrong[0]}."
        )


def check_seed(name: str, value: Any) -> None:
    """Check that a seed is valid for NumPy and JAX.

    Raises:
        InputError: if `value` is not an integer from 0 to 2³² - 1.
    """
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or not 0 <= int(value) < 2**32:
        raise InputError(f"{name} must be an integer from 0 to 2³² - 1, got {value!r}.")


def check_key(name: str, value: Any) -> None:
    """Check that a value is a single random key of JAX.

    Raises:
        InputError: if `value` is none.
    """
    dtype = getattr(value, "dtype", None)
    if (
        dtype is None
        or value.shape != ()
        or not jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key)
    ):
        raise InputError(
            f"{name} must be a random key, such as jax.random.key(0), got {value!r}."
        )


def check_choice(name: str, value: Any, choices: Collection[str]) -> None:
    """Check that a value is one of a few words.

    Raises:
        InputError: if `value` is none of them.
    """
    if not isinstance(value, str) or value not in choices:
        listed = ", ".join(map(repr, choices))
        raise InputError(f"{name} must be one of {listed}, got {value!r}.")


def check_text(name: str, value: Any) -> None:
    """Check that a value is a string; it may be empty.

    Raises:
        InputError: if `value` is no string.
    """
    if not isinstance(value, str):
        raise InputError(f"{name} must be a string, got {value!r}.")


def as_path(name: str, value: Any) -> Path:
    """Convert a path, which may be a string, to a `Path`.

    An empty string is refused: it would be the current directory.

    Raises:
        InputError: if `value` is neither a string nor a path, or is empty.
    """
    given = str(value) if isinstance(value, str | os.PathLike) else ""
    if not given or "\0" in given:
        raise InputError(f"{name} must be a path, got {value!r}.")
    return Path(value)


def check_devices(name: str, value: Any) -> None:
    """Check that a value is None or a sequence of JAX devices, at least one, once each.

    Raises:
        InputError: if it is not.
    """
    if value is None:
        return
    given = list(value) if isinstance(value, tuple | list | np.ndarray) else []
    if not given or not all(isinstance(each, jax.Device) for each in given):
        raise InputError(
            f"{name} must be a list of devices, such as jax.devices()[:1], or None for "
            f"all, got {value!r}."
        )
    if len({*given}) < len(given):
        raise InputError(f"{name} must name each device once, got {value!r}.")


def as_numbers(
    name: str, values: Any, ndim: int | None = None
) -> Shaped[np.ndarray, "..."]:
    """Convert values (an array of NumPy or JAX, or a list) to a real NumPy array.

    Args:
        name: name of the argument, for the message.
        values: the numbers.
        ndim: number of axes, if it is known; then there must be a number.

    Raises:
        InputError: if they are not real numbers, or have another number of axes.
    """
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be rows of equal length: {error}") from None
    if jax.dtypes.issubdtype(array.dtype, np.floating) and array.dtype.kind != "f":
        array = array.astype(np.float32)  # bfloat16 and the like
    if array.dtype.kind not in "fiub":
        raise InputError(f"{name} must be real numbers, got {array.dtype}.")
    if ndim is not None and (array.ndim != ndim or not array.size):
        raise InputError(
            f"{name} must be numbers with {ndim} axes, got shape {array.shape}."
        )
    return array


def as_finite(
    name: str, values: Any, ndim: int | None = None
) -> Shaped[np.ndarray, "..."]:
    """Convert values to a real NumPy array, as `as_numbers`; all must be finite.

    Raises:
        InputError: as `as_numbers`, or if one is not finite.
    """
    array = as_numbers(name, values, ndim)
    if not np.isfinite(array).all():
        raise InputError(f"{name} must be finite, but holds numbers that are not.")
    return array


def _is_number(value: Any) -> bool:
    """Return True for a real number or an array of one, small enough for a float."""
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        kinds = (np.bool_, np.integer, np.floating)
        real = any(jax.dtypes.issubdtype(value.dtype, kind) for kind in kinds)
        return value.shape == () and real
    if not isinstance(value, RealNumber):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True
