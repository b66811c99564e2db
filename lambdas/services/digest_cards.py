"""A digest's card: what is on record, shown."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from lambdas.domain.messages import digest_card
from lambdas.domain.messages.blocks import Message
from lambdas.domain.record import Digest, Finding
from lambdas.gateways.records.digests import digests
from lambdas.gateways.slack import Slack

# Of several people who decide in the same moment, whoever writes last may have read first.
_TRIES = 3


def read(digest_id: str) -> tuple[Digest, list[Finding]]:
    """A digest as it is on record, and its findings, worst first. May raise what `Digests.require` does."""
    return digests().require(digest_id), [finding for _, finding in digests().findings(digest_id)]


def rewrite(digest: Digest, findings: Sequence[Finding], slack: Slack) -> None:
    """Bring the card up to what was just read, if it says something else.

    A card that is not posted yet is left alone. May raise what Slack's methods do.
    """
    for _ in range(_TRIES):
        message = digest_card.message(digest, findings)
        fingerprint = fingerprint_of(message)
        if "ts" not in digest or "channel" not in digest or digest.get("shown") == fingerprint:
            return
        slack.update(digest["channel"], digest["ts"], message)
        now_shown = digests().require(digest["digestId"]).get("shown")
        digests().note(digest["digestId"], {"shown": fingerprint})
        if now_shown == digest.get("shown"):
            return
        # someone else wrote meanwhile, maybe from older findings: the record has the last word
        digest, findings = read(digest["digestId"])


def fingerprint_of(message: Message) -> str:
    """What tells whether a card has to be rewritten."""
    return hashlib.sha256(json.dumps(message, sort_keys=True).encode()).hexdigest()[:32]
