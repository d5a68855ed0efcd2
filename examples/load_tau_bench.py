"""Loads the airline runs of tau-bench over the REST API: python examples/load_tau_bench.py RUNS.jsonl.gz --key KEY

Words between the customer and the agent become messages, calls of tools with their results become steps. There are no times in the file: what is sent
later is later, so each run is sent in its order.
"""

from itertools import groupby

from api import Api, options, report, runs_of

SERVICE, AGENT, CUSTOMER = "tau-bench", "airline agent", "customer"


def parts_of(run: dict) -> list[tuple[str, dict]]:
    """("messages" or "spans", what is sent) in the order of the run."""
    parts: list[tuple[str, dict]] = []
    calls: list[dict] = []
    for place, message in enumerate(run["messages"]):
        content = message.get("content")
        if message["role"] == "tool":
            # Results come in the order of the calls.
            step = calls.pop(0)
            step["output"] = content
            if (content or "").startswith("Error"):
                step |= {"status": "error", "errorType": "ToolError", "errorMessage": content}
            continue
        if content:
            sender, recipient = (CUSTOMER, AGENT) if message["role"] == "user" else (AGENT, CUSTOMER)
            kind = "request" if message["role"] == "user" else "response"
            parts.append(
                (
                    "messages",
                    {
                        "id": f"m{place}",
                        "sender": sender,
                        "recipient": recipient,
                        "messageType": kind,
                        "content": content,
                    },
                )
            )
        for number, call in enumerate(message.get("tool_calls") or []):
            step = {"spanId": f"call-{place}-{number}", "kind": "tool", "name": call["function"]["name"], "agent": AGENT, "status": "ok",
                    "input": call["function"]["arguments"]}  # fmt: skip
            parts.append(("spans", step))
            calls.append(step)
    return parts


def load(api: Api, run: dict) -> tuple[int, int, int]:
    task_id = f"{SERVICE}:{run['run_id']}"
    api.post("/tasks", {
        "id": task_id, "name": f"Airline task {run['task_id']}, trial {run['trial']}", "workflow": "Airline support", "service": SERVICE,
        "input": run["messages"][0]["content"],
    })  # fmt: skip
    parts = parts_of(run)
    for part, items in groupby(parts, key=lambda item: item[0]):
        api.post_all(f"/tasks/{task_id}/{part}", [item for _, item in items])
    if run["user_cost"] is not None:
        api.post(
            f"/tasks/{task_id}/metrics",
            {"id": "customer", "agent": CUSTOMER, "estimatedCost": run["user_cost"]},
        )
    api.ask("PATCH", f"/tasks/{task_id}", {"status": "completed" if run["success"] else "failed"})
    spans = [item for part, item in parts if part == "spans"]
    return len(parts) - len(spans), len(spans), sum(1 for item in spans if item["status"] == "error")


def main() -> None:
    given = options(__doc__.splitlines()[0])
    api, runs = Api(given.url, given.key), runs_of(given)
    sent = {f"{SERVICE}:{run['run_id']}": load(api, run) for run in runs}
    tasks = {task["clientId"]: task for task in api.items("/tasks") if task["clientId"] in sent}

    def count(task: dict, part: str) -> int:
        return sum(1 for _ in api.items(f"/tasks/{task['id']}/{part}"))

    messages = spans = 0
    for name, task in tasks.items():
        messages += api.until("messages", lambda task=task: count(task, "messages"), sent[name][0])
        spans += api.until("steps", lambda task=task: count(task, "spans"), sent[name][1])
    tasks = {task["clientId"]: task for task in api.items("/tasks") if task["clientId"] in sent}
    roles = [message["role"] for run in runs for message in run["messages"]]
    words = sum(
        1
        for run in runs
        for message in run["messages"]
        if message["role"] != "tool" and message.get("content")
    )
    report({
        "runs": (len(runs), len(tasks)),
        "successful runs": (sum(1 for run in runs if run["success"]), sum(1 for task in tasks.values() if task["status"] == "completed")),
        "messages with words": (words, messages),
        "calls of tools": (roles.count("tool"), spans),
        "calls that failed": (sum(failed for *_, failed in sent.values()), sum(
            1 for task in tasks.values() for span in api.items(f"/tasks/{task['id']}/spans") if span["status"] == "error"
        )),
    })  # fmt: skip


if __name__ == "__main__":
    main()
