"""Jinja as the pages use it."""

from collections.abc import MutableMapping
from typing import Any

from flask import templating


class Environment(templating.Environment):
    """Globals must be there before the first template is loaded: each has a dict of them instead of Jinja's chain, whose keys every include
    and import of every page goes through in Python, a twentieth of a list's time."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return {**self.globals, **(d or {})}
