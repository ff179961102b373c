"""PyTorch's side of `step_speed.py` and `accelerator.py`: the same networks and step.

Not run by hand: a worker that reads lines "VARIANT STEPS" and answers each with the
seconds that those steps took, "VARIANT flops" with the floating-point operations of the
convolutions and matrix products of a step, and "VARIANT parameters" with their number.
Its arguments, if any, are the batch size and the channels. Channels-last, all cores, a
fused optimizer, the discriminator's fakes made without a graph, and the discriminator
frozen in the generator's move; on a GPU where there is one.

A variant is LOSS, LOSS:SIZE or LOSS:SIZE:fast. The fast one has `torch.compile`,
bfloat16 by AMP and cuDNN's search for the fastest algorithms. There the critic stays
eager at the points of the gradient penalty, which `torch.compile` cannot
differentiate twice.
"""

import contextlib
import os
import sys
import time
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

LATENT = 128
BATCH, CHANNELS = map(int, sys.argv[1:] or (64, 64))
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def up(inputs: int, outputs: int, bias: bool = False) -> nn.Module:
    """Twice the size."""
    return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)


def generator(size: int) -> nn.Module:
    """jaxgan's `dcgan_generator((size, size, 3), 64)`."""
    width = CHANNELS * size // 8
    layers = [nn.Linear(LATENT, 16 * width, bias=False), nn.Unflatten(1, (width, 4, 4))]
    while width > CHANNELS:
        layers += [nn.BatchNorm2d(width), nn.ReLU(True), up(width, width // 2)]
        width //= 2
    layers += [nn.BatchNorm2d(width), nn.ReLU(True), up(width, 3, bias=True), nn.Tanh()]
    return nn.Sequential(*layers)


def discriminator(size: int, batch_norm: bool) -> nn.Module:
    """jaxgan's `dcgan_discriminator((size, size, 3), 64)`."""

    def down(inputs: int, outputs: int, normalize: bool) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, 4, 2, 1, bias=not normalize)
        norm = [nn.BatchNorm2d(outputs)] if normalize else []
        return [convolution, *norm, nn.LeakyReLU(0.2, True)]

    width, last = CHANNELS, CHANNELS * size // 8
    layers = down(3, width, False)
    while width < last:
        layers += down(width, 2 * width, batch_norm)
        width *= 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * width, 1))


class Residual(nn.Module):
    """A block of jaxgan's `networks.r3gan`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.f = nn.Sequential(
            nn.Conv2d(width, width // 2, 1),
            nn.LeakyReLU(0.2, True),
            nn.Conv2d(width // 2, width // 2, 3, 1, 1),
            nn.LeakyReLU(0.2, True),
            nn.Conv2d(width // 2, width, 1, bias=False),
        )
        nn.init.zeros_(self.f[-1].weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute x + f(x)."""
        return x + self.f(x)


class Basis(nn.Module):
    """Maps of 4×4: times a vector in the generator; the discriminator sums."""

    def __init__(self, width: int, *, up: bool) -> None:
        super().__init__()
        self.up, self.basis = up, nn.Parameter(torch.randn(1, width, 4, 4) / 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, c) -> (b, c, 4, 4), or back."""
        return x[..., None, None] * self.basis if self.up else self.down(x)

    def down(self, x: torch.Tensor) -> torch.Tensor:
        """Weight and sum the pixels."""
        return (x * self.basis).sum((2, 3))


def change(inputs: int, outputs: int) -> list[nn.Module]:
    """A 1×1 convolution, if it is needed."""
    return [] if inputs == outputs else [nn.Conv2d(inputs, outputs, 1, bias=False)]


def residual_pair(size: int) -> tuple[nn.Module, nn.Module]:
    """jaxgan's `r3gan_generator` and `r3gan_discriminator`, ((size, size, 3), 64)."""
    widths = [CHANNELS * min(2**k, 4) for k in range(size.bit_length() - 2)]
    double = {"scale_factor": 2, "mode": "bilinear"}
    up: list[nn.Module] = [nn.Linear(LATENT, widths[-1], bias=False)]
    up += [Basis(widths[-1], up=True)]
    down: list[nn.Module] = change(3, widths[0])
    for k, width in enumerate(widths):
        down += [Residual(width), Residual(width)]
        if k + 1 < len(widths):
            down += [nn.AvgPool2d(2), *change(width, widths[k + 1])]
    for k in reversed(range(len(widths))):
        up += [Residual(widths[k]), Residual(widths[k])]
        if k:
            up += [*change(widths[k], widths[k - 1]), nn.Upsample(**double)]
    up += change(widths[0], 3)
    down += [Basis(widths[-1], up=False), nn.Linear(widths[-1], 1, bias=False)]
    return nn.Sequential(*up), nn.Sequential(*down)


class FlopCounter(TorchDispatchMode):
    """Sums the operations that PyTorch's own formulas give.

    Its `FlopCounterMode` does so too, but cannot enter a gradient of a gradient.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Call an operation and add its cost."""
        made = func(*args, **(kwargs or {}))
        cost = flop_registry.get(func.overloadpacket)
        if cost:
            self.total += cost(*args, **(kwargs or {}), out_val=made)
        return made


class Variant:
    """The networks, the optimizers and the alternating step of one loss."""

    def __init__(self, loss: str, size: str = "32", speed: str = "") -> None:
        self.residual, self.fast = loss == "r3gan", speed == "fast"
        self.penalized = loss == "wgan_gp"
        torch.backends.cudnn.benchmark |= self.fast
        if self.fast:
            torch.compiler.reset()  # what all variants compile counts towards one limit
        place = {"device": DEVICE, "memory_format": torch.channels_last}
        if self.residual:
            pair = residual_pair(int(size))
        else:
            critic = discriminator(int(size), batch_norm=not self.penalized)
            pair = generator(int(size)), critic
        self.g, self.d = (network.to(**place) for network in pair)
        adam = {"lr": 2e-4, "betas": (0.5, 0.999), "fused": True}
        self.g_optimizer = torch.optim.Adam(self.g.parameters(), **adam)
        self.d_optimizer = torch.optim.Adam(self.d.parameters(), **adam)
        self.real = (torch.rand(BATCH, 3, int(size), int(size)) * 2 - 1).to(**place)
        self.generate = torch.compile(self.g) if self.fast else self.g
        self.score = torch.compile(self.d) if self.fast else self.d

    def fake(self) -> torch.Tensor:
        """From fresh latents."""
        return self.generate(torch.randn(BATCH, LATENT, device=DEVICE))

    def d_loss(self) -> torch.Tensor:
        """Compute the discriminator's loss."""
        with torch.no_grad():
            fake = self.fake().float()
        if self.residual:
            return self.relativistic_loss(fake)
        real_logits, fake_logits = self.score(self.real), self.score(fake)
        if not self.penalized:
            return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
        share = torch.rand(BATCH, 1, 1, 1, device=DEVICE)
        between = torch.lerp(fake, self.real, share).requires_grad_()
        total = self.d(between).sum()
        (slope,) = torch.autograd.grad(total, between, create_graph=True)
        norm = torch.sqrt(slope.square().sum((1, 2, 3)) + 1e-12)
        penalty = (norm - 1).square().mean()
        return fake_logits.mean() - real_logits.mean() + 10 * penalty

    def relativistic_loss(self, fake: torch.Tensor) -> torch.Tensor:
        """Compute it with R1 and R2, whose gradients reuse the forward passes."""
        points = [x.detach().requires_grad_() for x in (self.real, fake)]
        real_logits, fake_logits = map(self.d, points)
        total = real_logits.sum() + fake_logits.sum()
        slopes = torch.autograd.grad(total, points, create_graph=True)
        penalty = sum(slope.square().sum((1, 2, 3)).mean() / 2 for slope in slopes)
        return F.softplus(fake_logits - real_logits).mean() + penalty

    def g_loss(self) -> torch.Tensor:
        """Compute the generator's loss."""
        logits = self.score(self.fake())
        if self.residual:
            logits = logits - self.score(self.real)
        return -logits.mean() if self.penalized else F.softplus(-logits).mean()

    def precision(self) -> contextlib.AbstractContextManager:
        """Return the context of AMP, if it is used."""
        return torch.autocast(DEVICE, torch.bfloat16, enabled=self.fast)

    def step(self) -> None:
        """Each player moves once."""
        self.d_optimizer.zero_grad(set_to_none=True)
        with self.precision():
            loss = self.d_loss()
        loss.backward()
        self.d_optimizer.step()
        self.d.requires_grad_(False)
        self.g_optimizer.zero_grad(set_to_none=True)
        with self.precision():
            loss = self.g_loss()
        loss.backward()
        self.g_optimizer.step()
        self.d.requires_grad_(True)

    def seconds(self, steps: int) -> float:
        """Seconds of so many steps."""
        start = time.perf_counter()
        for _ in range(steps):
            self.step()
        if DEVICE == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    def flops(self) -> int:
        """Operations of the convolutions and matrix products of a step."""
        with FlopCounter() as counter:
            self.step()
        return counter.total

    def parameters(self) -> int:
        """The parameters of both networks."""
        both = [*self.g.parameters(), *self.d.parameters()]
        return sum(parameter.numel() for parameter in both)


def main() -> None:
    """Answer until the input ends."""
    torch.set_num_threads(os.cpu_count() or 1)
    variants = cache(lambda name: Variant(*name.split(":")))
    print(torch.__version__, flush=True)
    for line in sys.stdin:
        name, what = line.split()
        variant = variants(name)
        match what:
            case "flops":
                answer: float = variant.flops()
            case "parameters":
                answer = variant.parameters()
            case steps:
                answer = variant.seconds(int(steps))
        print(answer, flush=True)


if __name__ == "__main__":
    main()
