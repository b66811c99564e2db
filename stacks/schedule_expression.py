"""Schedule expressions, checked as EventBridge Scheduler checks them: a deployment fails halfway on others.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"
_DAYS = "SUN MON TUE WED THU FRI SAT"
_RATE = re.compile(r"rate\((([2-9]|[1-9][0-9]{1,5}) (hours|days)|1 (hour|day))\)")
_CRON = re.compile(r"cron\((\S+(?: \S+){5})\)")
_PART = re.compile(r"(?P<from>\*|\w+)(?:-(?P<to>\w+))?(?:/(?P<step>\d+))?")


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a cron expression: its numbers, the words for them, and what only it knows."""

    name: str
    low: int
    high: int
    words: str = ""
    besides: str = ""  # a pattern

    def problem(self, text: str) -> str:
        """What is wrong with the field, in words; empty if nothing is."""
        if text == "?" and self.besides:
            return ""
        for part in text.split(","):
            if not self._is_fit(part):
                return f"'{part}' is nothing that the {self.name} can be"
        return ""

    def _is_fit(self, part: str) -> bool:
        if self.besides and re.fullmatch(self.besides, part):
            return True
        if not (match := _PART.fullmatch(part)):
            return False
        first, last, step = match["from"], match["to"], match["step"]
        if step is not None and not 1 <= int(step) <= self.high:
            return False
        if first == "*":
            return last is None
        ends = [self._number(end) for end in (first, last or first)]
        return all(self.low <= end <= self.high for end in ends) and ends[0] <= ends[1]

    def _number(self, text: str) -> int:
        """A number or its word; what is neither is out of every range."""
        if text in self.words.split():
            return self.words.split().index(text) + self.low
        return int(text) if text.isascii() and text.isdigit() else -1


_FIELDS = (
    _Field("minutes", 0, 59),
    _Field("hours", 0, 23),
    _Field("day of month", 1, 31, besides=r"L|LW|([1-9]|[12][0-9]|3[01])W"),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 1, 7, _DAYS, besides=rf"L|([1-7]|{'|'.join(_DAYS.split())})(L|#[1-5])"),
    _Field("year", 1970, 2199),
)


def schedule_problem(expression: str) -> str:
    """What is wrong with a schedule of hours or days, in words; empty if nothing is."""
    if not expression or _RATE.fullmatch(expression):
        return ""
    if not (cron := _CRON.fullmatch(expression)):
        return "it is neither of them"
    texts = cron[1].split(" ")
    for field, text in zip(_FIELDS, texts, strict=True):
        if problem := field.problem(text):
            return problem
    if [texts[2], texts[4]].count("?") != 1:
        return "one of day of month and day of week has to be '?', and the other not"
    return ""
