"""Vector files and their QGIS styles."""
