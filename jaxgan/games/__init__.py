"""Games: who plays, with which networks, and what a round of play computes."""
