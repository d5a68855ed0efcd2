"""`python -m bench [ingest|heartbeats|pages|start|visit|whoandwhen] [--spans N]`."""

import argparse

from bench import heartbeats, ingest, pages, start, visit, whoandwhen


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    kinds = ["all", "heartbeats", "ingest", "pages", "start", "visit", "whoandwhen"]
    parser.add_argument("what", nargs="?", choices=kinds, default="all")
    parser.add_argument(
        "--spans", type=int, help="how many spans to send (ingest), or the large number (pages)"
    )
    parser.add_argument("--database", help="another database than a new SQLite file (ingest)")
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
    if chosen.what in ("all", "pages"):
        pages.main(large=chosen.spans or 200_000)
    if chosen.what == "whoandwhen":
        whoandwhen.main(chosen.file)


main()
