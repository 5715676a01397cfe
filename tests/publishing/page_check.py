"""Reads a page as a strict browser would: tags balanced, every link and picture on disk, every picture with words."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

VOID = {"meta", "link", "img", "source", "br", "hr", "input"}


class Page(HTMLParser):
    """What a page holds; `problems` lists what is wrong with it."""

    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.path, self.problems, self.links, self.pictures, self.ids, self.text, self.tags = Path(path), [], [], [], [], "", []
        self._open = []
        self.feed(self.path.read_text(encoding="utf-8"))
        self.close()
        self.problems += [f"<{tag}> is never closed" for tag in self._open]
        self.problems += [f"id {one!r} stands twice" for one in {one for one in self.ids if self.ids.count(one) > 1}]
        for link in self.links:
            self._resolve(link)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append((tag, values))
        if len(values) != len(attrs):
            self.problems.append(f"<{tag}> has an attribute twice")
        if "id" in values:
            self.ids.append(values["id"])
        self.links += [values[name] for name in ("href", "src", "data-full") if name in values]
        self.links += [part.strip().split(" ")[0] for part in values.get("srcset", "").split(",") if part.strip()]
        if tag == "img":
            self.pictures.append(values)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        if not self._open or self._open[-1] != tag:
            self.problems.append(f"</{tag}> closes {self._open[-1:]} at {self.getpos()}")
        else:
            self._open.pop()

    def handle_data(self, data):
        if self._open and self._open[-1] not in ("script", "style"):
            self.text += data

    def _resolve(self, link):
        parts = urlsplit(link)
        if parts.scheme == "data":
            return
        if parts.scheme or parts.netloc:
            self.problems.append(f"{link} leaves the page's own files")
        elif parts.path and not (self.path.parent / unquote(parts.path)).is_file():
            self.problems.append(f"{link} leads nowhere")
        elif not parts.path and parts.fragment not in self.ids:
            self.problems.append(f"#{parts.fragment} is not on the page")
