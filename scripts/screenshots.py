"""The pictures of the documentation: a server of its own with the sample swarm, photographed into docs/images/. `make screenshots`."""

import base64
import os
from pathlib import Path

import click
from playwright.sync_api import BrowserContext, Page, sync_playwright

from bench.server import Server

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
WIDTH, HEIGHT = 1440, 900
LARGEST = 120_000
OWNER, NEWCOMER = "mira@example.org", "newcomer@example.org"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with Server() as server, sync_playwright() as playwright:
        server.flask("seed", "--email", OWNER)
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or None, args=["--no-sandbox", "--disable-gpu"]
        )

        def tab(email: str, theme: str) -> Page:
            context = browser.new_context(
                viewport={"width": WIDTH, "height": HEIGHT},
                color_scheme="dark" if theme == "dark" else "light",
                base_url=f"http://127.0.0.1:{server.port}",
            )
            _sign_in(context, server.flask("login-link", "--email", email))
            return context.new_page()

        light, dark, newcomer = tab(OWNER, "light"), tab(OWNER, "dark"), tab(NEWCOMER, "light")
        _photograph(light, "/", "overview")
        _photograph(light, "/agents", "agents")
        _photograph(light, _telling_failure(light), "run-failed")
        _photograph(dark, "/", "overview-dark")
        _photograph(newcomer, "/", "start")
        browser.close()


def _sign_in(context: BrowserContext, link: str) -> None:
    context.request.post(link, fail_on_status_code=True)


def _telling_failure(page: Page) -> str:
    """The run that the overview says to look at."""
    page.goto("/")
    return page.get_by_role("link", name="Open the failed run").get_attribute("href") or "/tasks"


def _photograph(page: Page, path: str, name: str) -> None:
    page.goto(path, wait_until="networkidle")
    taken = page.context.new_cdp_session(page).send(
        "Page.captureScreenshot", {"format": "webp", "quality": 82, "optimizeForSpeed": False}
    )
    picture = base64.b64decode(taken["data"])
    if len(picture) > LARGEST:
        raise click.ClickException(f"{name}: {len(picture):,} bytes, more than {LARGEST:,}")
    target = FOLDER / f"{name}.webp"
    target.write_bytes(picture)
    click.echo(f"{target.relative_to(FOLDER.parent.parent)}  {len(picture) / 1000:.0f} KB")


if __name__ == "__main__":
    main()
