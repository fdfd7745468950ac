"""A first look at labelled imagery, and the recipe it suggests."""
