"""What is wrong with a page as it looks: accessibility in both themes, width, and what a first visit costs."""

from functools import cache
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import NARROW, WIDE

BYTES, REQUESTS = 80_000, 10
# Between the themes nothing but colours differs.
OF_COLOUR = ["color-contrast", "link-in-text-block"]

OUTSIDE = """
() => {
  const wide = document.documentElement.clientWidth;
  if (Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) <= wide) return [];
  return [...document.querySelectorAll("body *")]
    .filter((element) => element.getBoundingClientRect().right > wide + 1)
    .slice(0, 5).map((element) => element.outerHTML.slice(0, 120));
}
"""


class Looker:
    """Looks at one page after the other in a tab that it has for itself: `go_to` as on a first visit, then `faults()`."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.devtools = page.context.new_cdp_session(page)
        self.devtools.send("Network.enable")
        self.sizes: list[float] = []
        self.devtools.on(
            "Network.loadingFinished", lambda event: self.sizes.append(event["encodedDataLength"])
        )

    def go_to(self, url: str) -> int:
        """The status of the answer; nothing comes from the browser's cache."""
        self.page.goto("about:blank")  # a page that polls asks no more
        self._look(WIDE, "light")
        self.devtools.send("Network.clearBrowserCache")
        self.sizes.clear()
        response = self.page.goto(url)
        assert response
        return response.status

    def faults(self) -> list[str]:
        """One line each."""
        loaded, requests = sum(self.sizes), len(self.sizes)
        assert loaded, "nothing was counted"
        found = [f"a first visit takes {loaded / 1000:.1f} KB"] if loaded > BYTES else []
        found += [f"a first visit takes {requests} requests"] if requests > REQUESTS else []
        self.page.evaluate(_axe())
        found += self._violations("wide, light")
        self._look(WIDE, "dark")
        found += self._violations("wide, dark", OF_COLOUR)
        self._look(NARROW, "dark")
        found += self._violations("narrow, dark", OF_COLOUR)
        self._look(NARROW, "light")
        found += self._violations("narrow, light")
        return found + [f"wider than {NARROW} px: {element}" for element in self.page.evaluate(OUTSIDE)]

    def _look(self, width: int, theme: Any) -> None:
        self.page.emulate_media(color_scheme=theme)
        self.devtools.send("Emulation.setTouchEmulationEnabled", {"enabled": width == NARROW})
        self.page.set_viewport_size({"width": width, "height": 900})

    def _violations(self, looked_at: str, rules: list[str] | None = None) -> list[str]:
        options: dict[str, Any] = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
        if rules:
            options = {"resultTypes": ["violations"], "runOnly": rules}
        found = self.page.evaluate("(options) => axe.run(options)", options)["violations"]
        return [
            f"{looked_at}: {rule['id']}: {node['html'][:160]} {_why(node)}"
            for rule in found
            for node in rule["nodes"]
        ]


@cache
def _axe() -> str:
    return Axe().axe_script


def _why(node: dict[str, Any]) -> str:
    return "; ".join(check["message"] for check in (*node["any"], *node["all"], *node["none"]))
