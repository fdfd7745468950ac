"""Reports: tables and figures as JSON, Markdown and HTML."""
