"""Attacks by names: what is compared is what is deployed, whoever creates another config under its name."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from local.people import Loop

pytestmark = pytest.mark.xdist_group("attacks")

_KEYED: dict[str, Any] = {
    "KmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
}


def _plant(loop: Loop, name: str, **members: Any) -> None:
    """Someone who may create and delete configs puts one of their own under a name."""
    model = f"{loop.name}-theirs"
    if not loop.people.list_models(NameContains=model)["Models"]:
        loop.people.create_model(
            ModelName=model,
            PrimaryContainer={"Image": "999999999999.dkr.ecr.us-east-1.amazonaws.com/theirs:1"},
            ExecutionRoleArn="arn:aws:iam::123456789012:role/Execution",
        )
    if any(config["EndpointConfigName"] == name for config in loop.configs()):
        loop.people.delete_endpoint_config(EndpointConfigName=name)
    variant = {
        "VariantName": "a", "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 2,
        "InitialVariantWeight": 1.0,
    }  # fmt: skip
    loop.people.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **members)


class _AtCall:
    """Does something once, when a call of some operation arrives, before it takes effect."""

    def __init__(self, loop: Loop, operation: str, do: Callable[[dict[str, Any]], None]) -> None:
        faults = loop.world.sagemaker.faults
        real, self._left = faults.plan, 1

        def plan(called: Any, region: str, request: Any, now: float) -> Any:
            if called == operation and request.get("EndpointName") == loop.name and self._left:
                self._left -= 1
                do(request)
            return real(called, region, request, now)

        self._patch = patch.object(faults, "plan", plan)

    def __enter__(self) -> None:
        self._patch.start()

    def __exit__(self, *_: object) -> None:
        self._patch.stop()


def test_a_twin_swapped_while_the_update_is_retried_is_not_deployed(loop: Loop) -> None:
    loop.make_endpoint()

    def swap(request: dict[str, Any]) -> None:
        _plant(loop, request["EndpointConfigName"], **_KEYED)
        loop.world.sagemaker.faults.throttle("UpdateEndpoint")

    with _AtCall(loop, "UpdateEndpoint", swap):
        loop.click("approve")
        assert loop.outcome() == "FAILED"
    assert loop.status() == ("InService", loop.config)
    assert "another one was created under its name" in loop.record()["reason"]


def test_a_twin_swapped_in_the_very_moment_of_the_update_is_noticed_and_can_be_left_again(loop: Loop) -> None:
    loop.make_endpoint()
    with _AtCall(
        loop, "UpdateEndpoint", lambda request: _plant(loop, request["EndpointConfigName"], **_KEYED)
    ):
        loop.click("approve")
        assert loop.outcome() == "FAILED"
    assert "in service on that one" in loop.record()["reason"]
    assert "Encrypted" not in json.dumps(loop.card().blocks)
    assert loop.buttons() == ["backout"]

    loop.click("backout")
    loop.world.settle()
    assert loop.world.run(loop.backout())["outcome"] == "BACKED_OUT"
    assert loop.status() == ("InService", loop.config)


def test_an_earlier_config_swapped_in_the_moment_of_the_way_back_is_noticed(loop: Loop) -> None:
    loop.encrypt()
    with _AtCall(loop, "UpdateEndpoint", lambda request: _plant(loop, request["EndpointConfigName"])):
        loop.click("backout")
        loop.world.settle()
        assert loop.world.run(loop.backout())["outcome"] == "FAILED"
    assert "Backed out:" not in json.dumps(loop.card().blocks)


def test_a_squatted_name_is_stepped_around(loop: Loop) -> None:
    loop.make_endpoint()
    planned = loop.record()["plannedTwinName"]
    _plant(loop, planned, **_KEYED)
    loop.click("approve")
    assert loop.outcome() == "ENCRYPTED"
    status, config = loop.status()
    assert status == "InService"
    assert config != planned
    live = loop.people.describe_endpoint_config(EndpointConfigName=config)
    assert live["ProductionVariants"][0]["ModelName"] == loop.model
    assert any(f"A config named {planned} exists already" in line for line in loop.thread())


# -- the config under the endpoint's name need not be the one that runs


@pytest.fixture
def attacked(loop: Loop) -> Iterator[Loop]:
    """Configs in use are deleted here, by people and on purpose."""
    yield loop
    loop.world.settle()
    loop.world.sagemaker.violations.clear()


@contextmanager
def _before_anyone_looks(loop: Loop) -> Generator[None]:
    """What is done right after the endpoint was created, and before its event arrives."""
    loop.make_config()
    with loop.world.events_held():
        loop.people.create_endpoint(EndpointName=loop.name, EndpointConfigName=loop.config)
        yield
    loop.world.settle()


def test_a_config_replaced_after_the_deployment_is_never_called_encrypted(attacked: Loop) -> None:
    with _before_anyone_looks(attacked):
        attacked.world.clock.advance(2)
        _plant(attacked, attacked.config, **_KEYED)
        attacked.world.clock.advance(700)
    record = attacked.record()
    assert record["verdict"] == "UNKNOWN"
    assert "outcome" not in record
    card = json.dumps(attacked.card().blocks)
    assert "What runs can't be told" in card
    assert attacked.buttons() == ["approve", "deny"]


def test_a_config_replaced_within_a_second_is_judged_once_cloudtrail_shows_what_was_deleted(
    attacked: Loop,
) -> None:
    with _before_anyone_looks(attacked):
        attacked.world.clock.advance(0.7)
        _plant(attacked, attacked.config, **_KEYED)
        attacked.world.clock.advance(300)
    assert "verdict" not in attacked.record()
    attacked.world.clock.advance(900)
    attacked.world.settle()
    assert attacked.record()["verdict"] == "UNKNOWN"


def test_an_endpoint_whose_config_is_gone_is_unknown_and_asked_about_by_nobody(attacked: Loop) -> None:
    with _before_anyone_looks(attacked):
        attacked.world.clock.advance(700)
        attacked.people.delete_endpoint_config(EndpointConfigName=attacked.config)
    assert attacked.outcome() == "FAILED"
    assert attacked.record()["verdict"] == "UNKNOWN"
    assert "Create an endpoint with a KMS key" in attacked.record()["reason"]
    assert "approve" not in attacked.buttons()


# -- a model's name is no identity either


def test_a_model_created_again_while_the_question_is_open_is_not_deployed(loop: Loop) -> None:
    loop.make_endpoint()
    assert loop.model in json.dumps(loop.card().blocks)
    _replace_model(loop)
    loop.click("approve")
    assert loop.outcome() == "SUPERSEDED"
    assert "was created again since this was asked" in loop.record()["reason"]
    assert loop.status() == ("InService", loop.config)


def test_a_model_created_after_the_deployment_is_named_on_the_card(loop: Loop) -> None:
    with _before_anyone_looks(loop):
        loop.world.clock.advance(60)
        _replace_model(loop)
        loop.world.clock.advance(700)
    assert "created after the endpoint was deployed" in json.dumps(loop.card().blocks)
    loop.deny()


def _replace_model(loop: Loop) -> None:
    loop.people.delete_model(ModelName=loop.model)
    loop.people.create_model(
        ModelName=loop.model,
        PrimaryContainer={"Image": "999999999999.dkr.ecr.us-east-1.amazonaws.com/theirs:1"},
        ExecutionRoleArn="arn:aws:iam::123456789012:role/Execution",
    )
