"""SageMaker hosting on this machine: the real protocol, the real rules, on a clock that can be driven."""

from __future__ import annotations

from local.sagemaker.behaviour import Behaviour
from local.sagemaker.faults import CALLS_PER_SECOND, Faults
from local.sagemaker.hosting import ApiCall, SageMakerHosting
from local.sagemaker.lifecycle import Status, Timings
from local.sagemaker.operations import Violation
from local.sagemaker.protocol import Operation

__all__ = [
    "CALLS_PER_SECOND",
    "ApiCall",
    "Behaviour",
    "Faults",
    "Operation",
    "SageMakerHosting",
    "Status",
    "Timings",
    "Violation",
]
