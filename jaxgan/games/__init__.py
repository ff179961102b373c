"""Games: their players, networks and rounds, and priors of latents."""
