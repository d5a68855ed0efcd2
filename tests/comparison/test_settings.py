"""What a model call was set to, wherever its library says so."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swarm_ui.comparison.settings import attributes_of, settings_of, versions_of


def said(**attributes) -> dict:
    return {
        "attributes": {name.replace("__", "."): value for name, value in attributes.items()},
        "events": [],
    }


SYSTEM = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
PARTS = [{"role": "system", "parts": [{"type": "text", "content": "Be brief."}]}]


@pytest.mark.parametrize(
    "payload",
    [
        said(gen_ai__system_instructions='[{"type": "text", "content": "Be brief."}]'),
        said(gen_ai__input__messages=json.dumps(PARTS)),
        {"attributes": {"llm.input_messages.0.message.role": "system", "llm.input_messages.0.message.content": "Be brief."}},
        {"attributes": {"gen_ai.prompt.0.role": "system", "gen_ai.prompt.0.content": "Be brief."}},
        {"attributes": {"input.value": json.dumps({"messages": SYSTEM})}},
        {"attributes": {"input.value": json.dumps({"messages": [SYSTEM]})}},
        {"attributes": {"ai.prompt.messages": json.dumps(SYSTEM)}},
        {"attributes": {"ai.prompt": json.dumps({"system": "Be brief.", "prompt": "Hello"})}},
        {"attributes": {"llm.invocation_parameters": json.dumps({"instructions": "Be brief."})}},
        {"attributes": {}, "events": [{"name": "gen_ai.system.message", "attributes": {"content": "Be brief."}}]},
        {"attributes": {"input.value": json.dumps([{"type": "system", "data": {"content": "Be brief."}}])}},
    ],
)  # fmt: skip
def test_instructions_are_found(payload):
    assert settings_of(payload).instructions == "Be brief."


def test_what_was_said_is_no_instruction():
    assert settings_of({"attributes": {"input.value": json.dumps(SYSTEM[1:])}}).instructions is None
    assert settings_of({"attributes": {"gen_ai.system_instructions": "   "}}).instructions is None


def test_parameters_are_what_was_asked_for():
    found = settings_of(
        {
            "attributes": {
                "gen_ai.request.temperature": 0.2,
                "gen_ai.request.model": "gpt-5",
                "gen_ai.usage.input_tokens": 12,
                "ai.settings.maxRetries": 2,
                "server.address": "api.example.org",
                "llm.invocation_parameters": '{"top_p": 1.0, "id": "resp_1", "created_at": 3, "seed": null, "model": "x"}',
            }
        }
    )
    assert found.parameters == {
        "temperature": "0.2", "maxRetries": "2", "server": "api.example.org", "top_p": "1.0",
    }  # fmt: skip


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.tool.definitions": '[{"name": "b"}, {"function": {"name": "a"}}]'},
        {"gen_ai.agent.tools": '["a", "b"]'},
        {"ai.prompt.tools": ['{"type": "function", "name": "a"}', '{"name": "b"}']},
        {
            "llm.tools.0.tool.json_schema": '{"function": {"name": "b"}}',
            "llm.tools.1.tool.json_schema": '{"name": "a"}',
        },
    ],
)
def test_tools_are_named(attributes):
    assert settings_of({"attributes": attributes}).tools == ["a", "b"]


def test_nothing_said_is_not_known():
    found = settings_of({"attributes": {}})
    assert (found.instructions, found.parameters, found.tools) == (None, {}, None)


def test_attributes_that_differ_by_themselves_are_left_aside():
    assert attributes_of(
        {
            "deployment.environment.name": "staging", "service.version": "1.4.2", "service.instance.id": "x", "gen_ai.conversation.id": "y",
            "gen_ai.usage.input_tokens": 3, "input.value": "hello", "process.pid": 7, "error.type": "ValueError", "notes": "x" * 300,
        }
    ) == {"deployment.environment.name": "staging", "service.version": "1.4.2"}  # fmt: skip


def test_versions_are_those_of_the_instrumentations():
    assert versions_of({"a.b@1.0": None, "a.b@1.1": None, "c@": None, "d": None}) == {"a.b": "1.0, 1.1"}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["role", "content", "messages", "data", "system", "name", "function", "config"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
KEYS = (
    "gen_ai.system_instructions", "gen_ai.input.messages", "llm.input_messages.0.message.role", "llm.input_messages.0.message.content",
    "input.value", "ai.prompt", "llm.invocation_parameters", "gen_ai.tool.definitions", "ai.prompt.tools", "gen_ai.request.temperature",
)  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(KEYS), anything | anything.map(lambda value: json.dumps(value)), max_size=5
    )
)
def test_whatever_a_client_sends_is_read_without_harm(attributes):
    found = settings_of({"attributes": attributes, "events": [{"name": "gen_ai.system.message"}]})
    assert found.instructions is None or isinstance(found.instructions, str)
    assert all(isinstance(value, str) for value in found.parameters.values())
