"""Window geometry of convolutions, resolved from stride and padding arguments."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from jaxgan.errors import InputError

Pair = tuple[int, int]
Padding = str | tuple[Pair, Pair]


class Axis(NamedTuple):
    """Geometry of a convolution along one axis; a window has two of them."""

    image: int  # pixels
    kernel: int
    stride: int
    low: int  # padding before
    high: int  # padding after

    @property
    def output(self) -> int:
        """Number of positions of the kernel."""
        return (self.image + self.low + self.high - self.kernel) // self.stride + 1


Window = tuple[Axis, ...]


def output_size(window: Window) -> tuple[int, ...]:
    """Compute the output size (height, width) of a convolution."""
    return tuple(axis.output for axis in window)


def make_window(
    name: str,
    image: Iterable[int],
    kernel: Iterable[int],
    stride: int | Pair,
    padding: Padding,
) -> Window:
    """Make the window of a convolution, and check it.

    Args:
        name: of the public function, for error messages.
        image: (height, width).
        kernel: (height, width).
        stride: of both axes, or of each.
        padding: "SAME", "VALID" or ((before, after), (before, after)).

    Raises:
        InputError: if an argument is invalid, or the kernel does not fit.
    """
    strides = _expand(name, "stride", stride, int)
    paddings = _expand(name, "padding", padding, str)
    axes = zip(image, kernel, strides, paddings, strict=True)
    return tuple(_axis(name, *axis) for axis in axes)


def default_image(
    name: str,
    output: Iterable[int],
    kernel: Iterable[int],
    stride: int | Pair,
    padding: Padding,
) -> tuple[int, ...]:
    """Choose the image size of a transposed convolution, given the output's size m.

    It is stride·m under "SAME", and otherwise the smallest size for which the
    convolution has this output. The arguments are as for `make_window`.
    """
    strides = _expand(name, "stride", stride, int)
    paddings = _expand(name, "padding", padding, str)
    return tuple(
        m * s if p == "SAME" else (m - 1) * s + k - sum(_low_high(name, m, k, s, p))
        for m, k, s, p in zip(output, kernel, strides, paddings, strict=True)
    )


def _expand(name: str, argument: str, value: object, kind: type) -> Sequence:
    """Expand a value to one for each of the two axes."""
    values = (value, value) if isinstance(value, kind) else value
    if not isinstance(values, Sequence) or len(values) != 2:
        raise InputError(
            f"{name}: {argument} must be given once or twice, got {value!r}."
        )
    return values


def _axis(name: str, n: int, k: int, s: int, padding: str | Pair) -> Axis:
    if not isinstance(s, int) or s < 1:
        raise InputError(f"{name}: stride must be a positive integer, got {s!r}.")
    axis = Axis(n, k, s, *_low_high(name, n, k, s, padding))
    if n < 1 or axis.output < 1:
        raise InputError(
            f"{name}: the padded image must not be smaller than the kernel, got {axis}."
        )
    return axis


def _low_high(name: str, n: int, k: int, s: int, padding: str | Pair) -> Pair:
    if padding == "SAME":
        total = max((-(-n // s) - 1) * s + k - n, 0)
        return total // 2, total - total // 2
    if padding == "VALID":
        return 0, 0
    if isinstance(padding, str) or len(padding) != 2 or min(padding) < 0:
        raise InputError(
            f'{name}: padding must be "SAME", "VALID" or '
            f"((before, after), (before, after)), got {padding!r}."
        )
    return padding
