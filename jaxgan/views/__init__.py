"""Views: transformations of the images before the discriminator reads them."""
