"""The controls that a finding concerns, each with the page that defines it."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.domain.vocabulary import Surface


@dataclass(frozen=True, slots=True)
class Control:
    """A requirement that auditors check.

    Attributes
    ----------
    requires
        What it requires of the surfaces.
    """

    name: str
    requires: str
    source: str
    surfaces: frozenset[Surface]


CONTROLS = (
    Control(
        "AWS Config: sagemaker-endpoint-configuration-kms-key-configured",
        "non-compliant if the endpoint config's KmsKeyId is not specified",
        "https://docs.aws.amazon.com/config/latest/developerguide/sagemaker-endpoint-configuration-kms-key-configured.html",
        frozenset({Surface.INSTANCE_VOLUME}),
    ),
    Control(
        "NIST 800-53 r5: SC-28",
        "protect the confidentiality and integrity of information at rest",
        "https://csrc.nist.gov/projects/cprt/catalog#/cprt/framework/version/SP_800_53_5_1_1/home?element=SC-28",
        frozenset(Surface),
    ),
    Control(
        "HIPAA: 45 CFR 164.312(a)(2)(iv)",
        "a mechanism to encrypt and decrypt electronic protected health information (addressable)",
        "https://www.ecfr.gov/current/title-45/section-164.312#p-164.312(a)(2)(iv)",
        frozenset(Surface),
    ),
)


def concerned(surfaces: frozenset[Surface]) -> tuple[Control, ...]:
    """The controls that open surfaces concern."""
    return tuple(control for control in CONTROLS if control.surfaces & surfaces)
