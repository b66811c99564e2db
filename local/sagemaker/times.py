"""When the service stamps what: by one clock, a moment after its answer.

Recorded as the CreationTime and the LastModifiedTime beside the `Date` of the call's answer:
aws/amazon-sagemaker-examples, create_endpoint.ipynb; RamVegiraju/SageMaker-Deployment, Update-MME-models;
OneNishitRathod/Enhancing-SageMaker-Inference-Endpoints-on-Machine-Learning-Pipeline, the Canary notebook.
"""

from __future__ import annotations

import math

STAMP_LAG = 0.4
"""From a call to the stamp that it leaves: 0.12 to 1.2 s are recorded, most likely 0.2 to 0.6 s."""

RESOLUTION_LAG_OF_CREATION = 0.6
"""From CreationTime to ResolutionTime: 0.5 to 0.8 s (amazon-sagemaker-examples, sagemaker-clarify, 2023)."""

SHADOW_LAG = 0.065
"""From a production variant's ResolutionTime to its shadow's: .539 and .604 (the same Canary notebook)."""

RESOLUTION_LAG_OF_UPDATE = 0.26
"""From LastModifiedTime to the new fleet's ResolutionTime (OneNishitRathod's Canary notebook)."""

_START_LAG = 2
"""From LastModifiedTime to the deployment's StartTime: 38.567 to 41 (OneNishitRathod's Canary notebook)."""


def stamp(called: float) -> float:
    return called + STAMP_LAG


def deployment_start(stamped: float) -> int:
    """A deployment's StartTime, in whole seconds (OneNishitRathod's Canary notebook)."""
    return math.ceil(stamped + _START_LAG)


def shown(moment: float) -> float:
    """CreationTime, LastModifiedTime and ResolutionTime have milliseconds."""
    return round(moment, 3)
