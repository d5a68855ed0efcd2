"""Real clients' failed runs: the first suspect is the step that was to blame, and the story tells it."""

from pathlib import Path

import pytest

from tests.captures import Capture, project
from tests.ingest.test_captures import OWN, SHARED_NAMES


@pytest.mark.shared_data
@pytest.mark.parametrize("name", SHARED_NAMES)
def test_a_recorded_client_is_explained(name, shared_data, sender, client):
    check(shared_data / "otlp-captures" / name, sender, client)


@pytest.mark.parametrize("name", sorted(folder.name for folder in OWN.iterdir() if folder.is_dir()))
def test_a_framework_is_explained(name, sender, client):
    check(OWN / name, sender, client)


def check(folder: Path, sender, client) -> None:
    capture = Capture(folder)
    capture.send(sender)
    project()
    wrong = [f"{run['run']}: {said}" for run in capture.expected["runs"] for said in differences(client, run)]
    assert not wrong, "\n".join(wrong)


def differences(client, run):
    def get(path: str):
        answer = client.get(f"/api/v1/{path}")
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_json()

    skip, blame = run.get("limits") or {}, run["blame"]
    (task,) = get(f"tasks?traceId={run['trace_ids'][0]}")["items"]
    suspects, story = get(f"tasks/{task['id']}/suspects")["items"], get(f"tasks/{task['id']}/story")
    told = " ".join(sentence["text"] for sentence in story["items"])
    if not 1 <= len(story["items"]) <= 8:
        yield f"{len(story['items'])} sentences"
    if blame is None:
        if suspects:
            yield f"suspects {suspects[0]}, and nothing failed"
    elif "blame" not in skip:
        first = suspects[0]
        if blame["span_id"] and first["spanId"] != blame["span_id"]:
            yield f"suspects {first['what']} of {first['agent']}, not {blame['span_id']}"
        if "blame.agent" not in skip:
            if first["agent"] != blame["agent"]:
                yield f"suspects {first['agent']}, not {blame['agent']}"
            if blame["agent"] not in told:
                yield f"does not name {blame['agent']}: {told}"
        error = (blame.get("error_type") or "").rpartition(".")[2] or " ".join(
            (blame.get("error_message") or "").split()
        )[:60]
        for named in (blame.get("tool"), error):
            if named and named not in told:
                yield f"does not name {named}: {told}"
    if "handoffs" not in skip:
        counted = {(hand["from"], hand["to"]): hand["count"] for hand in story["handOffs"]}
        wanted = {(one, other): count for one, other, count in run["handoffs"]}
        optional = {tuple(pair) for pair in run.get("handoffs_optional") or ()}
        for pair in counted.keys() | wanted.keys():
            if pair not in optional and counted.get(pair) != wanted.get(pair):
                yield f"{pair} handed over {counted.get(pair)} times, not {wanted.get(pair)}"
    if "tool_calls" not in skip and story["toolCalls"] != run["tool_calls"]:
        yield f"tool calls {story['toolCalls']}, not {run['tool_calls']}"
