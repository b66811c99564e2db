from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ops.listing import Column, Listing

COLUMNS = (Column("Id"), Column("Endpoint"), Column("Region"), Column("Age", "age"), Column("Reason"))
NAMES = st.from_regex(r"[a-z](-?[a-z0-9]){0,62}", fullmatch=True)


def _printed(listing: Listing, width: int) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width).print(listing)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def _row(name: str, *, region: str = "", reason: str = "") -> tuple[str, ...]:
    return ("0b9c1f6e-1111-2222-3333-444455556666", name, region, "3 d", reason)


@given(st.lists(NAMES, min_size=1, max_size=4), st.sampled_from([80, 100, 120, 200]), st.integers(0, 40))
def test_no_name_is_ever_cut(names: list[str], width: int, words: int) -> None:
    lines = _printed(Listing(COLUMNS, [_row(name, reason="word " * words) for name in names], first=2), width)
    text = "\n".join(lines).split()
    assert all(name in text for name in names)
    assert text.count("word") == words * len(names)
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)


def test_a_table_where_it_fits_and_two_lines_where_not() -> None:
    listing = Listing(COLUMNS, [_row("fraud", region="us-east-1", reason="it is retired")], first=2)
    assert _printed(listing, 100) == [
        "Id                                    Endpoint  Region     Age  Reason",
        "0b9c1f6e-1111-2222-3333-444455556666  fraud     us-east-1  3 d  it is retired",
    ]
    assert _printed(listing, 60) == [
        "0b9c1f6e-1111-2222-3333-444455556666  fraud",
        "    us-east-1 · age 3 d · it is retired",
    ]


def test_an_empty_column_is_left_out() -> None:
    heading, *_ = _printed(Listing(COLUMNS, [_row("fraud")], first=2), 100)
    assert heading.split() == ["Id", "Endpoint", "Age"]
