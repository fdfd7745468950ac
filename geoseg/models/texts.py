"""Make names safe to show: without secrets, terminal control characters, or characters that break a page."""

import re
import unicodedata

_CONTROLS = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories: control characters, bytes of a name that are not UTF-8, and separators of lines."""
_TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""Bidirectional classes of characters that reorder the text around them."""
_NOT_IN_XML = re.compile("[\ufffe\uffff]")
_MARKDOWN = re.compile(r"([\\`*_|\[\]~])")


def escaped(text: str, keep: str = "") -> str:
    r"""Write characters that control a terminal as Python does (`\x1b`), except those to `keep`."""
    if text.isprintable():
        return text
    return "".join(
        each.encode("unicode_escape").decode()
        if each not in keep and (unicodedata.category(each) in _CONTROLS or unicodedata.bidirectional(each) in _TURNS)
        else each
        for each in text
    )


def in_xml(text: str, keep: str = "") -> str:
    """Escape what XML cannot hold, too."""
    return _NOT_IN_XML.sub(lambda found: found[0].encode("unicode_escape").decode(), escaped(text, keep))


def in_markdown(text: str) -> str:
    """Escape what Markdown would interpret in a line or a cell, too."""
    return _MARKDOWN.sub(r"\\\1", escaped(text)).replace("&", "&amp;").replace("<", "&lt;")


def without_secrets(source: str) -> str:
    """Return a URL without query, which may be a signature, and without user name and password; other names as is."""
    scheme, separator, rest = source.partition("://")
    if not separator:
        return source
    host, slash, path = rest.partition("?")[0].partition("/")
    return scheme + separator + host.rpartition("@")[2] + slash + path
