"""`sealpoint` in a shell of the playground: by the clock there, which runs ahead of this machine's."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

from ops import cli, clock

_TIMEOUT_SECONDS = 10


def main() -> int:
    """The first argument is an address whose answers bear the playground's time; the command's own follow."""
    url, *arguments = sys.argv[1:]

    def now() -> datetime:
        return parsedate_to_datetime(requests.get(url, timeout=_TIMEOUT_SECONDS).headers["date"])

    try:
        now()
    except requests.RequestException:
        print("The playground has ended. Open a new shell, or start it again.", file=sys.stderr)
        return 2
    clock.now = lambda: now().astimezone(UTC)
    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
