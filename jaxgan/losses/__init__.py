"""GAN losses, penalties and regularizers, and functions that combine them."""
