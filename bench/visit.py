"""A first visit in a real browser: bytes and requests over the wire, time until rows are on the screen."""

import os
import shutil

from playwright.sync_api import sync_playwright

from bench.ingest import Load, _settle
from bench.server import Server
from bench.traffic import Traffic

PAINTED = """() => new Promise(tell => new PerformanceObserver(seen => {
    for (const entry of seen.getEntries()) if (entry.name === "first-contentful-paint") tell(entry.startTime)
}).observe({type: "paint", buffered: true}))"""
PAGES = ("/", "/tasks", "/agents", "/alerts", "/workflows", "/settings/keys")


def main() -> None:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with Server() as server, sync_playwright() as playwright:
        key, cookie = server.key(), server.cookie()
        Load(server, key, list(Traffic(5).bodies(8))).run()
        _settle(server)
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        name, _, value = cookie.partition("=")
        for path in PAGES:
            context = browser.new_context()
            context.add_cookies([{"name": name, "value": value, "url": f"http://127.0.0.1:{server.port}"}])
            page = context.new_page()
            client = context.new_cdp_session(page)
            client.send("Network.enable")
            sizes: list[float] = []
            hosts: set[str] = set()
            client.on(
                "Network.loadingFinished", lambda event, sizes=sizes: sizes.append(event["encodedDataLength"])
            )
            page.on("request", lambda request, hosts=hosts: hosts.add(request.url.split("/")[2]))
            page.goto(f"http://127.0.0.1:{server.port}{path}", wait_until="load")
            painted = page.evaluate(PAINTED)
            page.wait_for_timeout(300)
            print(
                f"{path:<12} {sum(sizes) / 1024:5.1f} KB in {len(sizes)} requests to {len(hosts)} host, on the screen after {painted:.0f} ms"
            )
            context.close()
        browser.close()
