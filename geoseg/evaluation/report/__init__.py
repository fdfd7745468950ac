"""Evaluations as tables, charts, Markdown and HTML."""
