"""Emoji by their shortcodes in Slack: a common set; any other stays as it is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

SHORTCODE: Final = re.compile(r":([a-z0-9_+-]{1,60}):")

_LINES: Final = Path(__file__).with_name("emoji.txt").read_text(encoding="utf-8").splitlines()
EMOJI: Final = dict(line.split(" ", 1) for line in _LINES)
"""The character of each shortcode, without its colons."""
