"""Schedules that Scheduler takes, and those that it refuses."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stacks.schedule_expression import schedule_problem

# [R]: LocalStack's snapshots of AWS, test_scheduler, 2025-01-26 and 2026-01-17; [P]: localstack issue 13572,
# "re-checked in the AWS EventBridge itself"; [D]: the tables of the two pages that the module names.
TAKEN = (
    "", "rate(1 day)", "rate(1 hour)", "rate(36 hours)",
    "cron(*/15 * * * ? *)", "cron(0 18 ? * MON-FRI *)", "cron(0-59/10 0-23/2 ? * * *)",  # [R]
    "cron(0-15/1 8-8 ? * 2,3,4,5,6,7 *)", "cron(30-30 13-13 ? * 2,4,6 *)",  # [P]
    "cron(1-31/30 1-1 ? * 1,7 *)",  # [P]
    "cron(0 6 L * ? *)", "cron(0 6 LW * ? *)", "cron(0 6 3W * ? *)", "cron(0 6 ? * 6L *)",  # [D]
    "cron(0 6 ? 1/1 MON#1 *)", "cron(0 6 ? JAN,FEB 3#2 2026-2030)",  # [D]
)  # fmt: skip
REFUSED = {
    "cron(0 1 * * * *)": "one of day of month and day of week has to be '?'",  # [R]
    "cron(71 8 1 * ? *)": "'71' is nothing that the minutes can be",  # [R]
    "cron(7 20 * * NOT *)": "'NOT' is nothing that the day of week can be",  # [R]
    "cron(0 6 * * MON-FRI *)": "one of day of month and day of week has to be '?'",  # [D]
    "cron(0 6 ? * ? *)": "one of day of month and day of week has to be '?'",  # [D]
    "cron(15 30 ? * TUE *)": "'30' is nothing that the hours can be",
    "cron(0 6 0 * ? *)": "'0' is nothing that the day of month can be",
    "cron(0 6 32W * ? *)": "'32W' is nothing that the day of month can be",
    "cron(0 6 ? 13 * *)": "'13' is nothing that the month can be",
    "cron(0 6 ? * 1#6 *)": "'1#6' is nothing that the day of week can be",
    "cron(0 6 ? * FRI-MON *)": "'FRI-MON' is nothing that the day of week can be",
    "cron(? 6 * * ? *)": "'?' is nothing that the minutes can be",
    "cron(0/0 6 * * ? *)": "'0/0' is nothing that the minutes can be",
    "cron(0 6 1 * ? 2200)": "'2200' is nothing that the year can be",
    "cron(0 6 * * *)": "it is neither of them",
    "cron(0  6 * * ? *)": "it is neither of them",
    "rate(1 days)": "it is neither of them",
    "rate(5 minutes)": "it is neither of them",  # a sweep takes longer
    "at(2026-11-28T06:00:00)": "it is neither of them",
}


@pytest.mark.parametrize("expression", TAKEN)
def test_what_scheduler_takes_is_taken(expression: str) -> None:
    assert schedule_problem(expression) == ""


@pytest.mark.parametrize("expression", REFUSED)
def test_what_scheduler_refuses_is_refused_in_words(expression: str) -> None:
    assert schedule_problem(expression).startswith(REFUSED[expression])


RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))


@given(st.integers(0, 5), st.integers(0, 3000))
def test_a_number_is_taken_in_its_range_alone(position: int, number: int) -> None:
    fields = ["0", "6", "?" if position == 4 else "1", "*", "1" if position == 4 else "?", "*"]
    fields[position] = str(number)
    low, high = RANGES[position]
    assert (schedule_problem(f"cron({' '.join(fields)})") == "") == (low <= number <= high)


@given(st.text("0123456789*,-/?LW#AMNO ", max_size=20))
def test_no_text_breaks_it(text: str) -> None:
    assume(text.count(" ") != 5)
    assert schedule_problem(f"cron({text})") == "it is neither of them"
