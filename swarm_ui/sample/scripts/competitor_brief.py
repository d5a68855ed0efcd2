"""competitor-brief, hierarchical: a planner has evidence collected from the web, a brief written, and the brief judged."""

from swarm_ui.sample.recording import ERROR, INFO, WARNING, Failed, Recording

# company, site, what they sell, what their price page says, what is new, where they are weak
COMPANIES = (
    ("Northpeak", "northpeak.example", "log search", "Team $29 and Business $74 per host, billed yearly", "cold storage tier at a fifth of the price", "no on-premises edition"),
    ("Lumen Analytics", "lumen.example", "product analytics", "free to 1M events, then $0.00022 per event", "session replay bundled since October", "exports are limited to CSV"),
    ("Acme Observability", "acme.example", "tracing", "$0.30 per million spans, 15 days kept", "an agent view in public beta", "alerts cannot be grouped"),
    ("Verity Data", "verity.example", "data quality", "from $1,900 a month for 50 tables", "checks written in plain English", "lineage covers two warehouses only"),
    ("Oxbow Systems", "oxbow.example", "workflow automation", "$49 per seat, 10,000 actions included", "a connector marketplace with 140 entries", "no audit log below Enterprise"),
    ("Kestrel Cloud", "kestrel.example", "feature flags", "Starter $0, Growth $10 per thousand contexts", "experiments moved into Growth", "flags cannot be scheduled"),
    ("Halden Security", "halden.example", "secrets management", "$0.03 per secret and day", "rotation for four more databases", "self-hosting needs their operator"),
    ("Brightloop", "brightloop.example", "customer messaging", "$0.99 per resolved conversation", "answers in 14 more languages", "hand-over to people takes two clicks"),
    ("Tessellate", "tessellate.example", "design systems", "$18 per editor, viewers free", "tokens sync to three platforms", "branching is still in preview"),
    ("Ferrous", "ferrous.example", "build caching", "$0.04 per GB served, 500 GB free", "a region in Frankfurt", "cache keys cannot be inspected"),
)  # fmt: skip


def play(run: Recording, number: int, trouble: str) -> None:
    company, site, field, price, news, weakness = COMPANIES[number % len(COMPANIES)]
    asked = f"Competitor brief on {company} ({field}): pricing, positioning, launches of the last four weeks. One page for the account team, every claim with its source."
    with run.run("competitor-brief", asked) as whole:
        run.log(
            INFO, f"Brief on {company} accepted", requested_by="weekly-sweep" if number % 3 else "m.okafor"
        )
        with run.agent("planner", asked) as planner:
            run.think(
                f"Plan: 1. price page and changelog of {company}. 2. Our notes from the last brief. 3. Draft, at most one page. "
                "4. Judge against the rubric; below 0.67 it goes back once. I change the plan if the price page cannot be read."
            )
            evidence = _collect(run, company, site, price, news, trouble)
            brief = _write(run, company, price, news, weakness, evidence)
            score, verdict = _judge(run, company, brief, number)
            if score < 0.67:
                run.log(WARNING, f"Draft scored {score:.2f}, sent back once", score=score)
                brief = _write(
                    run, company, price, news, weakness, f"{evidence}\n\nRequest of the judge: {verdict}"
                )
            planner.answer = brief
            run.think(brief)
        whole.answer = brief


def _collect(run: Recording, company: str, site: str, price: str, news: str, trouble: str) -> str:
    pages = [f"https://www.{site}/pricing", f"https://www.{site}/changelog", f"https://www.{site}/blog"]
    goal = f"Collect current pricing and the launches of the last four weeks for {company}. Cite every claim."
    with run.delegate("researcher", goal) as researcher:
        run.use(
            "search_web",
            {"query": f"{company} pricing change launch", "days": 28, "limit": 6},
            [{"url": url, "title": f"{company} · {url.rpartition('/')[2].title()}"} for url in pages],
            1.6,
        )
        failure = None
        for url in pages if trouble == "blocked" else pages[: run.random.choice((1, 1, 2))]:
            try:
                _read(run, url, company, price, news, trouble)
            except Failed as failed:
                failure = failed
                run.log(WARNING, f"browser gave up on {url}", url=url, error=failed.kind)
                run.wait(2)
        if failure is not None and trouble == "blocked":
            run.log(ERROR, f"No page of {company} could be read; the brief has no evidence", pages=len(pages))
            raise failure
        run.retrieve(
            "briefs-archive",
            f"{company} earlier briefs",
            [f"In the last brief {company} was described as strong in {news}.", f"Open question: {company} and contracts below 20 seats."],
            0.7,
        )  # fmt: skip
        researcher.answer = (
            f"{company}: {price} [1]. New since the last brief: {news} [2]. Not found: discounts for contracts above three years.\n"
            f"[1] {pages[0]} [2] {pages[1]}"
        )
        run.think(researcher.answer)
    return researcher.answer


def _read(run: Recording, url: str, company: str, price: str, news: str, trouble: str) -> None:
    with run.delegate("browser", f"Quote what {url} says on prices and launches, word for word.") as browser:
        attempts = (
            3 if trouble == "blocked" else 2 if trouble == "slow-page" and url.endswith("/pricing") else 1
        )
        for attempt in range(1, attempts + 1):
            error = None
            if trouble == "blocked":
                error = Failed(
                    "httpx.HTTPStatusError",
                    f"Client error '403 Forbidden' for url '{url}' (x-deny-reason: datacenter-asn)",
                )
            elif attempt < attempts:
                error = Failed("httpx.ReadTimeout", f"The read operation timed out after 30 s: {url}")
            try:
                page = f"<h1>{company}</h1> … {price}. … What's new: {news}. …"
                run.use(
                    "fetch_page",
                    {"url": url, "render": True, "timeout_s": 30, "attempt": attempt},
                    page,
                    2.4 if error is None else 4.5,
                    error,
                )
                break
            except Failed:
                run.log(WARNING, f"fetch_page attempt {attempt} of {max(attempts, 3)} failed", url=url)
                if attempt == attempts:
                    raise
                run.wait(4 * attempt)
        browser.answer = f"“{price}” and “{news}”, read from {url}."
        run.think(browser.answer)


def _write(run: Recording, company: str, price: str, news: str, weakness: str, evidence: str) -> str:
    with run.delegate(
        "writer", f"Write the brief on {company} from this evidence, one page:\n{evidence}"
    ) as writer:
        writer.answer = (
            f"{company} in one line: cheaper to start with than we are, dearer above 40 seats.\n\n"
            f"Pricing. {price} [1]. Nothing changed for customers of the last twelve months.\n"
            f"Positioning. They lead with {news} [2] and mention us by name on two pages.\n"
            f"Where we win. {weakness[0].upper()}{weakness[1:]}; two of our last five deals turned on it.\n"
            "Uncertain. Multi-year discounts were not published; ask in the next call."
        )
        run.think(writer.answer)
    return writer.answer


def _judge(run: Recording, company: str, brief: str, number: int) -> tuple[float, str]:
    with run.delegate(
        "judge",
        f"Score this brief on {company} against the rubric (sources, figures, length, use).\n\n{brief}",
    ) as judge:
        score = 0.61 if number % 7 == 3 else round(run.random.uniform(0.74, 0.93), 2)
        verdict = (
            "name the source of the sentence on deals."
            if score < 0.67
            else "every figure carries its source; the uncertain part is marked as such."
        )
        judge.answer = f"{score:.2f}: {verdict}"
        run.think(judge.answer)
    return score, verdict
