"""Run plans on a Dask cluster: its workers predict, trace and write, and the client deals out what is next."""
