"""deep-research, concurrent: three agents look for evidence side by side, then one summarises and one judges."""

from swarm_ui.sample.recording import ERROR, INFO, WARNING, Failed, Recording

# question, what the web says, what our documents say, what the warehouse says (query, rows), conclusion
QUESTIONS = (
    (
        "Why did trial conversions fall in the last quarter?",
        "Two competitors lengthened their trials to 30 days in August; reviewers call ours short.",
        "The onboarding study of September names the empty first screen as the main reason to leave.",
        ("SELECT week, count(*) FILTER (WHERE converted) * 1.0 / count(*) AS rate FROM trials GROUP BY week ORDER BY week", "9.8 % in week 28, 7.1 % in week 41; the drop is in self-serve sign-ups alone"),
        "Conversions fell by a quarter, all of it self-serve. The timing fits the longer trials elsewhere, the interviews point at our first screen. Test a prepared workspace before a longer trial.",
    ),
    (
        "Should we offer a region in Canada?",
        "Quebec's Law 25 asks for an assessment, not for storage in the country; tenders of public bodies ask for it anyway.",
        "Six lost deals in the last year mention Canadian hosting, worth $1.1M together.",
        ("SELECT country, sum(arr) AS arr, count(*) AS customers FROM accounts GROUP BY country ORDER BY arr DESC LIMIT 10", "Canada is fourth with $2.3M and 61 customers"),
        "Yes, for the public sector alone: no law demands it, tenders do. At two deals a year it pays for itself in the second year.",
    ),
    (
        "What drives the cost of model calls since September?",
        "Prices of the models in use did not change in that time.",
        "Release 4.9 sends the whole conversation to the judge instead of the last draft.",
        ("SELECT date_trunc('week', at) AS week, agent, sum(tokens) AS tokens FROM llm_usage GROUP BY 1, 2 ORDER BY 1", "the judge went from 4 to 19 million tokens a week, all others are flat"),
        "The judge alone: since 4.9 it reads whole conversations. Sending the last draft and the rubric would save about 70 % of its tokens.",
    ),
    (
        "Which customers are at risk before the renewal in January?",
        "Three of the named accounts announced lay-offs this autumn.",
        "Support notes show unanswered escalations at Corvid Freight and Maren Foods.",
        ("SELECT account, active_users_30d, active_users_90d FROM usage_by_account WHERE renewal < '2027-02-01' ORDER BY active_users_30d * 1.0 / active_users_90d LIMIT 12", "five accounts lost more than 40 % of their active users in a quarter"),
        "Five accounts need a call this week; at two of them an open escalation explains the fall, at three nobody spoke to us since spring.",
    ),
    (
        "Is the new pricing page the reason for fewer demo requests?",
        "Search traffic to price comparisons in our field fell by 12 % in the same weeks.",
        "The page went live on 3 November with the form moved below the table.",
        ("SELECT day, count(*) AS requests, count(*) * 1.0 / max(visits) AS rate FROM demo_requests JOIN page_days USING (day) GROUP BY day", "requests per visit are down from 2.4 % to 1.5 % from the day of the release"),
        "Mostly: the rate fell on the day of the release, traffic explains a third at most. Move the form back up and measure for a week.",
    ),
    (
        "How long do security reviews of prospects take, and why?",
        "Published questionnaires of large buyers grew from 180 to 260 questions in two years.",
        "Answers are spread over four documents; the median reply takes six working days.",
        ("SELECT segment, percentile_cont(0.5) WITHIN GROUP (ORDER BY days) AS median, count(*) FROM security_reviews GROUP BY segment", "enterprise 31 days, mid-market 12; 8 of 10 days are ours"),
        "31 days for enterprise, and most of that is our own waiting. A maintained answer library would halve it.",
    ),
    (
        "Do larger batches make the nightly export faster?",
        "The vendor advises 5,000 rows a call; above 20,000 its own limits apply.",
        "The export was tuned in 2024 for the old instance size.",
        ("SELECT batch_size, avg(seconds) AS seconds, count(*) AS runs FROM export_runs GROUP BY batch_size ORDER BY batch_size", "1,000 rows: 41 min; 5,000: 19 min; 10,000: 18 min"),
        "Yes, up to 5,000 rows: from 41 to 19 minutes. Beyond that nothing is gained and the retry costs more.",
    ),
)  # fmt: skip


def play(run: Recording, number: int, trouble: str) -> None:
    question, web, documents, (query, rows), conclusion = QUESTIONS[number % len(QUESTIONS)]
    with run.run("deep-research", question) as whole:
        run.log(INFO, "Research started", budget_usd=2.5, sources=3)
        with run.agent("planner", question) as planner:
            planner.answer = "Three sources side by side: the web for context, our documents for what we know, the warehouse for figures. Disagreement is a result."
            run.think(planner.answer)
        run.together(
            lambda: _on_the_web(run, question, web, trouble),
            lambda: _in_documents(run, question, documents),
            lambda: _in_the_warehouse(run, question, query, rows, trouble),
        )
        notes = f"Web: {web}\nDocuments: {documents}\nWarehouse: {rows}"
        with run.agent("summarizer", f"{question}\n\n{notes}") as summarizer:
            run.wait(0.5)
            summarizer.answer = conclusion
            run.think(conclusion)
        try:
            _judge(run, conclusion, notes, trouble == "no-score")
        except Failed:
            run.log(WARNING, "The judge gave no score, asked once more")
            _judge(run, conclusion, notes, False)
        whole.answer = conclusion


def _judge(run: Recording, conclusion: str, notes: str, fails: bool) -> None:
    with run.agent(
        "judge", f"Does this answer follow from the evidence?\n\n{conclusion}\n\n{notes}"
    ) as judge:
        score = round(run.random.uniform(0.71, 0.95), 2)
        judge.answer = (
            f"{score:.2f}: the conclusion follows from the figures; the web source supports the timing."
        )
        run.think("The answer is well founded." if fails else judge.answer)
        if fails:
            with run.step("parse score"):
                raise Failed(
                    "pydantic_core.ValidationError",
                    "1 validation error for Score: input should be a number between 0 and 1",
                )


def _on_the_web(run: Recording, question: str, finding: str, trouble: str) -> None:
    with run.agent("researcher", f"Context from public sources: {question}") as researcher:
        for turn in range(run.random.choice((2, 3, 4))):
            query = (question.rstrip("?"), f"{question.rstrip('?')} 2026", "industry report", "analyst note")[
                turn
            ]
            run.use(
                "search_web",
                {"query": query, "limit": 8},
                [{"title": "Industry report, third quarter", "url": "https://reports.example/q3"}, {"title": "Notes on the market", "url": "https://notes.example/market"}],
                2.6,
            )  # fmt: skip
            run.use(
                "read_source", {"url": "https://reports.example/q3", "page": turn + 1}, f"… {finding} …", 5.5
            )
        if trouble == "rate-limit":
            _retried(run, "Weighing the sources.")
        if trouble == "context-window":
            run.log(ERROR, "Conversation of researcher exceeds the model's window", tokens=272_114)
            refusal = "Error code: 400 - This model's maximum context length is 262144 tokens. However, your messages resulted in 272114 tokens."
            run.think("", error=Failed("openai.BadRequestError", refusal))
        researcher.answer = finding
        run.think(finding)


def _retried(run: Recording, said: str) -> None:
    try:
        run.think(
            said,
            error=Failed("openai.RateLimitError", "Error code: 429 - Rate limit reached for gpt-4.1 on tokens per min (TPM): Limit 450000, Used 447120."),
        )  # fmt: skip
    except Failed:
        run.log(WARNING, "Rate limited, trying again in 20 s", retry_after_s=20)
        run.wait(20)


def _in_documents(run: Recording, question: str, finding: str) -> None:
    with run.agent("retriever", f"Passages on: {question}") as retriever:
        run.embed(1, 0.2)
        run.retrieve(
            "knowledge-base",
            question,
            [finding, "Minutes of the product council, agenda item 4.", "Survey of customers, open answers."],
            1.1,
        )
        run.think(f"One passage above 0.9: {finding}")
        run.retrieve("meeting-notes", question, ["No decision was taken yet."], 0.9)
        retriever.answer = f"3 passages. Best (0.93): {finding}"
        run.think(retriever.answer)


def _in_the_warehouse(run: Recording, question: str, query: str, rows: str, trouble: str) -> None:
    with run.agent("sql-analyst", f"Figures for: {question}") as analyst:
        run.use(
            "describe_schema",
            {"schemas": ["analytics"]},
            "trials(week, converted), accounts(country, arr), llm_usage(at, agent, tokens), …",
            0.4,
        )
        if trouble == "bad-query":
            try:
                run.use(
                    "run_query",
                    {"sql": query.replace("FROM ", "FROM analytic.", 1)},
                    "",
                    0.3,
                    Failed("psycopg.errors.UndefinedTable", 'relation "analytic" does not exist'),
                )
            except Failed:
                run.log(WARNING, "Query refused by the warehouse, mended by the analyst")
        run.use("run_query", {"sql": query, "limit": 500}, f"{rows}.", run.random.uniform(3, 24))
        analyst.answer = f"{rows[0].upper()}{rows[1:]}. One query, 500 rows at most, no personal data."
        run.think(analyst.answer)
