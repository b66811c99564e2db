"""The operations, each from a valid request and a region's state to an answer or a `ServiceError`."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from local.sagemaker import (
    additions,
    config_rules,
    deployment,
    descriptions,
    lifecycle,
    listing,
    store,
    times,
)
from local.sagemaker.errors import already_exists, invalid, not_found
from local.sagemaker.lifecycle import CHANGEABLE, IN_PROGRESS, Course, Endpoint, Status, Timings
from local.sagemaker.store import CONFIG, ENDPOINT, MODEL, Document, Region

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.sagemaker.faults import Faults
    from local.sagemaker.protocol import Operation

Json = dict[str, Any]


@dataclass(frozen=True)
class Violation:
    """Something that the service lets happen and its documentation forbids."""

    time: float
    region: str
    access_key_id: str
    operation: str
    resource: str
    detail: str


@dataclass(frozen=True)
class Context:
    """What an operation works on."""

    region: Region
    now: float
    access_key_id: str
    timings: Timings
    faults: Faults
    violations: list[Violation]

    @property
    def stamp(self) -> float:
        """What the call is stamped with."""
        return times.stamp(self.now)


# -- models


def create_model(context: Context, request: Json) -> Json:
    model = context.region.add(MODEL, request["ModelName"], request, context.stamp)
    return {"ModelArn": model.arn}


def describe_model(context: Context, request: Json) -> Json:
    model = context.region.get(MODEL, request["ModelName"])
    return {
        "EnableNetworkIsolation": False,
        **copy.deepcopy(model.described),
        "ModelArn": model.arn,
        "CreationTime": times.shown(model.created),
    }


def delete_model(context: Context, request: Json) -> Json:
    context.region.remove(MODEL, context.region.get(MODEL, request["ModelName"]))
    return {}


def list_models(context: Context, request: Json) -> Json:
    summaries = [_summary(model, "Model") for model in context.region.all(MODEL)]
    return listing.page(summaries, request, result="Models", name="ModelName")


# -- endpoint configs


def create_endpoint_config(context: Context, request: Json) -> Json:
    config_rules.check_config(request, accepts_old_bodies=context.faults.accepts_old_bodies)
    for name in deployment.model_names(request):
        context.region.get(MODEL, name)
    config = context.region.add(
        CONFIG,
        request["EndpointConfigName"],
        request,
        context.stamp,
        describe=lambda sent: additions.as_described(sent, context.faults),
    )
    return {"EndpointConfigArn": config.arn}


def describe_endpoint_config(context: Context, request: Json) -> Json:
    config = _visible_config(context, request["EndpointConfigName"])
    return {
        **copy.deepcopy(config.described),
        "EndpointConfigArn": config.arn,
        "CreationTime": times.shown(config.created),
    }


def delete_endpoint_config(context: Context, request: Json) -> Json:
    config = context.region.get(CONFIG, request["EndpointConfigName"])
    for endpoint in context.region.endpoints(context.now):
        if config.name in endpoint.config_names:
            context.violations.append(
                Violation(
                    time=context.now,
                    region=context.region.name,
                    access_key_id=context.access_key_id,
                    operation="DeleteEndpointConfig",
                    resource=config.arn,
                    detail=f"endpoint {endpoint.name} ({endpoint.status}) needs it",
                )
            )
    context.region.remove(CONFIG, config)
    return {}


def list_endpoint_configs(context: Context, request: Json) -> Json:
    summaries = [_summary(config, "EndpointConfig") for config in context.region.all(CONFIG)]
    return listing.page(summaries, request, result="EndpointConfigs", name="EndpointConfigName")


def _visible_config(context: Context, name: str) -> Document:
    """A config that reads see by now: they are eventually consistent."""
    config = context.region.get(CONFIG, name)
    if context.stamp < config.created + context.faults.config_visible_after:
        raise not_found(CONFIG, config.arn)
    return config


# -- endpoints


def create_endpoint(context: Context, request: Json) -> Json:
    region, name = context.region, request["EndpointName"]
    arn = region.arn(ENDPOINT, name)
    if region.is_endpoint_name_taken(name, context.now):
        raise already_exists(ENDPOINT, arn)
    deployed = _deploy(context, request["EndpointConfigName"], times.RESOLUTION_LAG_OF_CREATION)
    tags = store.read_tags(request.get("Tags"))
    created = lifecycle.create(
        name,
        arn,
        deployment=deployed,
        deployment_config=request.get("DeploymentConfig"),
        now=context.now,
    )
    course, reason = context.faults.course_of("creation", region.name, name)
    region.put(lifecycle.begin(created, course, context.timings, context.now, reason=reason), tags)
    return {"EndpointArn": arn}


def describe_endpoint(context: Context, request: Json) -> Json:
    endpoint = context.region.endpoint(request["EndpointName"], context.now)
    return copy.deepcopy(descriptions.describe(endpoint, context.now, context.faults))


def update_endpoint(context: Context, request: Json) -> Json:
    endpoint = _changeable_endpoint(context, request["EndpointName"])
    live = _live(endpoint)
    excluded = {p["VariantPropertyType"] for p in request.get("ExcludeRetainedVariantProperties") or []}
    if "DataCaptureConfig" in excluded:
        raise invalid("DataCaptureConfig is not currently supported in ExcludeRetainedVariantProperties.")
    pending = _deploy(context, request["EndpointConfigName"], times.RESOLUTION_LAG_OF_UPDATE)
    _check_backing(context, live)
    config_rules.check_replacement(live, pending)
    if request.get("RetainAllVariantProperties"):
        pending = deployment.retain(pending, live, excluded)
        if context.faults.data_capture_retained:
            pending = replace(pending, data_capture=live.data_capture)
    # at the call, and there to stay after a rollback (OneNishitRathod's Canary notebook)
    deployment_config = _deployment_config(context, endpoint, request)
    updating = replace(endpoint, pending=pending, deployment_config=deployment_config)
    course, reason = context.faults.course_of("update", context.region.name, endpoint.name)
    context.region.put(lifecycle.begin(updating, course, context.timings, context.now, reason=reason))
    return {"EndpointArn": endpoint.arn}


def update_endpoint_weights_and_capacities(context: Context, request: Json) -> Json:
    endpoint = _changeable_endpoint(context, request["EndpointName"])
    live = _live(endpoint)
    desired = {one["VariantName"]: one for one in request["DesiredWeightsAndCapacities"]}
    unknown = sorted(desired.keys() - {variant.name for variant in live.variants})
    if unknown:
        raise invalid(
            f'The variant name(s) "{", ".join(unknown)}" is/are not present within endpoint '
            f'configuration "{live.config_name}".'
        )
    _check_backing(context, live)
    scaling = replace(endpoint, live=deployment.scale(live, desired))
    course, reason = context.faults.course_of("scaling", context.region.name, endpoint.name)
    context.region.put(lifecycle.begin(scaling, course, context.timings, context.now, reason=reason))
    return {"EndpointArn": endpoint.arn}


def delete_endpoint(context: Context, request: Json) -> Json:
    endpoint = context.region.endpoint(request["EndpointName"], context.now)
    _refuse_in_progress(endpoint)
    context.region.put(lifecycle.begin(endpoint, Course.DELETION, context.timings, context.now))
    return {}


def list_endpoints(context: Context, request: Json) -> Json:
    summaries = [descriptions.summarise(endpoint) for endpoint in context.region.endpoints(context.now)]
    return listing.page(summaries, request, result="Endpoints", name="EndpointName")


def _changeable_endpoint(context: Context, name: str) -> Endpoint:
    endpoint = context.region.endpoint(name, context.now)
    _refuse_in_progress(endpoint)
    if endpoint.status not in CHANGEABLE:
        # for what is neither in progress nor failed, the service's own words aren't documented
        adjective = {Status.FAILED: "failed"}.get(endpoint.status, endpoint.status)
        raise invalid(f'Cannot update {adjective} endpoint "{endpoint.arn}".')
    return endpoint


def _refuse_in_progress(endpoint: Endpoint) -> None:
    if endpoint.status in IN_PROGRESS:
        # the service's words, whether it was asked to update, to scale or to delete
        raise invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')


def _deployment_config(context: Context, endpoint: Endpoint, request: Json) -> Json | None:
    stated: Json | None = request.get("DeploymentConfig")
    if not request.get("RetainDeploymentConfig"):
        return stated
    if endpoint.deployment_config is None and context.faults.refuses_retaining_no_deployment_config:
        raise invalid("The endpoint has no deployment configuration to retain.")  # (text not recorded)
    return stated or endpoint.deployment_config


def _live(endpoint: Endpoint) -> deployment.Deployment:
    if endpoint.live is None:
        raise AssertionError(f"{endpoint.name} is {endpoint.status} with nothing deployed")
    return endpoint.live


def _deploy(context: Context, config_name: str, resolution_lag: float) -> deployment.Deployment:
    config = _visible_config(context, config_name)
    models = {n: context.region.get(MODEL, n).body for n in deployment.model_names(config.body)}
    return deployment.deploy(copy.deepcopy(config.body), models, context.stamp, resolution_lag)


def _check_backing(context: Context, live: deployment.Deployment) -> None:
    """An endpoint whose config or models were deleted under it serves on, but can't be changed."""
    context.region.get(CONFIG, live.config_name)
    for model in deployment.model_names(live.config):
        context.region.get(MODEL, model)


# -- tags


def add_tags(context: Context, request: Json) -> Json:
    added = store.read_tags(request["Tags"])
    tags = context.region.tags_of(request["ResourceArn"], context.now)
    store.check_tag_count(tags | added)
    tags.update(added)
    return {"Tags": _tag_list(tags)}


def list_tags(context: Context, request: Json) -> Json:
    # a resource has 50 tags at most and a page holds at least 50: there is never a next one
    return {"Tags": _tag_list(context.region.tags_of(request["ResourceArn"], context.now))}


def delete_tags(context: Context, request: Json) -> Json:
    tags = context.region.tags_of(request["ResourceArn"], context.now)
    store.check_tag_keys(request["TagKeys"])
    for key in request["TagKeys"]:
        tags.pop(key, None)
    return {}


def _tag_list(tags: dict[str, str]) -> list[Json]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _summary(document: Document, prefix: str) -> Json:
    return {
        f"{prefix}Name": document.name,
        f"{prefix}Arn": document.arn,
        "CreationTime": times.shown(document.created),
    }


OPERATIONS: dict[Operation, Callable[[Context, Json], Json]] = {
    "CreateModel": create_model,
    "DescribeModel": describe_model,
    "DeleteModel": delete_model,
    "ListModels": list_models,
    "CreateEndpointConfig": create_endpoint_config,
    "DescribeEndpointConfig": describe_endpoint_config,
    "DeleteEndpointConfig": delete_endpoint_config,
    "ListEndpointConfigs": list_endpoint_configs,
    "CreateEndpoint": create_endpoint,
    "DescribeEndpoint": describe_endpoint,
    "UpdateEndpoint": update_endpoint,
    "UpdateEndpointWeightsAndCapacities": update_endpoint_weights_and_capacities,
    "DeleteEndpoint": delete_endpoint,
    "ListEndpoints": list_endpoints,
    "AddTags": add_tags,
    "ListTags": list_tags,
    "DeleteTags": delete_tags,
}
