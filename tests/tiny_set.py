"""TFDS data sets small enough for tests, which are prepared without TensorFlow.

Example i is an image of the gray 10·i, labeled by whether i is odd.
"""

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image


class TinySet(tfds.core.GeneratorBasedBuilder):
    """Ten examples to train on and four to test on, in their order."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            disable_shuffling=True,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(8, 8, 1)),
                    "photo": tfds.features.Image(shape=(None, None, 3)),
                    "grid": tfds.features.Tensor(shape=(2, 3), dtype=np.float32),
                    "label": tfds.features.ClassLabel(names=["even", "odd"]),
                    "text": tfds.features.Text(),
                }
            ),
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate(0, 10), "test": self._generate(10, 14)}

    def _generate_examples(self):
        raise NotImplementedError

    def _generate(self, first, end):
        for i in range(first, end):
            example = {
                "image": Image.new("L", (8, 8), 10 * i),
                "photo": Image.new("RGB", (6 + i, 7), (10 * i, 0, 0)),
                "grid": np.full((2, 3), i, np.float32),
                "label": i % 2,
                "text": "x" * i,
            }
            yield i, example


def prepare(data_dir):
    """Lay the set in a folder, as `tensorflow_datasets.builder` would."""
    tfds.disable_progress_bar()
    tfds.builder(
        "tiny_set", data_dir=data_dir, file_format="array_record"
    ).download_and_prepare()
    return data_dir


with tfds.core.registered.skip_registration():  # of this name TFDS has one

    class Mnist(tfds.core.GeneratorBasedBuilder):
        """Noise in the place of MNIST, in its shapes and types."""

        VERSION = tfds.core.Version("3.0.1")

        def _info(self):
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(
                    {
                        "image": tfds.features.Image(shape=(28, 28, 1)),
                        "label": tfds.features.ClassLabel(num_classes=10),
                    }
                ),
            )

        def _split_generators(self, dl_manager):
            return {"train": self._generate(60), "test": self._generate(20)}

        def _generate_examples(self):
            raise NotImplementedError

        def _generate(self, count):
            pixels = np.random.default_rng(count)
            for i in range(count):
                image = Image.fromarray(pixels.integers(0, 256, (28, 28), np.uint8))
                yield i, {"image": image, "label": i % 10}


def prepare_mnist(data_dir):
    """Lay noise where experiments look for MNIST."""
    tfds.disable_progress_bar()
    Mnist(data_dir=data_dir, file_format="array_record").download_and_prepare()
    return data_dir
