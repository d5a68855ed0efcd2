"""The text of a search box as tokens, and how a menu writes into it."""

import pytest

from swarm_ui.search.tokens import cut, joined, value_in, with_value, written


def parts(text: str) -> list[tuple]:
    return [(token.negated, token.key, token.compare, token.values) for token in cut(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("   ", []),
        ("status:failed", [(False, "status", "", ("failed",))]),
        ("-status:completed", [(True, "status", "", ("completed",))]),
        ("Status:failed,timeout", [(False, "status", "", ("failed", "timeout"))]),
        ('workflow:"Nightly report"', [(False, "workflow", "", ("Nightly report",))]),
        ('agent:"a, b",c', [(False, "agent", "", ("a, b", "c"))]),
        ("cost:>0.5", [(False, "cost", ">", ("0.5",))]),
        ("age:<=2h", [(False, "age", "<=", ("2h",))]),
        ('"free text" word -not', [(False, "", "", ("free text",)), (False, "", "", ("word",)), (True, "", "", ("not",))]),
        ('"say \\"hi\\""', [(False, "", "", ('say "hi"',))]),
        ("status:", [(False, "status", "", ())]),
        ("http://example.org/x", [(False, "", "", ("http://example.org/x",))]),
        ("-", [(False, "", "", ("-",))]),
        ('workflow:"not closed', [(False, "workflow", "", ("not closed",))]),
        ('"', [(False, "", "", ("",))]),
        ("a\x00b\nc", [(False, "", "", ("ab",)), (False, "", "", ("c",))]),
        ("汉字 🎉", [(False, "", "", ("汉字",)), (False, "", "", ("🎉",))]),
    ],
)  # fmt: skip
def test_cut(text, expected):
    assert parts(text) == expected


@pytest.mark.parametrize(
    "value", ["coder", "a b", 'a "b"', "back\\slash", "a,b", "-x", ">5", "", "<script>", "汉字"]
)
def test_what_is_written_is_read_again(value):
    (token,) = cut(f"agent:{written(value)}")
    assert token.values == ((value,) if value else ())
    assert token.compare == ""


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("", "failed", "status:failed"),
        ("refund", "failed", "refund status:failed"),
        ("a status:timeout b", "failed", "a status:failed b"),
        ("status:timeout status:failed", None, ""),
        ("-status:timeout", "failed", "-status:timeout status:failed"),
        ('"not closed', "failed", '"not closed" status:failed'),
    ],
)
def test_a_menu_writes_into_the_text(text, value, expected):
    changed = with_value(text, "status", value)
    assert changed == expected
    assert value_in(changed, "status") == value


def test_no_text_breaks_it():
    from random import Random

    random = Random(7)
    letters = 'ab:"\\-<>=,* \t汉\x00'
    for _ in range(5_000):
        text = "".join(random.choice(letters) for _ in range(random.randrange(24)))
        tokens = cut(text)
        again = cut(joined(tokens))
        assert [(t.negated, t.key, t.compare, t.values) for t in again] == parts(text), text
