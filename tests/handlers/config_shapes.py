"""Endpoint configs drawn from botocore's own CreateEndpointConfig shape, and members nobody knows yet.

What AWS refuses in a config (local/sagemaker/config_rules.py) is left out: the shape can't say it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal, cast

from hypothesis import strategies as st

from local.sagemaker.validation import compiled, service_model
from tests.unit.strategies import unknown_members

if TYPE_CHECKING:
    from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

Json = dict[str, Any]
Kind = Literal["models", "shadow", "components", "serverless"]

_LONGEST_TEXT = 24
_MOST_ITEMS = 2
_ROLE = "arn:aws:iam::111122223333:role/Inference"
_KINDS: tuple[Kind, ...] = ("models", "shadow", "components", "serverless")
_NOT_SERVERLESS = ("DataCaptureConfig", "AsyncInferenceConfig")


@st.composite
def endpoint_configs(draw: st.DrawFn, model_name: str) -> Json:
    """A request body without a name, whose variants all run `model_name`, or are for inference components."""
    kind = draw(st.sampled_from(_KINDS))
    body = draw(_value(service_model().operation_model("CreateEndpointConfig").input_shape))
    for member in ("EndpointConfigName", "Tags", "ShadowProductionVariants"):
        body.pop(member, None)
    if kind == "serverless":
        for member in _NOT_SERVERLESS:
            body.pop(member, None)
    if kind == "components":
        body.setdefault("ExecutionRoleArn", _ROLE)
    elif body.get("EnableNetworkIsolation"):
        body["EnableNetworkIsolation"] = False
    count = draw(st.integers(1, _MOST_ITEMS)) if kind in ("models", "components") else 1
    names = iter(("blue", "green", "shadow"))
    body["ProductionVariants"] = [draw(_variant(kind, next(names), model_name)) for _ in range(count)]
    if kind == "shadow":
        body["ShadowProductionVariants"] = [draw(_variant(kind, "shadow", model_name))]
    return body


@st.composite
def _variant(draw: st.DrawFn, kind: Kind, name: str, model_name: str) -> Json:
    shape = service_model().shape_for("ProductionVariant")
    members = cast("StructureShape", shape).members
    variant = draw(_value(shape)) | {"VariantName": name, "ModelName": model_name}
    # exactly one of these is what a variant runs on
    hosts = ("ServerlessConfig",) if kind == "serverless" else ("InstanceType", "InstancePools")
    host = draw(st.sampled_from(hosts))
    for other in ("InstanceType", "InstancePools", "ServerlessConfig"):
        variant.pop(other, None)
    variant[host] = draw(_value(members[host]))
    if kind == "serverless":
        variant.pop("VolumeSizeInGB", None)
    if kind == "components":
        del variant["ModelName"]
    else:
        variant.pop("ManagedInstanceScaling", None)
    for pool in variant.get("InstancePools") or ():
        if "ModelNameOverride" in pool:
            pool["ModelNameOverride"] = model_name
    return variant


@cache
def _value(shape: Shape) -> st.SearchStrategy[Any]:
    """A valid value of a shape, short where it may be."""
    limits = shape.metadata
    match shape.type_name:
        case "structure":
            return _structure(cast("StructureShape", shape))
        case "list":
            member = cast("ListShape", shape).member
            least = int(limits.get("min", 0))
            most = min(int(limits.get("max", _MOST_ITEMS)), max(least, _MOST_ITEMS))
            return st.lists(_value(member), min_size=least, max_size=most)
        case "map":
            pairs = cast("MapShape", shape)
            return st.dictionaries(_value(pairs.key), _value(pairs.value), max_size=_MOST_ITEMS)
        case "string":
            return _text(cast("StringShape", shape))
        case "boolean":
            return st.booleans()
        case "integer" | "long":
            return st.integers(int(limits.get("min", -(2**31))), int(limits.get("max", 2**31 - 1)))
        case "float" | "double":
            least, most = float(limits.get("min", -1e6)), float(limits.get("max", 1e6))
            return st.floats(least, most, width=32)
        case other:
            raise NotImplementedError(f"{shape.name} is a {other}")


@st.composite
def _structure(draw: st.DrawFn, shape: StructureShape) -> Json:
    body: Json = draw(unknown_members)
    for name, member in shape.members.items():
        if name in shape.required_members or draw(st.booleans()):
            body[name] = draw(_value(member))
    return body


def _text(shape: StringShape) -> st.SearchStrategy[str]:
    if shape.enum:
        return st.sampled_from(shape.enum)
    limits = shape.metadata
    least, most = int(limits.get("min", 0)), int(limits.get("max", _LONGEST_TEXT))
    if "pattern" not in limits:
        return st.text(min_size=least, max_size=min(most, max(least, _LONGEST_TEXT)))
    drawn = st.from_regex(compiled(limits["pattern"]), fullmatch=True)
    return drawn.filter(lambda text: least <= len(text) <= most)
