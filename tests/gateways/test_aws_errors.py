"""AWS's messages quote what people chose, and end up on cards and terminals."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from lambdas.domain.errors import RequestRefused
from lambdas.gateways.aws import translated


def test_a_refusal_quotes_no_hidden_character() -> None:
    refusal = {"Error": {"Code": "ValidationException", "Message": "no \x1b[2Jrole \u202enimda"}}
    with pytest.raises(RequestRefused) as raised, translated("SageMaker"):
        raise ClientError(refusal, "CreateEndpointConfig")  # pyright: ignore[reportArgumentType]
    assert str(raised.value).endswith("ValidationException: no [2Jrole nimda")
