"""Hypothesis strategies for what SageMaker, Slack and people may send."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from lambdas.domain.record import Finding
from lambdas.domain.vocabulary import ApprovalStatus, Outcome, Surface

names = st.from_regex(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", fullmatch=True).filter(
    lambda name: len(name) <= 63
)
texts = st.text(max_size=300)
# what could mention, link or format something in Slack
nasty = st.text(alphabet=st.sampled_from("<>&`@!|*_~aé\n"), max_size=400) | st.text(max_size=400)
key_ids = st.none() | st.just("") | st.sampled_from(["alias/mine", "arn:aws:kms:us-east-1:1:key/k"])

# whatever JSON a future API may put there; names that no one uses today
json_values = st.recursive(
    st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
unknown_members = st.dictionaries(
    st.from_regex(r"New[A-Z][a-z]{1,8}", fullmatch=True), json_values, max_size=3
)


@st.composite
def variants(draw: st.DrawFn) -> dict[str, Any]:
    variant: dict[str, Any] = {"VariantName": draw(names), **draw(unknown_members)}
    if draw(st.booleans()):
        variant["CoreDumpConfig"] = {"DestinationS3Uri": "s3://dumps/x"} | _keyed(draw)
    if draw(st.booleans()):
        variant |= {"InstanceType": "ml.m6i.large", "InitialInstanceCount": draw(st.integers(1, 50))}
    elif draw(st.booleans()):
        variant["ServerlessConfig"] = {"MemorySizeInMB": 2048, "MaxConcurrency": draw(st.integers(1, 200))}
    if draw(st.booleans()):
        variant["VolumeSizeInGB"] = draw(st.integers(1, 512))
    return variant


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """Bodies of DescribeEndpointConfig: known surfaces in any mixture, and members nobody knows yet."""
    body: dict[str, Any] = {
        "EndpointConfigName": draw(names),
        "EndpointConfigArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/x",
        "CreationTime": draw(st.floats(1e9, 2e9)),
        "ProductionVariants": draw(st.lists(variants(), min_size=1, max_size=3)),
        **draw(unknown_members),
        **_keyed(draw),
    }
    if draw(st.booleans()):
        body["EnableNetworkIsolation"] = draw(st.booleans())
    if draw(st.booleans()):
        body["ShadowProductionVariants"] = draw(st.lists(variants(), max_size=2))
    if draw(st.booleans()):
        body["DataCaptureConfig"] = {"EnableCapture": True, "DestinationS3Uri": "s3://captures/x"} | _keyed(
            draw
        )
    if draw(st.booleans()):
        body["AsyncInferenceConfig"] = {"OutputConfig": {"S3OutputPath": "s3://answers/x"} | _keyed(draw)}
    return body


def _keyed(draw: st.DrawFn) -> dict[str, Any]:
    key = draw(key_ids)
    return {} if key is None else {"KmsKeyId": key}


@st.composite
def _findings(draw: st.DrawFn) -> Finding:
    found: Any = {
        "endpointId": "123456789012/us-east-1/x",
        "endpointName": draw(nasty) or "x", "remediationId": draw(nasty), "sourceConfigName": draw(nasty),
        "surfaces": draw(st.lists(st.sampled_from(Surface), unique=True)),
        "instanceTypes": draw(st.lists(nasty, max_size=5)),
    }  # fmt: skip
    optional: dict[str, st.SearchStrategy[Any]] = {
        "approvalId": st.uuids().map(str), "approvals": st.integers(0, 2), "reason": nasty,
        "decision": st.sampled_from([ApprovalStatus.APPROVED, ApprovalStatus.DENIED]),
        "decidedBy": st.sampled_from(["U1", "arn:aws:sts::1:assumed-role/<r>/*a*"]),
        "outcome": st.sampled_from(Outcome),
    }  # fmt: skip
    return found | draw(st.fixed_dictionaries({}, optional=optional))


findings = _findings()
