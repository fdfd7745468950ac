"""Training: from labelled images and a recipe to a bundle."""
