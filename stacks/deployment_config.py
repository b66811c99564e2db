"""Whether a deployment policy is one that SageMaker takes, asked of botocore's own model of its API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import botocore.session
from botocore.model import Shape
from botocore.validate import ParamValidator

_POLICIES = ("BlueGreenUpdatePolicy", "RollingUpdatePolicy")


def deployment_config_problem(value: Any) -> str:
    """What is wrong with a DeploymentConfig; empty if nothing is.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeploymentConfig.html
    """
    shape = botocore.session.get_session().get_service_model("sagemaker").shape_for("DeploymentConfig")
    report = ParamValidator().validate(value, shape)
    if report.has_errors():
        return " ".join(report.generate_report().split())
    named = [policy for policy in _POLICIES if policy in value]
    if len(named) != 1:
        return f"it must have one of {' and '.join(_POLICIES)}"
    return "; ".join(_not_in_enum(value, shape, ""))


def _not_in_enum(value: Any, shape: Shape, path: str) -> Iterator[str]:
    """Botocore leaves enumerations to the service, which would refuse them only after the approval."""
    model: Any = shape
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _not_in_enum(member, model.members[name], f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _not_in_enum(member, model.member, f"{path}[{index}]")
    elif getattr(model, "enum", None) and value not in model.enum:
        yield f"{path} must be one of {', '.join(model.enum)}"
