"""Settings of any size: they reach the functions in a file, and no environment grows with them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.people import Loop
from local.world import World
from tests.conftest import synthesized
from tests.workflow.fixtures import Worlds

pytestmark = [pytest.mark.xdist_group("world"), pytest.mark.usefixtures("alone")]

KEYS = [f"arn:aws:kms:us-east-1:123456789012:key/{i:08x}-0000-4000-8000-000000000000" for i in range(200)]
ROUTES = [
    {"name": f"route-{i}", "tags": {"team": f"team-{i}"}, "approvers": [f"U0TEAM{i}", f"U0LEAD{i}"]}
    for i in range(30)
]
ROUTES[-1]["approvalMode"] = "observe"
# as many bytes of names and values as Lambda takes
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
ENVIRONMENT_BYTES = 4 * 1024


@pytest.fixture(scope="module")
def large_world(worlds: Worlds, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("large") / "cdk.out"
    settings: dict[str, Any] = {"encryptedBy": KEYS, "routes": ROUTES}
    return worlds.of(synthesized(folder, **settings, kmsKeyArns={"us-east-1": KEYS[0]}))


def _create_key(world: World, arn: str) -> None:
    def key_id(_multi_region: bool) -> str:
        return arn.rpartition("/")[2]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moto.kms.models.generate_key_id", key_id)
        # as AWS has it where nothing is said; moto leaves the usage out
        made = world.client("kms").create_key(KeyUsage="ENCRYPT_DECRYPT", KeySpec="SYMMETRIC_DEFAULT")
    assert made["KeyMetadata"]["Arn"] == arn


def test_no_functions_environment_grows_with_them(large_world: World) -> None:
    for function in large_world.runner.functions:
        size = sum(len(f"{name}{value}".encode()) for name, value in function.environment.items())
        assert size < ENVIRONMENT_BYTES, function.name
        assert not any(key in json.dumps(dict(function.environment)) for key in KEYS[1:])


def test_they_are_honoured_to_the_last_one(large_world: World) -> None:
    for key in (KEYS[0], KEYS[-1]):
        _create_key(large_world, key)
    listed = Loop(large_world)
    listed.make_endpoint(KmsKeyId=KEYS[-1])
    assert listed.outcome() == "ALREADY_ENCRYPTED"
    other = large_world.client("kms").create_key()["KeyMetadata"]["Arn"]
    unlisted = Loop(large_world)
    unlisted.make_endpoint(KmsKeyId=other, tags={"team": "team-29"})
    assert unlisted.outcome() == "OBSERVED", unlisted.record()
    assert unlisted.record()["route"] == "route-29"
