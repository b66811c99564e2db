"""Reads endpoints to be judged: each endpoint once, each config once, at a pace."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lambdas.domain.errors import EndpointConfigNotFound
from lambdas.domain.sweep.audit import AuditedConfig, AuditedEndpoint, audit_config, audit_endpoint, config_of
from lambdas.domain.vocabulary import Surface
from lambdas.gateways.rate_limit import RateLimiters
from lambdas.gateways.sagemaker import SageMaker
from lambdas.services.assessor import Assessor

_Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """An endpoint as it was read and judged; `config` is empty where the survey keeps none."""

    endpoint: _Body
    config: _Body
    judged: AuditedEndpoint


class Survey:
    """One look at one region's endpoints; safe to share between threads.

    Every method may raise `Throttled`, `ServiceUnavailable` or `RequestRefused`.

    Parameters
    ----------
    sagemaker
        Without retries of its own: the pace has them.
    tags
        Of the endpoints that have any, by ARN in lower case; None where they could not be read.
    keep_configs
        Whether whole configs are kept beside what was judged of them: ten thousand take memory.
    """

    def __init__(
        self,
        sagemaker: SageMaker,
        assessor: Assessor,
        required: Collection[Surface],
        limits: RateLimiters,
        *,
        tags: Mapping[str, Mapping[str, str]] | None,
        now: datetime,
        keep_configs: bool = False,
    ) -> None:
        self._sagemaker = sagemaker
        self._assessor = assessor
        self._required = required
        self._limits = limits
        self._tags = tags
        self._now = now
        self._keep_configs = keep_configs
        self._configs: dict[str, Future[tuple[AuditedConfig, _Body]]] = {}
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
        return self._limits["ListEndpoints"].call(lambda: self._sagemaker.endpoints_page(token))

    def look_at(self, name: str) -> AuditedEndpoint | None:
        """An endpoint, judged; None if it is there no longer. Raises what `look_closely` does."""
        look = self.look_closely(name)
        return look.judged if look else None

    def look_closely(self, name: str) -> Look | None:
        """An endpoint, with what it was judged by; None if it is there no longer.

        Raises
        ------
        EndpointConfigNotFound
            Its config was deleted, though the endpoint uses it.
        """
        body = self._limits["DescribeEndpoint"].call(lambda: self._sagemaker.describe_endpoint(name))
        if body is None:
            return None
        config, config_body = self._config(config_of(body))
        tags = None if self._tags is None else self._tags.get(str(body["EndpointArn"]).lower(), {})
        return Look(body, config_body, audit_endpoint(body, config, tags, self._now))

    def _config(self, name: str) -> tuple[AuditedConfig, _Body]:
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

    def _read_config(self, name: str) -> tuple[AuditedConfig, _Body]:
        body = self._limits["DescribeEndpointConfig"].call(lambda: self._sagemaker.describe_config(name))
        if body is None:
            raise EndpointConfigNotFound(f"Its config {name} is not there: it was deleted while in use.")
        judged = audit_config(body, self._assessor.assess(body), self._required)
        return judged, body if self._keep_configs else {}
