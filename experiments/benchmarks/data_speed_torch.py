"""PyTorch's side of `data_speed.py`: the same files through a DataLoader.

Not run by hand: a worker that reads lines "SET WAY WORKERS SECONDS" and answers each
with examples a second.
"""

import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
import torch
from PIL import Image, ImageOps
from torch.utils.data import DataLoader, Dataset, TensorDataset

BATCH, SIZE = 64, 32


class Mnist(Dataset):
    """Decoded by TFDS, many at once as it reads them fastest."""

    def __init__(self) -> None:
        self.records = tfds.data_source("mnist", split="train")

    def __len__(self) -> int:
        return len(self.records)

    def __getitems__(self, indices: list[int]) -> list[torch.Tensor]:
        examples = self.records.__getitems__(indices)
        return [torch.from_numpy(example["image"]) for example in examples]


class Folder(Dataset):
    """Decoded by Pillow, as `jaxgan.data.readers.folder` does."""

    def __init__(self, folder: Path) -> None:
        self.files = sorted(folder.rglob("*.png"))

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self.files[index]) as image:
            layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        flat = Image.alpha_composite(white, layer).convert("RGB")
        square = ImageOps.fit(flat, (SIZE, SIZE), Image.Resampling.LANCZOS)
        return torch.from_numpy(np.array(square))


def collate(images: list[torch.Tensor]) -> torch.Tensor:
    """A batch in [-1, 1]."""
    return torch.stack(images).float().div_(127.5).sub_(1)


def collate_held(images: list[tuple[torch.Tensor]]) -> torch.Tensor:
    """A batch of a TensorDataset."""
    return collate([image for (image,) in images])


def held(files: Dataset) -> TensorDataset:
    """All images, decoded once."""
    return TensorDataset(torch.cat([*DataLoader(files, 256, collate_fn=torch.stack)]))


def rate(make: Callable[[], DataLoader], seconds: float) -> float:
    """Examples a second, once the first batch is there."""
    batches = iter(make())
    next(batches)
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        try:
            count += len(next(batches))
        except StopIteration:
            batches = iter(make())
    return count / (time.perf_counter() - start)


def main() -> None:
    """Answer lines until there are no more."""
    logging.disable()
    sets: dict[str, Dataset] = {"mnist": Mnist(), "folder": Folder(Path(sys.argv[1]))}
    memory: dict[str, TensorDataset] = {}
    print(torch.__version__, flush=True)
    for line in sys.stdin:
        name, way, workers, seconds = line.split()
        if way == "memory" and name not in memory:
            memory[name] = held(sets[name])
        images = memory[name] if way == "memory" else sets[name]
        options = {
            "batch_size": BATCH,
            "shuffle": True,
            "num_workers": int(workers),
            "collate_fn": collate_held if way == "memory" else collate,
        }
        made = rate(lambda o=options, i=images: DataLoader(i, **o), float(seconds))
        print(made, flush=True)


if __name__ == "__main__":
    main()
