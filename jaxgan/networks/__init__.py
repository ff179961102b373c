"""Networks: adapters for Flax modules, and one file for each architecture."""
