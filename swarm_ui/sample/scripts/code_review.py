"""code-review, round robin: coder, reviewer and judge speak in turn until the judge is content."""

from swarm_ui.sample.recording import ERROR, INFO, WARNING, Failed, Recording

# pull request, file, what the reviewer finds, how it is mended
CHANGES = (
    ("#4412 Retry webhooks with jitter", "webhooks/deliver.py", "the delay is drawn once per process, so all workers retry together", "the delay is drawn for each attempt"),
    ("#4418 Page the audit log by cursor", "audit/queries.py", "two entries of the same microsecond can be skipped", "the cursor carries the id as a tiebreak"),
    ("#4421 Cache feature flags for 30 s", "flags/cache.py", "a flag that was deleted stays true until the process ends", "deletions are published and drop the entry"),
    ("#4425 Export invoices as PDF/A", "billing/pdf.py", "fonts are embedded whole, 4 MB for each file", "only the used glyphs are embedded"),
    ("#4431 Limit log-in attempts by address", "auth/limits.py", "behind the proxy every attempt counts for one address", "the forwarded address counts where the proxy is trusted"),
    ("#4436 Move image resizing to the worker", "media/resize.py", "a failed resize leaves the upload without a thumbnail and without a trace", "the failure is stored with the upload and tried again"),
    ("#4440 Drop the legacy search endpoint", "search/routes.py", "the mobile app below 5.2 still calls it", "the old path answers 301 until version 5.2 is required"),
    ("#4447 Store sums as integers", "billing/models.py", "the report divides before it rounds and is a cent off", "it rounds once, at the end"),
    ("#4452 Delete expired sessions nightly", "auth/sessions.py", "one DELETE over 3 million rows blocks log-ins for 40 s", "it deletes 1,000 rows at a time"),
    ("#4458 Accept OTLP over HTTP", "ingest/otlp.py", "the size is limited before decompression only", "the limit counts what comes out"),
)  # fmt: skip


def play(run: Recording, number: int, trouble: str) -> None:
    title, path, finding, remedy = CHANGES[number % len(CHANGES)]
    with run.run("code-review", f"Review pull request {title}.") as whole:
        run.log(INFO, f"Review of {title.partition(' ')[0]} started", repository="atlas/platform")
        rounds = 3 if number % 4 == 2 else 2
        for turn in range(1, rounds + 1):
            first, last = turn == 1, turn == rounds
            with run.agent(
                "coder",
                f"Round {turn} on {title}. {'Present the change.' if first else f'Answer the review: {finding}.'}",
            ) as coder:
                run.use(
                    "read_diff" if first else "apply_patch",
                    {"path": path, "round": turn},
                    f"{path}: {12 + 7 * turn} lines added, {3 * turn} removed",
                    1.2,
                )
                _test(run, path, trouble if first else "")
                coder.answer = f"{path} changed; tests pass. " + (
                    "Ready for review." if first else f"Done: {remedy}."
                )
                run.think(coder.answer)
            with run.agent("reviewer", f"Round {turn}: review {path} of {title}.") as reviewer:
                run.use("read_file", {"path": path, "around": 40 * turn}, f"def deliver(…): …  # {path}", 0.5)
                reviewer.answer = (
                    "Nothing that must change; one name could be clearer."
                    if last
                    else f"Must change: {finding} ({path}:{31 + number % 90})."
                )
                run.think(reviewer.answer)
            with run.agent(
                "judge",
                f"Round {turn}: is the review settled?\nCoder: {coder.answer}\nReviewer: {reviewer.answer}",
            ) as judge:
                score = round(run.random.uniform(0.78, 0.96) if last else run.random.uniform(0.38, 0.6), 2)
                judge.answer = f"{score:.2f}: " + (
                    "settled, merge after the checks." if last else "not settled, one more round."
                )
                run.think(judge.answer)
            if last:
                run.tell(
                    "judge",
                    ["coder", "reviewer"],
                    "broadcast",
                    f"{title.partition(' ')[0]} is settled with {score:.2f}.",
                )
        whole.answer = (
            f"Approve {title}. Found and mended: {finding}; now {remedy}. One name could be clearer."
        )


def _test(run: Recording, path: str, trouble: str) -> None:
    suite = f"tests/{path.partition('/')[0]}"
    if trouble == "tests-hang":
        run.log(ERROR, f"{suite} did not end within 10 minutes, killed", suite=suite)
        run.use(
            "run_tests",
            {"path": suite},
            "",
            240,
            Failed(
                "subprocess.TimeoutExpired",
                f"Command '['pytest', '-q', '{suite}']' timed out after 600 seconds",
            ),
        )
    if trouble == "flaky-test":
        try:
            run.use(
                "run_tests",
                {"path": suite},
                "",
                31,
                Failed("ToolError", f"1 failed, 84 passed: {suite}/test_times.py::test_it_waits"),
            )
        except Failed:
            run.log(WARNING, "One test failed, run again", suite=suite)
    run.use(
        "run_tests",
        {"path": suite},
        {"passed": 85 + run.random.randrange(40), "failed": 0},
        run.random.uniform(12, 48),
    )
