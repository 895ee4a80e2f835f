"""A page as a browser would take it: what it loads, what it runs, what it shows."""

from collections import Counter
from html.parser import HTMLParser

LOADING = {"src", "srcset", "data", "poster", "action", "background"}


class Page(HTMLParser):
    """`tags` counts elements, `classes` those with a class, `shown` is the text outside style and script."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.classes = Counter(), Counter()
        self.loads, self.handlers, self.shown, self.styles, self.policy = [], [], "", "", ""
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        facts = {name: value or "" for name, value in attrs}
        self._inside = tag
        self.tags[tag] += 1
        self.classes.update(facts.get("class", "").split())
        self.handlers += [name for name in facts if name.startswith("on")]
        self.loads += [value for name, value in facts.items() if name in LOADING]
        self.loads += [value for name, value in facts.items() if name.endswith("href")]
        self.styles += facts.get("style", "")
        if facts.get("http-equiv") == "Content-Security-Policy":
            self.policy = facts["content"]

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "style":
            self.styles += data
        elif self._inside != "script":
            self.shown += data

    def assert_stands_alone(self):
        """It loads nothing, and a browser would not let it."""
        assert [link for link in self.loads if not link.startswith("#")] == []
        assert "url(" not in self.styles and "@import" not in self.styles
        assert self.policy.startswith("default-src 'none'")
        assert not self.handlers
