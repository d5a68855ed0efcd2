"""The documentation says what the code does."""

import re

import pytest

from swarm_ui.config import ROOT, SETTINGS

TABLE = re.findall(
    r"^\| `([A-Z0-9_]+)` \| (.+?) \| (.+) \|$", (ROOT / "docs/settings.md").read_text("utf-8"), re.MULTILINE
)


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.name)
def test_each_setting_is_documented(row):
    default = f"`{row.default}`" if " " not in row.default else row.default
    assert (row.name, default, row.help) in TABLE, (
        f"docs/settings.md needs: | `{row.name}` | {default} | {row.help} |"
    )


def test_nothing_else_is_documented_as_a_setting():
    assert [name for name, _, _ in TABLE] == [row.name for row in SETTINGS]


def test_make_help_lists_every_target():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[1].split()
    documented = re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)
    assert sorted(phony) == sorted(documented)
