"""support-desk, hierarchical: a router asks for what is known and for the customer's figures, and has the answer written."""

from swarm_ui.sample.recording import INFO, WARNING, Failed, Recording
from swarm_ui.sample.scripts.talks import TALKS

# what the customer asks, what the knowledge base says, whether figures are needed, the answer
REQUESTS = (
    ("I was charged twice for November, please refund one.", "Duplicate charges are refunded to the same card within five days.", True, "You are right: two charges of the same amount on the 3rd. The second is refunded; it reaches your card within five days."),
    ("How do I move my workspace to the EU region?", "Moves are started by an owner under Settings, Region, and take up to four hours.", False, "An owner starts it under Settings, Region. The workspace is read-only for up to four hours; links stay the same."),
    ("Our export from last night is empty.", "Exports started during a migration contain headers only.", True, "Your export ran during maintenance and holds headers only. I started it again; you get a mail when it is ready."),
    ("Can I add a second administrator?", "Every plan has as many administrators as seats.", False, "Yes, on every plan: People, choose the person, then Administrator."),
    ("The API answers 429 although we are below our limit.", "Limits count for each key and minute; bursts above a tenth count twice.", True, "Your key sent 640 requests within four seconds at 09:14; bursts count twice. Spread them or ask for a higher limit."),
    ("Please delete the account of a colleague who left.", "Owners delete accounts; content is handed to whom they name.", False, "As owner you can: People, the colleague, Delete. You are asked who takes over the content."),
    ("Why is our invoice higher than last month?", "Seats are billed from the day on which they are added.", True, "Nine seats were added on the 12th and are billed from that day: 9 × 19 days. The next invoice shows them for the whole month."),
    ("Single sign-on stopped working this morning.", "Certificates of identity providers expire; a new one is uploaded under Security.", True, "Your identity provider's certificate expired at midnight. Upload the new one under Security; log-in by mail works meanwhile."),
    ("Do you have a data processing agreement?", "The agreement is part of the terms and can be signed under Legal.", False, "Yes. An owner signs it under Settings, Legal; a countersigned copy comes by mail at once."),
    ("Search does not find a file I uploaded yesterday.", "New files are searchable within ten minutes; scans need text recognition.", True, "The file is a scan without text. I started text recognition; it can be found in about ten minutes."),
    ("How long do you keep deleted projects?", "Deleted projects are kept for 30 days and can be restored by an owner.", False, "30 days. Until then an owner restores them under Trash."),
    ("Webhooks arrive an hour late.", "Deliveries are retried with growing delays when the receiver answers 5xx.", True, "Your endpoint answered 502 from 13:05 to 13:40; what came then was tried again after an hour. Nothing is lost."),
)  # fmt: skip


def play(run: Recording, number: int, trouble: str) -> None:
    question, known, figures, answer = (
        TALKS[run.talk[0]][run.talk[1]] if run.talk else REQUESTS[number % len(REQUESTS)]
    )
    with run.run("support-desk", question) as whole:
        run.log(
            INFO,
            "Request received",
            channel=("mail", "chat", "form")[number % 3],
            customer=f"cus_{4100 + number * 37 % 5000}",
        )
        with run.agent("router", question) as router:
            run.think(
                f"Intent: {'account figures' if figures else 'how-to'}; urgency: {'high' if number % 5 == 0 else 'normal'}."
            )
            passage = _look_up(run, question, known, trouble)
            facts = ""
            if figures:
                with run.delegate(
                    "sql-analyst", f"The account's figures that matter for: {question}"
                ) as analyst:
                    error = None
                    if trouble == "lookup-timeout":
                        error = Failed(
                            "psycopg.errors.QueryCanceled",
                            "canceling statement due to statement timeout (15000 ms)",
                        )
                    run.use(
                        "account_lookup",
                        {"account": f"acc_{7000 + number * 13 % 900}", "days": 60},
                        {"plan": "Business", "seats": 10 + number % 80, "matches": known[:40]},
                        15 if error else 0.9,
                        error,
                    )
                    analyst.answer = "One match in the last 60 days; it explains the question."
                    run.think(analyst.answer)
                facts = analyst.answer
            with run.delegate(
                "writer",
                f"Answer the customer.\nQuestion: {question}\nKnown: {passage}\nFigures: {facts or 'none needed'}",
            ) as writer:
                writer.answer = answer
                run.think(answer)
            router.answer = answer
        whole.answer = answer


def _look_up(run: Recording, question: str, known: str, trouble: str) -> str:
    try:
        with run.delegate("retriever", f"What do we know about: {question}") as retriever:
            error = None
            if trouble == "index-timeout":
                error = Failed(
                    "qdrant_client.http.exceptions.ResponseHandlingException",
                    "timed out after 10 s on collection support-answers",
                )
            run.retrieve(
                "support-answers",
                question,
                [known, "See also: account settings for owners."],
                10 if error else 0.6,
                error,
            )
            retriever.answer = f"One passage above 0.9: {known}"
            run.think(retriever.answer)
    except Failed:
        run.log(WARNING, "Knowledge base not reachable, answered without it", collection="support-answers")
        return "nothing: the knowledge base did not answer"
    return retriever.answer
