"""Losses, class weights and training metrics that understand partial labels."""
