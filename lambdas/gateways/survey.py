"""Reads endpoints to be judged: each endpoint once, each config once, at a pace."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future
from datetime import datetime

from gateways.assessor import Assessor
from gateways.pace import Paces
from gateways.sagemaker import SageMaker
from remediation.audit import AuditedConfig, AuditedEndpoint, audit_config, audit_endpoint, config_of
from remediation.errors import EndpointConfigNotFound
from remediation.vocabulary import Surface


class Survey:
    """One look at one region's endpoints; safe to share between threads.

    Every method may raise `Throttled`, `ServiceUnavailable` or `RequestRefused`.

    Parameters
    ----------
    sagemaker
        Without retries of its own: the pace has them.
    tags
        Of the endpoints that have any, by ARN in lower case; None where they could not be read.
    """

    def __init__(
        self,
        sagemaker: SageMaker,
        assessor: Assessor,
        required: Collection[Surface],
        paces: Paces,
        *,
        tags: Mapping[str, Mapping[str, str]] | None,
        now: datetime,
    ) -> None:
        self._sagemaker = sagemaker
        self._assessor = assessor
        self._required = required
        self._paces = paces
        self._tags = tags
        self._now = now
        self._configs: dict[str, Future[AuditedConfig]] = {}
        self._lock = threading.Lock()

    def names(self) -> Iterator[list[str]]:
        """The names of all endpoints, by page."""
        names, token = self.names_page("")
        yield names
        while token:
            names, token = self.names_page(token)
            yield names

    def names_page(self, token: str) -> tuple[list[str], str]:
        """Up to 100 names, and the token of the next page (empty: none)."""
        return self._paces["ListEndpoints"].call(lambda: self._sagemaker.endpoints_page(token))

    def look_at(self, name: str) -> AuditedEndpoint | None:
        """An endpoint, judged; None if it is there no longer.

        Raises
        ------
        EndpointConfigNotFound
            Its config was deleted, though the endpoint uses it.
        """
        body = self._paces["DescribeEndpoint"].call(lambda: self._sagemaker.describe_endpoint(name))
        if body is None:
            return None
        config = self._config(config_of(body))
        tags = None if self._tags is None else self._tags.get(str(body["EndpointArn"]).lower(), {})
        return audit_endpoint(body, config, tags, self._now)

    def _config(self, name: str) -> AuditedConfig:
        """A config, read by whoever asks for it first; the others wait for that."""
        with self._lock:
            known = self._configs.get(name)
            mine = known or self._configs.setdefault(name, Future())
        if known is None:
            try:
                mine.set_result(self._read_config(name))
            except Exception as error:
                mine.set_exception(error)
                raise
        return mine.result()

    def _read_config(self, name: str) -> AuditedConfig:
        body = self._paces["DescribeEndpointConfig"].call(lambda: self._sagemaker.describe_config(name))
        if body is None:
            raise EndpointConfigNotFound(f"Its config {name} is not there: it was deleted while in use.")
        return audit_config(body, self._assessor.assess(body), self._required)
