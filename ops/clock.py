"""The clock of this machine, and how far it is from that of AWS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from botocore.exceptions import ClientError

# Both AWS's Signature Version 4 and Slack's signatures are good for five minutes.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
# https://docs.slack.dev/authentication/verifying-requests-from-slack
_ACCEPTED = timedelta(minutes=5)


def now() -> datetime:
    """The time by this machine, in UTC."""
    return datetime.now(UTC)


def skew(date_header: str) -> str:
    """How far this machine's clock is off, in words. Empty if that can't explain a refused signature.

    Parameters
    ----------
    date_header
        The answer's ``Date``, which AWS's clock set.
    """
    try:
        theirs = parsedate_to_datetime(date_header)
    except ValueError:
        return ""
    off = now() - theirs.astimezone(UTC)
    # the header is cut to the second, and the answer took a while
    if abs(off) < _ACCEPTED - timedelta(seconds=10):
        return ""
    which = "ahead of" if off > timedelta() else "behind"
    return f"this machine's clock is {duration(abs(off))} {which} AWS's. Set it, then try again."


def skew_of(error: ClientError) -> str:
    """`skew` of the answer by which AWS refused a request."""
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return skew(str(headers.get("date", "")))


def duration(length: timedelta) -> str:
    """A length of time in its largest unit: ``3 d``, ``5 h`` or ``12 min``."""
    minutes = int(length.total_seconds() // 60)
    if minutes >= 2 * 24 * 60:
        return f"{minutes // (24 * 60)} d"
    return f"{minutes // 60} h" if minutes >= 2 * 60 else f"{minutes} min"
