"""`python -m bench [agents|fulltext|heartbeats|ingest|longrun|pages|start|visit|whoandwhen] [--spans N]`."""

import argparse

from bench import agents, fulltext, heartbeats, ingest, longrun, pages, start, visit, whoandwhen


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    kinds = [
        "all", "agents", "fulltext", "heartbeats", "ingest", "longrun", "pages", "start", "visit", "whoandwhen",
    ]  # fmt: skip
    parser.add_argument("what", nargs="?", choices=kinds, default="all")
    parser.add_argument(
        "--spans", type=int, help="how many spans to send (agents, ingest), or the large number (pages)"
    )
    parser.add_argument("--lines", type=int, default=1_000_000, help="log lines (fulltext)")
    parser.add_argument("--messages", type=int, default=10_000, help="of the long run (longrun)")
    parser.add_argument("--database", help="another database than a new SQLite file (fulltext, ingest)")
    parser.add_argument("--file", help="runs.jsonl.gz of Who&When (whoandwhen)")
    chosen = parser.parse_args()
    if chosen.what in ("all", "start"):
        start.main()
    if chosen.what in ("all", "visit"):
        visit.main()
    if chosen.what in ("all", "ingest"):
        ingest.main(chosen.spans or 100_000, chosen.database)
    if chosen.what in ("all", "heartbeats"):
        heartbeats.main()
    if chosen.what in ("all", "agents"):
        agents.main(chosen.spans or 1_000_000)
    if chosen.what in ("all", "fulltext"):
        fulltext.main(chosen.lines, chosen.database)
    if chosen.what in ("all", "longrun"):
        longrun.main(chosen.messages)
    if chosen.what in ("all", "pages"):
        pages.main(large=chosen.spans or 200_000)
    if chosen.what == "whoandwhen":
        whoandwhen.main(chosen.file)


main()
