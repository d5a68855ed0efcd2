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


def faults(page: Page) -> list[str]:
    """One line each. The page stays as narrow as a phone's."""
    page.evaluate(_axe())
    found = _violations(page, "wide, light")
    page.emulate_media(color_scheme="dark")
    found += _violations(page, "wide, dark", OF_COLOUR)
    page.context.new_cdp_session(page).send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    page.set_viewport_size({"width": NARROW, "height": 844})
    found += _violations(page, "narrow, dark", OF_COLOUR)
    page.emulate_media(color_scheme="light")
    found += _violations(page, "narrow, light")
    found += [f"wider than {NARROW} px: {element}" for element in page.evaluate(OUTSIDE)]
    return found


@cache
def _axe() -> str:
    return Axe().axe_script


def _violations(page: Page, looked_at: str, rules: list[str] | None = None) -> list[str]:
    options: dict[str, Any] = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
    if rules:
        options = {"resultTypes": ["violations"], "runOnly": rules}
    found = page.evaluate("(options) => axe.run(options)", options)["violations"]
    return [
        f"{looked_at}: {rule['id']}: {node['html'][:160]} {_why(node)}" for rule in found for node in rule["nodes"]
    ]


def _why(node: dict[str, Any]) -> str:
    return "; ".join(check["message"] for check in (*node["any"], *node["all"], *node["none"]))


class FirstVisit:
    """Counts what comes over the wire: `visit = FirstVisit(page)`, go there, `visit.faults()`."""

    def __init__(self, page: Page) -> None:
        self.sizes: list[float] = []
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", lambda event: self.sizes.append(event["encodedDataLength"]))

    def faults(self) -> list[str]:
        loaded = sum(self.sizes)
        assert loaded, "nothing was counted"
        return [
            *([f"a first visit takes {loaded / 1000:.1f} KB"] if loaded > BYTES else []),
            *([f"a first visit takes {len(self.sizes)} requests"] if len(self.sizes) > REQUESTS else []),
        ]


__all__ = ["BYTES", "REQUESTS", "WIDE", "FirstVisit", "faults"]
