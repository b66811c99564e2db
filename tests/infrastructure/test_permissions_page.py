"""docs/permissions.md says what the template says."""

from __future__ import annotations

from tests.infrastructure import permissions_page
from tests.infrastructure.conftest import Elsewhere
from tests.infrastructure.template import Template


def test_the_page_has_the_roles_as_they_are(template: Template, elsewhere: Elsewhere) -> None:
    page = permissions_page.PAGE.read_text()
    assert permissions_page.written(page, template, elsewhere.gov) == page, "run `make docs`"
    lines = page.splitlines()
    assert (
        "| every function | `logs:CreateLogStream`<br>`logs:PutLogEvents` | its own log group |  |" in lines
    )
    with_our_key = "sagemaker `endpoint-config/*` | `sagemaker:VolumeKmsKey` is the endpoints' KMS key"
    assert f"| CreateEncryptedConfig | `sagemaker:CreateEndpointConfig` | {with_our_key} |" in lines
    any_key = "kms `key/*` of any account | `kms:ViaService` is `sagemaker.<region>.amazonaws.com`"
    assert f"| RestoreConfig | `kms:CreateGrant`<br>`kms:DescribeKey` | {any_key} |" in lines
