"""What DescribeEndpointConfig shows beyond what CreateEndpointConfig was sent."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.sagemaker.behaviour import Behaviour

Json = dict[str, Any]

# aws/sagemaker-python-sdk, tests/integ/test_sagemaker_config.py: only these two types are recorded.
_RECORDED_VOLUMES = {"ml.t2.medium": 4, "ml.m4.xlarge": 16}
# AWS has a default for each type; this one is made up.
_OTHER_VOLUMES = 8
# aws-controllers-k8s/sagemaker-controller PR 193
_SERVERLESS_VOLUME = 5


def as_described(sent: Json, behaviour: Behaviour) -> Json:
    """The body of a config created now, as it is described from now on."""
    sized = bool(sent.get("KmsKeyId")) or behaviour.sizes_volumes_without_key
    described = dict(sent)
    for member in ("ProductionVariants", "ShadowProductionVariants"):
        if sent.get(member):
            described[member] = [_variant_as_described(variant, sized=sized) for variant in sent[member]]
    if behaviour.adds_network_isolation and sent.get("EnableNetworkIsolation") is None:
        # aws/sagemaker-python-sdk, tests/integ/test_sagemaker_config.py, since commit 5c8f6a2cf
        described["EnableNetworkIsolation"] = False
    return behaviour.adds_more(copy.deepcopy(described)) if behaviour.adds_more else described


def _variant_as_described(sent: Json, *, sized: bool) -> Json:
    size: int | None = None
    if sent.get("ServerlessConfig"):
        size = _SERVERLESS_VOLUME
    elif sized and sent.get("InstanceType"):
        # Of types with local NVMe storage, which have no volume to be sized, nothing is recorded.
        size = _RECORDED_VOLUMES.get(sent["InstanceType"], _OTHER_VOLUMES)
    if size is None or sent.get("VolumeSizeInGB") is not None:
        return sent
    return {**sent, "VolumeSizeInGB": size}
