"""Views: what the discriminator is shown, in every use of it."""
