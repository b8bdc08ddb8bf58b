"""How the cells of an answer column are read: codes, choice texts, words of the vendor, turned scales.

Belongs here: the code table of one item of one feed, telling codes from texts in a column.
Does not belong here: what an item may be answered with (instruments.py), the SQL of a column (conform_sql.py).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ingestion.instruments import MISSING_ANSWERS, ItemAnswers, item_answers
from ingestion.readers import Refused
from ingestion.sql import identifier, literal
from ingestion.values_sql import during

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ingestion.feed import Feed


_NUMBER = re.compile(r"-?\d+(\.\d+)?")


class ItemSource(NamedTuple):
    """Where an item is read and how: answer -> the code that stands for it, and SQL over {text} that turns texts into codes."""

    headers: list[str] | None
    words: dict[int, str] = {}
    texts: str | None = None


def items_of(feed: Feed) -> dict[str, ItemAnswers]:
    """Every item of the feed's instrument families. Raises Refused for a family without code table."""
    found: dict[str, ItemAnswers] = {}
    for family in feed.items.families if feed.items else ():
        items = item_answers(family)
        if not items:
            raise Refused("feed_definition", f"no instrument of family '{family}' is known",
                          "Correct items.family in the feed, or add the instrument to dbt_project/seeds.")
        if both := sorted(set(found) & set(items)):
            raise Refused("feed_definition", f"items {', '.join(both[:5])} belong to two of the feed's instrument families",
                          "Read one of the families in a feed of its own.")
        found |= items
    return found


def told_apart(con: DuckDBPyConnection, feed: Feed, relation: str, items: dict[str, ItemSource]) -> dict[str, ItemSource]:
    """The items with their code tables.

    Under `values: either` each column is looked at. Raises Refused for a column that holds codes and
    choice texts, and for words of an item or scale that is not there.
    """
    if not feed.items:
        return {}
    known = items_of(feed)
    _refuse_unknown_words(feed, known)
    read = {item: source for item, source in items.items() if source.headers}
    texts = {item: _texts(feed, item, known[item]) for item in read}
    as_text = _columns_of_texts(con, relation, read, known, texts) if feed.items.values == "either" else set()
    return {item: _item_source(feed, item, source, known[item], texts[item], item in as_text or feed.items.values == "labels")
            if source.headers else source for item, source in items.items()}


def _item_source(feed: Feed, item: str, source: ItemSource, answers: ItemAnswers, texts: dict[str, int], is_text: bool) -> ItemSource:
    words = _codes(feed, item, answers, is_text)
    return ItemSource(source.headers, words, _texts_sql(feed, item, answers, texts, words))


def _codes(feed: Feed, item: str, answers: ItemAnswers, is_text: bool) -> dict[int, str]:
    """Answer -> delivered code. A scale counted the other way round is turned over its own lowest and highest code."""
    turn = min(answers.answers) + max(answers.answers) if item in feed.items.reversed else None
    codes = {turn - code if turn is not None and code in answers.answers else code: str(code) for code in answers.permitted}
    if any(_NUMBER.fullmatch(word) for word in _own_words(feed, item)):
        codes = {answer: f"\2{answer}" for answer in codes}  # the feed says what each number means
    elif is_text:  # beside texts a number is an answer only where the scale's own labels are numbers
        codes = {answer: code if code in answers.labels else f"\2{answer}" for answer, code in codes.items()}
    return codes | {answer: mark for mark, answer in MISSING_ANSWERS.items()}


def _own_words(feed: Feed, item: str) -> list[str]:
    words = feed.items.words.get(item, {})
    return list(words) if isinstance(words, dict) else [word for book in words for word in book.map]


def _texts(feed: Feed, item: str, answers: ItemAnswers) -> dict[str, int]:
    """Text in small letters -> answer: labels of the scale where the feed delivers labels, and the feed's plain words."""
    found = dict(answers.labels) if feed.items.values != "codes" else {}
    for name in (*answers.scales, item):
        words = feed.items.words.get(name)
        if isinstance(words, dict):
            found |= {_tidy(word): answer for word, answer in words.items()}
    return found


def _texts_sql(feed: Feed, item: str, answers: ItemAnswers, texts: dict[str, int], codes: dict[int, str]) -> str | None:
    """SQL over {text} that turns a text into a code; dated words by the date of the row come before all others."""
    tidy = r"lower(regexp_replace(trim({text}), '\s+', ' ', 'g'))"
    found = []
    day = f"v_{feed.codes_on(feed.items.codes_on)}"
    for name in (item, *answers.scales):
        books = feed.items.words.get(name)
        if isinstance(books, list):
            found += [f"case when {during(book, day)} then {_map({_tidy(w): int(a) for w, a in book.map.items()}, codes)}[{tidy}] end" for book in books]
    if texts:
        found.append(f"{_map(texts, codes)}[{tidy}]")
    return f"coalesce({', '.join(found)})" if found else None


def _columns_of_texts(con, relation, read: dict[str, ItemSource], known: dict[str, ItemAnswers], texts: dict[str, dict[str, int]]) -> set[str]:
    """The items whose column holds choice texts. One pass over the file counts both for all columns."""
    asked = list(read)
    counts = []
    for item in asked:
        cell = f"trim({identifier(read[item].headers[0])})"
        codes = ", ".join(literal(str(code)) for code in known[item].permitted)
        labels = ", ".join(literal(text) for text in texts[item] if not _NUMBER.fullmatch(text)) or "null"
        counts += [f"count_if({cell} in ({codes}))", f"count_if(lower(regexp_replace({cell}, '\\s+', ' ', 'g')) in ({labels}))"]
    if not asked:
        return set()
    row = con.execute(f"select {', '.join(counts)} from {relation} where _problem is null").fetchone()
    numbers = dict(zip(asked, zip(row[::2], row[1::2], strict=True), strict=True))
    plain = {item for item, answers in known.items() if any(_NUMBER.fullmatch(label) for label in answers.labels)}
    if mixed := sorted(read[item].headers[0] for item, (n_codes, n_texts) in numbers.items() if n_codes and n_texts and item not in plain):
        raise Refused("mixed_answers", f"column {', '.join(map(repr, mixed))} holds codes and choice texts side by side",
                      "Export the file again with one of the two for all answers.")
    return {item for item, (_, n_texts) in numbers.items() if n_texts}


def _refuse_unknown_words(feed: Feed, known: dict[str, ItemAnswers]) -> None:
    scales = {scale for answers in known.values() for scale in answers.scales}
    if odd := sorted({*feed.items.words} - scales - set(known) | {*feed.items.reversed} - set(known)):
        raise Refused("feed_definition", f"items.words or items.reversed names {', '.join(odd)}, which is neither item nor scale",
                      "Correct the names in the feed.")


def _map(words: dict[str, int], codes: dict[int, str]) -> str:
    entries = ", ".join(f"{literal(word)}: {literal(codes[answer])}" for word, answer in words.items() if answer in codes)
    return f"map {{{entries}}}" if entries else "map([]::varchar[], []::varchar[])"


def _tidy(word: str) -> str:
    return " ".join(word.split()).casefold()
