"""What a model call costs where its library does not say: the price library's figure for the day of the call, else unknown."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from swarm_ui import clock
from swarm_ui.projection.tree import Node

# Dollars for (input, output, cached input) tokens; cached ones are part of the input.
Tariff = Callable[[int, int, int], float | None]
_MILLION = 1_000_000
_DAY_US = 86_400_000_000


def price_of(node: Node) -> float | None:
    """US dollars; None for a model without a listed price."""
    if not node.model:
        return None
    tariff = _tariff(node.provider, node.model, node.started_at // _DAY_US)
    if tariff is None:
        return None
    return tariff(node.input_tokens or 0, node.output_tokens or 0, node.cached_tokens or 0)


@lru_cache(maxsize=4096)
def _tariff(provider: str | None, model: str, day: int) -> Tariff | None:
    price = _listed(provider, model, clock.from_us(day * _DAY_US).date())
    if price is None:
        return None
    from genai_prices.types import TieredPrices

    def asked(tokens_in: int, tokens_out: int, cached: int) -> float | None:
        return _calculated(price, tokens_in, tokens_out, cached)

    # Prices per token are straight lines, up to where a dearer tier begins: four answers of the library (60 to 380 µs each) give all the others.
    tiers = [
        tier.start
        for value in vars(price).values()
        if isinstance(value, TieredPrices)
        for tier in value.tiers
    ]
    cliff = min(tiers, default=None)
    unit = _MILLION if cliff is None else max(1, min(_MILLION, cliff - 1))
    base, first, second, third = (asked(0, 0, 0), asked(unit, 0, 0), asked(0, unit, 0), asked(unit, 0, unit))
    if base is None or first is None or second is None:
        return asked
    per_input, per_output = (first - base) / unit, (second - base) / unit
    per_cached = (third - base) / unit if third is not None else per_input

    def line(tokens_in: int, tokens_out: int, cached: int) -> float | None:
        if cliff is not None and max(tokens_in, tokens_out) >= cliff:
            return asked(tokens_in, tokens_out, cached)
        cached = min(cached, tokens_in)
        return base + (tokens_in - cached) * per_input + cached * per_cached + tokens_out * per_output

    return line


def _calculated(price: Any, tokens_in: int, tokens_out: int, cached: int) -> float | None:
    from genai_prices import Usage

    try:
        usage = Usage(input_tokens=tokens_in, output_tokens=tokens_out, cache_read_tokens=cached or None)
        return float(price.calc_price(usage)["total_price"])
    except (LookupError, ValueError, TypeError, ArithmeticError):
        # The tables are data of many hands: a row that trips has no estimate.
        return None


def _listed(provider: str | None, model: str, day: date) -> Any:
    """The prices that held on that day. Providers come as "openai.chat" too, models as "openai/gpt-4o"."""
    from genai_prices import data_snapshot

    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    snapshot = data_snapshot.get_snapshot()
    providers = dict.fromkeys((provider, provider.partition(".")[0] if provider else None, None))
    for name in dict.fromkeys((model, model.rpartition("/")[2])):
        for known_as in providers:
            try:
                _, found = snapshot.find_provider_model(name, None, known_as, None)
            except LookupError:
                continue
            return found.get_prices(at)
    return None
