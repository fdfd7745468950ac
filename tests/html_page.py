"""HTML pages that the package writes, as a parser reads them."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """Tags with their attributes, and text; fails on an end tag without a start, or a start without an end."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self._open = []
        self.feed(text)
        self.close()
        assert not self._open

    @property
    def text(self):
        """All text, with single spaces."""
        return " ".join(" ".join(self.texts).split())

    def values(self, tag, name):
        """Values of an attribute of a tag."""
        return [attrs[name] for each, attrs in self.tags if each == tag and name in attrs]

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        while self._open.pop() != tag:
            pass

    def handle_data(self, data):
        self.texts.append(data)
