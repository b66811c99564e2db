"""What AWS does as far as it was recorded, and a switch wherever another answer must be reckoned with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]


@dataclass(kw_only=True)
class Behaviour:
    """The service's answers where they have changed over the years, or where nobody has recorded them.

    The defaults are the recorded answers of today. Where there is no recording, the default says so.
    A switch holds for what is asked of the service while it is set.

    Parameters
    ----------
    adds_network_isolation
        New configs are described with `EnableNetworkIsolation: false` where none was sent. False: as before
        November 2023 (aws/sagemaker-python-sdk, commit 5c8f6a2cf).
    sizes_volumes_without_key
        New configs are described with the `VolumeSizeInGB` of instance variants even without a `KmsKeyId`.
        Without a key nothing was added in January 2023 (aws-controllers-k8s/sagemaker-controller PR 193);
        today's answer isn't recorded.
    adds_more
        What else AWS adds to configs created from now on, unforeseen by anyone: takes the body as it would
        be described and returns it with more in it.
    accepts_old_bodies
        Accept the configs that AWS accepted years ago and refuses today: `ManagedInstanceScaling` or
        `EnableNetworkIsolation: true` beside a `ModelName`.
    refuses_retaining_no_deployment_config
        Refuse `RetainDeploymentConfig` where there is no `LastDeploymentConfig`. Not recorded.
    lower_case_arns
        ARNs are in lower case, as those of everything created up to 2023 (amazon-sagemaker-examples,
        natural_language_processing, June 2023), instead of in the name's own case, as since 2024
        (amazon-sagemaker-examples, time_series_deepar, May 2024).
    names_match_case
        An endpoint is found under its name in its own case only. Not recorded.
    config_names_match_case
        Models and configs are found under their name in its own case only. Not recorded.
    shows_pending_after
        From how many seconds after UpdateEndpoint on PendingDeploymentSummary is shown; `math.inf` for never.
        None was shown 37 s into a plain update (RamVegiraju/SageMaker-Deployment, Update-MME-models), and one
        was 529 s into an update with a deployment config (OneNishitRathod's Canary notebook). The moment in
        between isn't recorded.
    shows_no_instances_while_replacing
        While a new fleet is being made, DescribeEndpoint shows 0 for the instances of the fleet that serves
        (recorded once: OneNishitRathod's Canary notebook).
    """

    adds_network_isolation: bool = True
    sizes_volumes_without_key: bool = False
    adds_more: Callable[[Json], Json] | None = None
    accepts_old_bodies: bool = False
    refuses_retaining_no_deployment_config: bool = False
    lower_case_arns: bool = False
    names_match_case: bool = False
    config_names_match_case: bool = True
    shows_pending_after: float = 60.0
    shows_no_instances_while_replacing: bool = True
