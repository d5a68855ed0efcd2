"""What a test reads of an HTML answer, and what every page must have."""

import re

from bs4 import BeautifulSoup, Tag
from flask import current_app
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect


class Page:
    """A parsed answer: `page.find(id="tasks")`, `page.text`, `page.rows()`; building it checks the page."""

    def __init__(self, response, path: str, *, fragment: bool = False) -> None:
        self.response = response
        self.path = path
        self.html = response.get_data(as_text=True)
        self.soup = BeautifulSoup(self.html, "html.parser")
        self.text = " ".join(self.soup.get_text(" ").split())
        self._check(fragment or "<html" not in self.html)

    def find(self, *args, **kwargs) -> Tag | None:
        return self.soup.find(*args, **kwargs)

    def select(self, selector: str) -> list[Tag]:
        return self.soup.select(selector)

    def link(self, words: str) -> Tag:
        """The link with these words."""
        for tag in self.soup.find_all("a"):
            if words in " ".join(tag.get_text(" ").split()):
                return tag
        raise AssertionError(f"no link says {words!r} on {self.path}")

    def rows(self, selector: str = "table tbody tr") -> list[str]:
        return [" ".join(row.get_text(" ").split()) for row in self.soup.select(selector)]

    def _check(self, fragment: bool) -> None:
        if not fragment:
            assert self.soup.title, f"{self.path} has no title"
            assert self.soup.title.get_text().strip(), f"{self.path} has an empty title"
            assert len(self.soup.find_all("h1")) == 1, f"{self.path} needs one h1"
            assert self.soup.html.get("lang"), f"{self.path} names no language"
        ids = [tag["id"] for tag in self.soup.find_all(id=True)]
        assert len(ids) == len(set(ids)), (
            f"{self.path}: ids twice: {sorted({i for i in ids if ids.count(i) > 1})}"
        )
        for tag in self.soup.find_all(True):
            assert not tag.get("style"), f"{self.path}: inline style on {tag.name}"
            assert not [name for name in tag.attrs if name.startswith(("on", "hx-on"))], (
                f"{self.path}: handler on {tag}"
            )
        for script in self.soup.find_all("script"):
            assert script.get("src"), f"{self.path}: inline script"
        for field in self.soup.select("input:not([type=hidden]), select, textarea"):
            named = field.get("aria-label") or field.get("aria-labelledby") or field.find_parent("label")
            named = named or (field.get("id") and self.soup.find("label", attrs={"for": field["id"]}))
            assert named, f"{self.path}: a field without a label: {field}"
        for table in self.soup.find_all("table"):
            assert (
                table.find("caption")
                or table.get("aria-label")
                or table.find_parent(attrs={"aria-label": True})
            ), f"{self.path}: a table without a caption"
            for head in table.select("thead th"):
                assert head.get("scope"), f"{self.path}: a table head without scope"
        self._check_targets()

    def _check_targets(self) -> None:
        """Each link, form and hx-* URL leads to a route, with a method that it has."""
        wanted = [(tag["href"], "GET") for tag in self.soup.find_all("a", href=True)]
        wanted += [
            (form.get("action") or self.path, form.get("method", "get").upper())
            for form in self.soup.find_all("form")
        ]
        for method in ("get", "post", "put", "patch", "delete"):
            wanted += [
                (tag[f"hx-{method}"], method.upper())
                for tag in self.soup.find_all(attrs={f"hx-{method}": True})
            ]
        routes = current_app.url_map.bind("localhost")
        for url, method in wanted:
            path = re.sub(r"[?#].*", "", url)
            if url.startswith(("http:", "https:", "mailto:")) or not path:
                continue
            if not path.startswith("/"):
                path = self.path.rsplit("/", 1)[0] + "/" + path
            try:
                routes.match(path, method=method)
            except RequestRedirect:
                pass
            except (NotFound, MethodNotAllowed) as error:
                raise AssertionError(f"{self.path}: {method} {url} leads nowhere") from error
