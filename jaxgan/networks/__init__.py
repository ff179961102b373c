"""Networks: adapters from module libraries, and one file for each architecture."""
