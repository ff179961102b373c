"""Exceptions, and checks of arguments that raise them before anything compiles."""

import math
import os
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import jax
import numpy as np


class InputError(ValueError):
    """Error for an invalid argument; the message names it and says how to fix it."""


class RunError(RuntimeError):
    """Error that stopped a run; the message says where, why and what is intact."""


class Interrupted(RunError):
    """Error for a run that a signal stopped, after it was saved."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number


def is_concrete(value: Any) -> bool:
    """Return False for a tracer of `jit` or `vmap`, which has no value to check."""
    return not isinstance(value, jax.core.Tracer)


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
    """Check that example weights are finite numbers of at least 0.

    Raises:
        InputError: if `values` are concrete and one of them is not.
    """
    if not is_concrete(values) or isinstance(values, jax.ShapeDtypeStruct):
        return
    flat = np.ravel(values)
    real = flat.dtype.kind in "fiub" or jax.numpy.issubdtype(flat.dtype, np.floating)
    wrong = flat[~(np.isfinite(flat) & (flat >= 0))] if real else flat
    if wrong.size:
        raise InputError(
            f"{name} must hold finite numbers of at least 0, got {wrong[0]}."
        )


def check_seed(name: str, value: Any) -> None:
    """Check that a seed is valid for NumPy and JAX.

    Raises:
        InputError: if `value` is not an integer from 0 to 2³² - 1.
    """
    if not isinstance(value, Integral) or not 0 <= int(value) < 2**32:
        raise InputError(f"{name} must be an integer from 0 to 2³² - 1, got {value!r}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) or getattr(value, "shape", None) == ()
