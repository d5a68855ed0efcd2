"""bug-triage, mesh: agents hand a report to whoever is best placed next, and back."""

from swarm_ui.sample.recording import INFO, WARNING, Failed, Recording

# report, what the logs hold, cause, mend
BUGS = (
    ("Log-in loop on Safari 18 after single sign-on", "SameSite=None cookie without Secure on 412 of 418 loops", "the cookie is set before the redirect to https", "the redirect comes first"),
    ("Totals on invoices differ by one cent", "1,204 invoices since 4.9 round each line", "rounding moved from the sum to the lines", "the sum is rounded, the lines are shown rounded"),
    ("Export stops at 65,536 rows", "all 31 reports have exactly 65,536 rows", "the sheet writer still uses the old format's limit", "the new format is used above 60,000 rows"),
    ("Notifications arrive twice", "both nodes hold the lease for 3 s after a deploy", "the lease is renewed after its end", "renewal needs the old holder's name"),
    ("Search finds nothing for names with apostrophes", "queries carry U+2019 from phones", "the index holds U+0027 alone", "both are folded on both sides"),
    ("Dashboard is blank for viewers", "403 on /api/me/limits for the role viewer", "the page waits for a call that viewers may not make", "the call answers with the viewer's own limits"),
    ("Uploads above 100 MB fail after the last update", "413 from the proxy, never from the application", "the proxy's default came back with its new version", "the limit is set where the proxy is configured"),
    ("Time zone of reports is off by an hour", "all from accounts in Sao Paulo", "the zone data of the image is of 2018", "zone data is installed from the package"),
)  # fmt: skip


def play(run: Recording, number: int, trouble: str) -> None:
    title, evidence, cause, mend = BUGS[number % len(BUGS)]
    ticket = f"BUG-{2200 + number % 700}"
    with run.run("bug-triage", f"{ticket}: {title}") as whole:
        run.log(INFO, f"{ticket} picked up", priority="P2" if number % 3 else "P1")
        with run.agent("router", f"{ticket}: {title}") as router:
            router.answer = "Reproducible, affects more than one account. First the logs, then the code."
            run.think(router.answer)
            _hand_over(run, "sql-analyst", f"How many accounts are affected by “{title}”, since when?")
            _hand_over(run, "coder", f"Reproduce “{title}”.")
        with run.agent("sql-analyst", f"How many accounts are affected by “{title}”, since when?") as analyst:
            run.use(
                "search_logs",
                {"query": f'ticket:"{ticket}" OR message~"{title.split()[0].lower()}"', "days": 14},
                f"{evidence}",
                2.8,
            )
            run.use(
                "run_query",
                {"sql": "SELECT min(at), count(DISTINCT account) FROM incidents WHERE signature = %s"},
                f"since 9 days, {3 + number % 40} accounts",
                1.4,
            )
            analyst.answer = f"{evidence}. Since 9 days, {3 + number % 40} accounts."
            run.think(analyst.answer)
            _hand_over(run, "coder", f"The logs say: {evidence}. Is it the code?")
        _mend(run, ticket, title, cause, trouble)
        with run.agent("reviewer", f"{ticket}: is this the whole cause? {cause}") as reviewer:
            run.use("read_diff", {"ticket": ticket}, f"+ {mend}", 0.6)
            reviewer.answer = f"It is: {cause}. The test fails without the change."
            run.think(reviewer.answer)
        whole.answer = f"{ticket}: {title}. Cause: {cause}. Mended: {mend}. Affected: {3 + number % 40} accounts; a test holds it."


def _hand_over(run: Recording, agent: str, why: str) -> None:
    with run.tool(f"transfer_to_{agent}", {"reason": why}) as outcome:
        run.wait(0.05)
        outcome["result"] = f"{agent} has it"


def _mend(run: Recording, ticket: str, title: str, cause: str, trouble: str) -> None:
    with run.agent("coder", f"Reproduce “{title}”.") as coder:
        run.use("reproduce", {"ticket": ticket, "browser": "headless"}, "reproduced on the second try", 9)
        run.think(f"Likely: {cause}. One thing to check in the logs first.")
        _hand_over(run, "sql-analyst", f"Does it happen where this cannot be: {cause}?")
        coder.answer = "Reproduced; waiting for a count."
    with run.agent("sql-analyst", f"Does it happen where this cannot be: {cause}?") as analyst:
        run.use("search_logs", {"query": f"NOT signature:{ticket}", "days": 14}, "0 matches", 1.9)
        analyst.answer = "No: 0 matches outside."
        run.think(analyst.answer)
        _hand_over(run, "coder", "0 matches outside; the cause holds.")
    with run.agent("coder", f"{ticket}: make the smallest change, with a test.") as coder:
        attempts = 4 if trouble == "still-red" else 2 if trouble == "first-try-red" else 1
        for attempt in range(1, attempts + 1):
            run.use("apply_patch", {"ticket": ticket, "attempt": attempt}, "2 files changed", 0.9)
            error = None
            if attempt < attempts or trouble == "still-red":
                error = Failed("ToolError", f"{5 - attempt} of 212 tests failed after attempt {attempt}")
            try:
                run.use(
                    "run_tests",
                    {"path": "tests", "attempt": attempt},
                    {"passed": 212, "failed": 0},
                    run.random.uniform(14, 40),
                    error,
                )
            except Failed as failed:
                run.log(WARNING, f"{ticket}: {failed}", attempt=attempt)
                if attempt == attempts:
                    raise
        coder.answer = f"Mended: {cause}. 212 tests pass."
        run.think(coder.answer)
        _hand_over(run, "reviewer", f"{ticket} is mended, please look.")
