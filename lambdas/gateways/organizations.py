"""AWS Organizations: which organization the account belongs to."""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from lambdas.gateways import aws
from lambdas.gateways.aws import error_code, translated

_NOT_SHOWN = frozenset({"AccessDeniedException", "AWSOrganizationsNotInUseException"})


@cache
def organization_id(client: Any = None) -> str:
    """The organization's id; empty if there is none, or it isn't shown. Any account of it may ask.

    https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeOrganization.html

    Raises
    ------
    Throttled, ServiceUnavailable, RequestRefused
    """
    with translated("Organizations"):
        try:
            found = (client or aws.client("organizations")).describe_organization()
        except ClientError as error:
            if error_code(error) in _NOT_SHOWN:
                return ""
            raise
    return found["Organization"].get("Id", "")
