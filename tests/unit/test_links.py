from __future__ import annotations

import pytest

from lambdas.domain.messages import links


@pytest.mark.parametrize(
    ("partition", "region", "console"),
    [
        ("aws", "eu-central-1", "https://eu-central-1.console.aws.amazon.com"),
        ("aws-us-gov", "us-gov-west-1", "https://console.amazonaws-us-gov.com"),
        ("aws-cn", "cn-north-1", "https://console.amazonaws.cn"),
    ],
)
def test_links_lead_to_the_console_of_the_partition(partition: str, region: str, console: str) -> None:
    arn = f"arn:{partition}:sagemaker:{region}:123456789012:endpoint/fraud"
    assert links.endpoint_page(arn, "Fraud") == f"{console}/sagemaker/home?region={region}#/endpoints/Fraud"
    execution = f"arn:{partition}:states:{region}:123456789012:execution:machine:r-1"
    page = f"{console}/states/home?region={region}#/v2/executions/details/{execution}"
    assert links.execution_page(execution) == page


@pytest.mark.parametrize("arn", ["", "arn:aws-iso:sagemaker:us-iso-east-1:1:endpoint/x", "arn:aws", "x:y"])
def test_where_the_console_is_not_known_there_is_no_link(arn: str) -> None:
    assert links.endpoint_page(arn, "x") is None
    assert links.execution_page(arn) is None
