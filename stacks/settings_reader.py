"""Taking settings out of the JSON that a user wrote, and telling every problem in one go."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any


class Reader:
    """Takes settings out of an object, and collects what is wrong with them.

    A reading method always returns a value of its type, so that every problem is found in one go; the
    values are of no use once there are problems.

    Parameters
    ----------
    where
        What precedes a key in messages, such as ``routes[0].``.
    defaults
        For keys that may be left out.
    """

    def __init__(
        self, given: Mapping[str, Any], *, where: str = "", defaults: Mapping[str, Any] | None = None
    ) -> None:
        self._given = given
        self._where = where
        self._defaults = defaults or {}
        self._known: set[str] = set()
        self.problems: list[str] = []

    def text(self, key: str, pattern: re.Pattern[str], allowed: str) -> str:
        value = self.take(key)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            self.problem(key, value, allowed)
            return ""
        return value

    def one_of(self, key: str, allowed: Sequence[str]) -> str:
        value = self.take(key)
        if value not in allowed:
            self.problem(key, value, f"one of {', '.join(allowed)}")
            return allowed[0]
        return str(value)

    def whole_number(self, key: str, allowed: range) -> int:
        value = self.take(key)
        # bool is an int to Python
        if not isinstance(value, int) or isinstance(value, bool) or value not in allowed:
            self.problem(key, value, f"a whole number from {allowed[0]} to {allowed[-1]}")
            return allowed[0]
        return value

    def yes_or_no(self, key: str) -> bool:
        value = self.take(key)
        if not isinstance(value, bool):
            self.problem(key, value, "true or false")
            return False
        return value

    def list_of_text(
        self, key: str, what: str, pattern: re.Pattern[str], *, may_be_empty: bool = False
    ) -> tuple[str, ...]:
        value = self.take(key)
        allowed = f"a list of {'any number of' if may_be_empty else 'one or more'} {what}, each once"
        if not isinstance(value, list) or (not value and not may_be_empty):
            self.problem(key, value, allowed)
            return ()
        unfit = [member for member in value if not isinstance(member, str) or not pattern.fullmatch(member)]
        repeated = sorted({str(member) for member in value if value.count(member) > 1})
        for member in [*unfit, *repeated]:
            self.problem(key, member, allowed)
        return () if unfit else tuple(str(member) for member in value)

    def tags(self, key: str) -> dict[str, str]:
        value = self.take(key)
        fits = isinstance(value, dict) and all(
            isinstance(name, str) and name and isinstance(text, str) for name, text in value.items()
        )
        if not fits:
            self.problem(key, value, "an object of tag names and values, such as {'team': 'fraud'}")
            return {}
        return dict(value)

    def refuse_unknown(self) -> None:
        for key in self._given:
            if key not in self._known:
                close = difflib.get_close_matches(key, self._known, n=1)
                hint = f" Did you mean '{close[0]}'?" if close else ""
                self.problems.append(
                    f"'{self._where}{key}' is no setting.{hint} "
                    f"The settings are {', '.join(sorted(self._known))}."
                )

    def take(self, key: str) -> Any:
        self._known.add(key)
        return self._given.get(key, self._defaults.get(key, _MISSING))

    def problem(self, key: str, value: Any, allowed: str) -> None:
        found = "is missing" if value is _MISSING else f"is {value!r}"
        self.problems.append(f"'{self._where}{key}' {found}; allowed is {allowed}.")


_MISSING = object()
