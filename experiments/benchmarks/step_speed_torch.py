"""PyTorch's side of `step_speed.py` and `accelerator.py`: the same networks and step.

Not run by hand: a worker that reads lines "VARIANT STEPS" and answers each with the
seconds that those steps took. Its arguments, if any, are the batch size and the
channels. Channels-last, all cores, a fused optimizer, the
discriminator's fakes made without a graph, and the discriminator frozen in the
generator's move; on a GPU where there is one.

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

import torch
from torch import nn
from torch.nn import functional as F

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


class Variant:
    """The networks, the optimizers and the alternating step of one loss."""

    def __init__(self, loss: str, size: str = "32", speed: str = "") -> None:
        self.penalized, self.fast = loss == "wgan_gp", speed == "fast"
        torch.backends.cudnn.benchmark |= self.fast
        if self.fast:
            torch.compiler.reset()  # what all variants compile counts towards one limit
        place = {"device": DEVICE, "memory_format": torch.channels_last}
        self.g = generator(int(size)).to(**place)
        self.d = discriminator(int(size), batch_norm=not self.penalized).to(**place)
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

    def g_loss(self) -> torch.Tensor:
        """Compute the generator's loss."""
        logits = self.score(self.fake())
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


def main() -> None:
    """Answer until the input ends."""
    torch.set_num_threads(os.cpu_count() or 1)
    variants = cache(lambda name: Variant(*name.split(":")))
    print(torch.__version__, flush=True)
    for line in sys.stdin:
        name, steps = line.split()
        variant = variants(name)
        start = time.perf_counter()
        for _ in range(int(steps)):
            variant.step()
        if DEVICE == "cuda":
            torch.cuda.synchronize()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
