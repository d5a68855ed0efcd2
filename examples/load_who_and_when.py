"""Loads the failed multi-agent runs of Who&When over the REST API: python examples/load_who_and_when.py RUNS.jsonl.gz --key KEY

What people found out about a run (which agent was to blame, at which step, why) and the right answer stay in the file: nothing of it is sent.
"""

import re

from api import Api, options, report, runs_of

SERVICE = "who-and-when"
# Fields that are read. The others are the answers.
READ = ("run_id", "system", "question", "system_prompt", "history")
ADDRESSED = re.compile(r"^(.+?) \((?:-> (.+)|(thought|termination condition))\)$")


def message_of(step: dict, place: int) -> dict:
    """Who says it to whom. A team of CaptainAgent is a group chat; roles of Magentic-One say it in words: "Orchestrator (-> WebSurfer)"."""
    said = {
        "id": f"step-{place}",
        "content": step["content"],
        "metadata": {"step": place, "role": step["role"]},
    }
    if "name" in step:
        return said | {"sender": step["name"], "messageType": "broadcast"}
    found = ADDRESSED.match(step["role"])
    if found is None:
        return said | {
            "sender": step["role"],
            "messageType": "request" if step["role"] == "human" else "response",
        }
    sender, recipient, aside = found.groups()
    if aside:
        return said | {"sender": sender, "recipient": sender, "messageType": "status_update"}
    return said | {"sender": sender, "recipient": recipient, "messageType": "request"}


def load(api: Api, run: dict) -> tuple[int, set[str]]:
    run = {name: run[name] for name in READ}
    task_id = f"{SERVICE}:{run['run_id']}"
    api.post(
        "/tasks",
        {
            "id": task_id,
            "name": run["run_id"],
            "workflow": run["system"],
            "service": SERVICE,
            "input": run["question"],
        },
    )
    if run["system_prompt"]:
        api.post_all(f"/tasks/{task_id}/logs", [
            {"id": f"prompt-{place}", "agent": agent, "level": "debug", "eventType": "state_change", "message": f"System prompt:\n{prompt}"}
            for place, (agent, prompt) in enumerate(run["system_prompt"].items())
        ])  # fmt: skip
    messages = [message_of(step, place) for place, step in enumerate(run["history"])]
    api.post_all(f"/tasks/{task_id}/messages", messages)
    api.ask("PATCH", f"/tasks/{task_id}", {"status": "failed"})
    return len(messages), {
        name for said in messages for name in (said["sender"], said.get("recipient")) if name
    }


def main() -> None:
    given = options(__doc__.splitlines()[0])
    api, runs = Api(given.url, given.key), runs_of(given)
    sent, names = {}, set()
    for run in runs:
        sent[f"{SERVICE}:{run['run_id']}"], named = load(api, run)
        names |= named
    tasks = {}
    for task in api.items("/tasks"):
        if task["clientId"] in sent:
            tasks[task["clientId"]] = task

    def told(task: dict) -> int:
        return sum(1 for _ in api.items(f"/tasks/{task['id']}/messages"))

    found = sum(
        api.until("messages", lambda task=task: told(task), sent[name]) for name, task in tasks.items()
    )
    longest = max(len(step["content"]) for run in runs for step in run["history"])
    kept, in_order = 0, 0
    for task in tasks.values():
        messages = list(api.items(f"/tasks/{task['id']}/messages"))
        kept = max([kept, *(len(item["content"]["text"]) for item in messages)])
        in_order += [item["metadata"]["step"] for item in messages] == list(range(len(messages)))
    failed = sum(1 for task in tasks.values() if task["status"] == "failed")
    print(f"{len(names)} names of agents; spellings of one name within a run are one agent")
    report({
        "runs": (len(runs), len(tasks)),
        "failed runs": (len(runs), failed),
        "runs in order": (len(runs), in_order),
        "messages": (sum(sent.values()), found),
        "longest message": (longest, kept),
    })  # fmt: skip


if __name__ == "__main__":
    main()
