"""Texts as index terms: lower-case words, each with the mark of its space before it (on SQLite, where it would be stored twice, in the index
alone).

The mark makes the terms of two spaces different ones, so that a million lines of one neither show nor slow a search in another. Writing that sets
no blanks between words (Chinese, Japanese, Thai and their like) is cut into pairs of letters, and found by them.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

# What a run says beyond this is not searched; the help beside the box says so.
MOST_LETTERS = 400_000
MOST_WORDS = 20_000
LONGEST = 40
_UNBROKEN = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# ASCII in one pass: letters to lower case, all that is no letter or digit to blanks.
_PLAIN = bytes(ord(chr(code).lower()) if code < 128 and chr(code).isalnum() else 32 for code in range(256))
_ANY = re.compile(f"[^\\W_{_UNBROKEN}]+|[{_UNBROKEN}]+")
_RUN = re.compile(f"[{_UNBROKEN}]")


@lru_cache(maxsize=4096)
def mark_of(space: int) -> str:
    """Four letters. Two spaces may share them: every search names the owner besides."""
    return blake2b(str(space).encode(), digest_size=2).hexdigest()


def terms_of(mark: str, texts: Iterable[str | None]) -> str:
    """In an order that depends on nothing but what they are."""
    # What is handed on and logged is said twice.
    said = list(filter(None, dict.fromkeys(texts)))
    # One letter beyond ASCII would make all that is said together five times as dear.
    plain = " ".join([text for text in said if text.isascii()])[:MOST_LETTERS]
    other = " ".join([text for text in said if not text.isascii()])[: MOST_LETTERS - len(plain)]
    words = set(_plainly(plain))
    if other:
        words.update(_words(other))
    if not words:
        return ""
    if max(map(len, words)) > LONGEST:
        words = {word[:LONGEST] for word in words}
    # A blank in front: where there is no index, a term is looked for as the beginning of a word.
    between = f" {mark}"
    return between + between.join(sorted(words)[:MOST_WORDS])


def _plainly(text: str) -> list[str]:
    return text.encode("ascii").translate(_PLAIN).decode("ascii").split()


def _words(text: str) -> list[str]:
    if (text := text.replace("…", " ")).isascii():  # as what was cut short ends
        return _plainly(text)
    words: list[str] = _ANY.findall(text.lower())
    if not _RUN.search(text):
        return words
    found: list[str] = []
    for word in words:
        if _RUN.match(word):
            found += _pairs(word)
            found.append(word[-1])
        else:
            found.append(word)
    return found


def _pairs(word: str) -> list[str]:
    return [word[place : place + 2] for place in range(len(word) - 1)]


def wanted(mark: str, phrase: str) -> list[tuple[str, bool]]:
    """(term, whether it is the beginning of one) that a run has to hold to say these words. None where there is nothing to look up.

    Ends may be missing: "refund" finds "refunds".
    """
    found: list[tuple[str, bool]] = []
    for word in _plainly(phrase) if phrase.isascii() else _ANY.findall(phrase.lower()):
        if _RUN.match(word):
            found += [(mark + pair, False) for pair in _pairs(word)] or [(mark + word, True)]
        else:
            found.append((mark + word[:LONGEST], 1 < len(word) < LONGEST))
    return list(dict.fromkeys(found))
