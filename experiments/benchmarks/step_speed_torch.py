"""PyTorch's side of `step_speed.py`: the same networks and the same step.

Not run by hand: a worker that reads lines "VARIANT STEPS" and answers each with the
seconds that those steps took. Channels-last, all cores, a fused optimizer, the
discriminator's fakes made without a graph, and the discriminator frozen in the
generator's move; on a GPU where there is one.
"""

import os
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

LATENT, BATCH, CHANNELS = 128, 64, 64
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def up(inputs: int, outputs: int, bias: bool = False) -> nn.Module:
    """Twice the size."""
    return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)


def generator() -> nn.Module:
    """jaxgan's `dcgan_generator((32, 32, 3), 64)`."""
    c = CHANNELS
    return nn.Sequential(
        *(nn.Linear(LATENT, 64 * c, bias=False), nn.Unflatten(1, (4 * c, 4, 4))),
        *(nn.BatchNorm2d(4 * c), nn.ReLU(True), up(4 * c, 2 * c)),
        *(nn.BatchNorm2d(2 * c), nn.ReLU(True), up(2 * c, c)),
        *(nn.BatchNorm2d(c), nn.ReLU(True), up(c, 3, bias=True), nn.Tanh()),
    )


def discriminator(batch_norm: bool) -> nn.Module:
    """jaxgan's `dcgan_discriminator((32, 32, 3), 64)`."""

    def down(inputs: int, outputs: int, normalize: bool) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, 4, 2, 1, bias=not normalize)
        norm = [nn.BatchNorm2d(outputs)] if normalize else []
        return [convolution, *norm, nn.LeakyReLU(0.2, True)]

    c = CHANNELS
    return nn.Sequential(
        *down(3, c, False),
        *down(c, 2 * c, batch_norm),
        *down(2 * c, 4 * c, batch_norm),
        *(nn.Flatten(), nn.Linear(64 * c, 1)),
    )


class Variant:
    """The networks, the optimizers and the alternating step of one loss."""

    def __init__(self, name: str) -> None:
        self.penalized = name == "wgan_gp"
        place = {"device": DEVICE, "memory_format": torch.channels_last}
        self.g = generator().to(**place)
        self.d = discriminator(batch_norm=not self.penalized).to(**place)
        adam = {"lr": 2e-4, "betas": (0.5, 0.999), "fused": True}
        self.g_optimizer = torch.optim.Adam(self.g.parameters(), **adam)
        self.d_optimizer = torch.optim.Adam(self.d.parameters(), **adam)
        self.real = (torch.rand(BATCH, 3, 32, 32) * 2 - 1).to(**place)

    def fake(self) -> torch.Tensor:
        """From fresh latents."""
        return self.g(torch.randn(BATCH, LATENT, device=DEVICE))

    def d_loss(self) -> torch.Tensor:
        """Compute the discriminator's loss."""
        with torch.no_grad():
            fake = self.fake()
        real_logits, fake_logits = self.d(self.real), self.d(fake)
        if not self.penalized:
            return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
        share = torch.rand(BATCH, 1, 1, 1, device=DEVICE)
        between = torch.lerp(fake, self.real, share).requires_grad_()
        total = self.d(between).sum()
        (slope,) = torch.autograd.grad(total, between, create_graph=True)
        norm = torch.sqrt(slope.square().sum((1, 2, 3)) + 1e-12)
        penalty = (norm - 1).square().mean()
        return fake_logits.mean() - real_logits.mean() + 10 * penalty

    def step(self) -> None:
        """Each player moves once."""
        self.d_optimizer.zero_grad(set_to_none=True)
        self.d_loss().backward()
        self.d_optimizer.step()
        self.d.requires_grad_(False)
        self.g_optimizer.zero_grad(set_to_none=True)
        logits = self.d(self.fake())
        loss = -logits.mean() if self.penalized else F.softplus(-logits).mean()
        loss.backward()
        self.g_optimizer.step()
        self.d.requires_grad_(True)


def main() -> None:
    """Answer until the input ends."""
    torch.set_num_threads(os.cpu_count() or 1)
    variants = {name: Variant(name) for name in ("non_saturating", "wgan_gp")}
    print(torch.__version__, flush=True)
    for line in sys.stdin:
        name, steps = line.split()
        start = time.perf_counter()
        for _ in range(int(steps)):
            variants[name].step()
        if DEVICE == "cuda":
            torch.cuda.synchronize()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
