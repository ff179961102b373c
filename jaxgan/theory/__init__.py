"""Theory: games with known dynamics, exact divergences and optimal discriminators."""
