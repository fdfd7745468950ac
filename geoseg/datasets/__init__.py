"""Labelled imagery on disk: pairs of files, and the class codings of published data sets."""
