"""Texts as index terms, and what a search asks for."""

import pytest

from swarm_ui.search import terms
from swarm_ui.search.terms import mark_of, terms_of, wanted


def words(*texts: str | None) -> list[str]:
    return terms_of("", texts).split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Refund, the refund!", ["refund", "the"]),
        ("fetch_page failed: HTTPStatusError(403)", ["403", "failed", "fetch", "httpstatuserror", "page"]),
        ("Über naïve СОБЫТИЕ", ["naïve", "über", "событие"]),
        ("", []),
        ("🎉 → --", []),
        ("a" * 50, ["a" * 40]),
        ("全文検索", ["全文", "文検", "検索", "索"]),
        ("v2は汉字 ok", ["ok", "v2", "は汉", "字", "汉字"]),
        ("สวัสดี", sorted({"สว", "วั", "ัส", "สด", "ดี", "ี"})),
    ],
)
def test_terms(text, expected):
    assert sorted(words(text)) == sorted(expected)


def test_the_order_of_texts_changes_nothing():
    assert terms_of("ab", ["x y", None, "z"]) == terms_of("ab", ["z", "y x"]) == " abx aby abz"


def test_what_is_too_much_is_left_out(monkeypatch):
    monkeypatch.setattr(terms, "MOST_LETTERS", 10)
    assert words("one two three four") == ["one", "th", "two"]
    assert words("12345678901", "later") == ["1234567890"]
    monkeypatch.setattr(terms, "MOST_LETTERS", 10_000)
    monkeypatch.setattr(terms, "MOST_WORDS", 3)
    assert words("e d c b a") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("Refund", [("refund", True)]),
        ("fetch_page", [("fetch", True), ("page", True)]),
        ("x", [("x", False)]),
        ("汉", [("汉", True)]),
        ("全文検", [("全文", False), ("文検", False)]),
        ("→ %", []),
    ],
)
def test_what_is_asked_for(phrase, expected):
    assert wanted("", phrase) == expected


def test_every_asked_term_of_a_text_is_in_it():
    for text in ("Refund of 汉字漢字 for ÖBB_id-7", "สวัสดีชาวโลก", "a1 b2", "x" * 60):
        held = terms_of("m", [text]).split()
        for term, begins in wanted("m", text):
            assert term in held or (begins and any(one.startswith(term) for one in held))


def test_spaces_have_marks_of_their_own():
    assert len({mark_of(space) for space in range(50)}) == 50
    assert len(mark_of(2**62)) == 4
