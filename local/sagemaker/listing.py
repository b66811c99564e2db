"""Filtering, sorting and paging, as all List operations of SageMaker do it."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from local.sagemaker.errors import invalid

Json = dict[str, Any]

_DEFAULT_PAGE = 10
_BOUNDS = (
    ("CreationTimeAfter", "CreationTime", 1),
    ("CreationTimeBefore", "CreationTime", -1),
    ("LastModifiedTimeAfter", "LastModifiedTime", 1),
    ("LastModifiedTimeBefore", "LastModifiedTime", -1),
)


def page(summaries: list[Json], request: Json, *, result: str, name: str) -> Json:
    """One page of a List operation's answer.

    Parameters
    ----------
    summaries
        Everything there is, as the operation shows it.
    result
        The answer's field for the list: `Endpoints`, `Models`, ….
    name
        The summaries' name field: `EndpointName`, ….
    """
    fields = {"Name": name, "CreationTime": "CreationTime", "Status": "EndpointStatus"}
    sort_field = fields[request.get("SortBy") or "CreationTime"]
    descending = (request.get("SortOrder") or "Descending") == "Descending"

    def key(summary: Json) -> tuple[Any, str]:
        return (summary[sort_field], summary[name])

    found = _matching(summaries, request, name)
    if request.get("NextToken"):
        last = _read_token(request["NextToken"], _query(request))
        found = [s for s in found if (key(s) < last if descending else key(s) > last)]
    found.sort(key=key, reverse=descending)
    size = int(request.get("MaxResults") or _DEFAULT_PAGE)
    answer: Json = {result: found[:size]}
    if len(found) > size:
        answer["NextToken"] = _token(key(found[size - 1]), _query(request))
    return answer


def _matching(summaries: list[Json], request: Json, name: str) -> list[Json]:
    bounds = [
        (request[bound], field, sign) for bound, field, sign in _BOUNDS if request.get(bound) is not None
    ]
    contains, status = request.get("NameContains"), request.get("StatusEquals")
    return [
        summary
        for summary in summaries
        if (not contains or contains in summary[name])
        and (status is None or summary.get("EndpointStatus") == status)
        and (not bounds or all((summary[field] - bound) * sign > 0 for bound, field, sign in bounds))
    ]


def _query(request: Json) -> Json:
    """What must stay the same from page to page."""
    return {key: value for key, value in request.items() if key not in ("NextToken", "MaxResults")}


def _token(last: tuple[Any, str], query: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps([last, query], sort_keys=True).encode()).decode()


def _read_token(token: str, query: Json) -> tuple[Any, str]:
    try:
        (value, name), of_query = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError, TypeError) as error:
        raise invalid("Invalid pagination token.") from error
    if of_query != query:
        raise invalid("The pagination token doesn't belong to this request.")
    return (value, name)
