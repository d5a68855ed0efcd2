#!/bin/sh
# Prints the path of a Chromium or Chrome that runs, or nothing when Playwright has one of its own. Installs one where it may.
set -u
cd "$(dirname "$0")/.."

runs() {
    "$1" --version >/dev/null 2>&1
}

installed() {
    for name in ${CHROMIUM:+"$CHROMIUM"} chromium chromium-browser google-chrome google-chrome-stable chrome; do
        # Ubuntu's chromium-browser is a script that only says to install a snap: hence the trial.
        if path=$(command -v "$name") && runs "$path"; then
            echo "$path"
            return 0
        fi
    done
    return 1
}

playwright_has_one() {
    .venv/bin/python - <<'PYTHON' >/dev/null 2>&1
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    playwright.chromium.launch(args=["--no-sandbox"]).close()
PYTHON
}

installed && exit 0
playwright_has_one && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing chromium for the browser tests …" >&2
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium; } >&2
    installed && exit 0
fi
echo "Installing Playwright's chromium for the browser tests …" >&2
.venv/bin/python -m playwright install chromium >&2
playwright_has_one && exit 0
cat >&2 <<'TEXT'
The tests need Chromium or Chrome, and none could be installed. Install it with:
  sudo apt-get install -y chromium
or name one that is there already:
  make test CHROMIUM=/path/to/chrome
TEXT
exit 1
