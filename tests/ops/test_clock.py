from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import time_machine
from botocore.exceptions import ClientError, PartialCredentialsError, SSOTokenLoadError

from lambdas.domain.errors import ServiceUnavailable
from ops import clock
from ops.deployment import NotDeployed
from ops.errors import explained

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)


def _refusal(code: str, ahead: timedelta = timedelta()) -> ClientError:
    """What AWS answers, by a clock that is behind this one."""
    date = format_datetime(NOW - ahead, usegmt=True)
    metadata = {"HTTPHeaders": {"date": date}, "HTTPStatusCode": 403}
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": metadata}
    return ClientError(answer, "DescribeStacks")  # type: ignore[arg-type]  # as botocore makes it


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0, ""), (4, ""), (7, "7 min ahead of AWS's"), (-60, "60 min behind AWS's"), (-180, "3 h behind")],
)
def test_a_clock_that_is_off_is_named_with_how_much(minutes: int, words: str) -> None:
    with time_machine.travel(NOW, tick=False):
        said = clock.skew(format_datetime(NOW - timedelta(minutes=minutes), usegmt=True))
    assert words in said
    assert bool(said) == bool(words)


@pytest.mark.parametrize("header", ["", "yesterday", "Tue, 99 Foo"])
def test_an_answer_without_a_date_says_nothing_about_the_clock(header: str) -> None:
    assert clock.skew(header) == ""


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidSignatureException", "RequestExpired"])
def test_a_refused_signature_names_the_clock_if_that_explains_it(code: str) -> None:
    with time_machine.travel(NOW, tick=False):
        assert "clock is 20 min ahead" in explained(_refusal(code, timedelta(minutes=20)))
        assert "clock" not in explained(_refusal(code))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (_refusal("ExpiredTokenException"), "The AWS session has expired. Sign in"),
        (_refusal("InvalidClientTokenId"), "AWS does not know these credentials"),
        (_refusal("AccessDenied"), "AWS refused DescribeStacks: AccessDenied: no"),
        (
            PartialCredentialsError(provider="env", cred_var="x"),
            "The AWS credentials can't be loaded: Partial",
        ),
        (SSOTokenLoadError(error_msg="no token"), "The AWS credentials can't be loaded: "),
    ],
)
@pytest.mark.parametrize("wrapper", [None, NotDeployed("The stack can't be read."), ServiceUnavailable("x")])
def test_credentials_are_explained_however_deep(
    error: Exception, words: str, wrapper: Exception | None
) -> None:
    if wrapper is None:
        assert explained(error).startswith(words)
        return
    wrapper.__cause__ = error
    explains = "refused" not in words  # else what wraps it knows better
    assert explained(wrapper).startswith(words if explains else str(wrapper))


@pytest.mark.parametrize(
    ("length", "words"),
    [
        ({"seconds": 59}, "0 min"),
        ({"minutes": 119}, "119 min"),
        ({"hours": 47}, "47 h"),
        ({"days": 2}, "2 d"),
    ],
)
def test_a_length_of_time_is_in_its_largest_unit(length: dict[str, int], words: str) -> None:
    assert clock.duration(timedelta(**length)) == words
