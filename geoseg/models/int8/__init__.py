"""8-bit forms of networks: made by NNCF, kept in the bundle, run by OpenVINO."""
