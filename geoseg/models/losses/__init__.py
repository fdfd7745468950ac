"""Losses, class weights and training metrics for partial labels."""
