"""What would be done to an unencrypted endpoint by the settings: one way to it for all who ask."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lambdas.domain.encryption.assessment import SurfaceAssessment, to_change
from lambdas.domain.encryption.plan import Facts, facts_of
from lambdas.domain.encryption.update_options import update_options
from lambdas.domain.vocabulary import Surface
from lambdas.gateways.environment import deployment_config, encrypted_by, required, required_list
from lambdas.gateways.kms import kms
from lambdas.services.assessor import Assessor


def assessor() -> Assessor:
    return Assessor(kms, encrypted_by(), required("KMS_KEY_ARN"))


def required_surfaces() -> tuple[Surface, ...]:
    return tuple(Surface(surface) for surface in required_list("REQUIRED_SURFACES"))


def planned(
    endpoint: Mapping[str, Any],
    config: Mapping[str, Any],
    assessed: Collection[SurfaceAssessment],
    *,
    notes: Sequence[str] = (),
) -> Facts:
    """The facts about an endpoint that an approver is asked by, its plan's hash among them."""
    options, policy_note = update_options(endpoint, config, deployment_config())
    return facts_of(
        endpoint,
        config,
        key_arn=required("KMS_KEY_ARN"),
        assessed=assessed,
        changes=to_change(assessed, required_surfaces()),
        update_options=options,
        notes=[note for note in (*notes, policy_note) if note],
    )
