"""Endpoint configs drawn from botocore's own CreateEndpointConfig shape, and members nobody knows yet."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from hypothesis import strategies as st

from local.sagemaker.validation import compiled, service_model
from tests.unit.strategies import unknown_members

if TYPE_CHECKING:
    from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

Json = dict[str, Any]

_LONGEST_TEXT = 24
_MOST_ITEMS = 2
# What a variant runs on: the service wants exactly one of them, which the shape can't say.
_HOSTS = ("InstanceType", "InstancePools", "ServerlessConfig")


@st.composite
def endpoint_configs(draw: st.DrawFn, model_name: str) -> Json:
    """A request body without a name, whose variants all run `model_name`."""
    shape = cast("StructureShape", service_model().operation_model("CreateEndpointConfig").input_shape)
    body = draw(_value(shape))
    for member in ("EndpointConfigName", "Tags"):
        body.pop(member, None)
    shadows = body.get("ShadowProductionVariants") or []
    if shadows:
        body["ProductionVariants"], body["ShadowProductionVariants"] = (
            body["ProductionVariants"][:1],
            shadows[:1],
        )
    else:
        body.pop("ShadowProductionVariants", None)
    variants = [*body["ProductionVariants"], *shadows[:1]]
    for index, variant in enumerate(variants):
        variant |= {"VariantName": f"variant-{index}", "ModelName": model_name}
        hosts = [host for host in _HOSTS if variant.get(host)]
        for host in hosts[1:]:
            del variant[host]
        if not hosts:
            variant["InstanceType"] = "ml.m5.large"
        for pool in variant.get("InstancePools") or ():
            if "ModelNameOverride" in pool:
                pool["ModelNameOverride"] = model_name
    return body


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
