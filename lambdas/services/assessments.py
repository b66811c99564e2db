"""Assesses endpoint configs by the settings, and plans the change: one way for all who ask."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from aws_lambda_powertools import Logger

from lambdas.domain.encryption.assessment import (
    Accepted,
    AcceptedKeys,
    KmsKey,
    SurfaceAssessment,
    assess,
    surface_keys,
    to_change,
)
from lambdas.domain.encryption.plan import Facts, facts_of
from lambdas.domain.encryption.update_options import update_options
from lambdas.domain.errors import RequestRefused
from lambdas.domain.vocabulary import Surface
from lambdas.gateways.kms import Kms, kms
from lambdas.gateways.settings import deployment_config, encrypted_by, required, required_list

logger = Logger(child=True)

_ANY_KEY = (Accepted.ANY,)


class Assessor:
    """Assesses configs by one region's settings. Each key is looked up once.

    Safe to share between threads.

    Parameters
    ----------
    kms
        Returns the gateway. Called only when a key has to be looked up: most configs need no lookup, and the
        client costs a cold start.
    encrypted_by
        The setting ``encryptedBy``: ``any``, ``customer-managed``, or the keys that count.
    key_arn
        Our own key, which always counts; empty if there is none.
    """

    def __init__(self, kms: Callable[[], Kms], encrypted_by: Sequence[str], key_arn: str) -> None:
        self._kms = kms
        self._setting = tuple(encrypted_by)
        self._ours = frozenset({key_arn}) if key_arn else frozenset[str]()
        self._known: dict[str, KmsKey | None] = {}
        self._lock = threading.Lock()

    def assess(self, config: Mapping[str, Any]) -> tuple[SurfaceAssessment, ...]:
        """Assess every surface of a config's body."""
        accepted = self._accepted()
        ids = {key.key_id for key in surface_keys(config) if key.key_id}
        to_look_up = ids - accepted.arns if accepted.need_lookup else set[str]()
        return assess(config, accepted, {key_id: self._looked_up(key_id) for key_id in to_look_up})

    def _accepted(self) -> AcceptedKeys:
        """The keys that count. Aliases and key ids on the list are resolved to ARNs."""
        if self._setting in (_ANY_KEY, (Accepted.CUSTOMER_MANAGED,)):
            return AcceptedKeys(Accepted(self._setting[0]), self._ours)
        arns = {key.arn for listed in self._setting if (key := self._looked_up(listed))}
        return AcceptedKeys(Accepted.LISTED, self._ours | arns)

    def _looked_up(self, key_id: str) -> KmsKey | None:
        """What KMS says about a key; None if KMS refuses, in which case the key doesn't count."""
        with self._lock:
            if key_id not in self._known:
                self._known[key_id] = self._described(key_id)
            return self._known[key_id]

    def _described(self, key_id: str) -> KmsKey | None:
        try:
            key = self._kms().describe_key(key_id)
        except RequestRefused as error:
            logger.warning("key_not_shown", key_id=key_id, error_message=str(error))
            return None
        return KmsKey(key["Arn"], key.get("KeyManager", "")) if key else None


def assessor() -> Assessor:
    """The assessor of this function's settings."""
    return Assessor(kms, encrypted_by(), required("KMS_KEY_ARN"))


def required_surfaces() -> tuple[Surface, ...]:
    return tuple(Surface(surface) for surface in required_list("REQUIRED_SURFACES"))


def planned(
    endpoint: Mapping[str, Any],
    config: Mapping[str, Any],
    assessed: Collection[SurfaceAssessment],
    *,
    notes: Sequence[str] = (),
    remediation_id: str = "",
) -> Facts:
    """The facts about an unencrypted endpoint that an approver is shown, including the plan's hash."""
    options, policy_note = update_options(endpoint, config, deployment_config())
    return facts_of(
        endpoint,
        config,
        key_arn=required("KMS_KEY_ARN"),
        assessed=assessed,
        changes=to_change(assessed, required_surfaces()),
        update_options=options,
        notes=[note for note in (*notes, policy_note) if note],
        remediation_id=remediation_id,
    )
