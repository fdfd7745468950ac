"""Write the results of a prediction."""
