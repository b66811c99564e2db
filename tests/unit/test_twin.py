from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain.encryption.assessment import Path, surface_keys
from lambdas.domain.encryption.twin import (
    REMEDIATION_TAG,
    SOURCE_CONFIG_TAG,
    Comparison,
    as_request,
    compare,
    dotted,
    fingerprint,
    from_dotted,
    keys_missing,
    missing_tags,
    plan_hash,
    restored_config,
    twin_name,
    twin_request,
    twin_tags,
)
from lambdas.domain.endpoint_id import EndpointId
from tests.unit import samples
from tests.unit.strategies import configs, names

PATHS: tuple[Path, ...] = (("KmsKeyId",),)
_VALID_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")


def missing(source: dict[str, Any]) -> list[Path]:
    return [key.path for key in surface_keys(source) if not key.key_id]


def serverless_variants(body: dict[str, Any]) -> list[dict[str, Any]]:
    variants = [*body["ProductionVariants"], *body.get("ShadowProductionVariants", [])]
    return [variant for variant in variants if "ServerlessConfig" in variant]


def _put(body: dict[str, Any], path: tuple[str | int, ...], value: Any) -> None:
    holder: Any = body
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value


@given(configs(), st.data())
def test_a_twin_differs_in_name_and_the_keys_to_change_and_in_nothing_else(
    source: dict[str, Any], data: st.DataObject
) -> None:
    before = copy.deepcopy(source)
    paths = data.draw(st.lists(st.sampled_from([key.path for key in surface_keys(source)]), unique=True))
    twin = twin_request(source, samples.KEY_ARN, paths, samples.TWIN)

    expected = copy.deepcopy(source)
    del expected["EndpointConfigArn"], expected["CreationTime"]
    for variant in serverless_variants(expected):
        variant.pop("VolumeSizeInGB", None)  # AWS describes it and refuses it
    expected["EndpointConfigName"] = twin["EndpointConfigName"]
    for path in paths:
        _put(expected, path, samples.KEY_ARN)
    assert twin == expected
    assert source == before, "the source's body is evidence, and must not be written to"


@given(configs())
def test_a_twin_read_back_shows_no_difference(source: dict[str, Any]) -> None:
    twin = twin_request(source, samples.KEY_ARN, missing(source), samples.TWIN)
    read_back = {**copy.deepcopy(twin), "EndpointConfigArn": "arn:…", "CreationTime": 1.0}
    assert compare(twin, read_back) == Comparison()


@given(configs())
def test_what_aws_adds_is_no_difference_and_is_named(source: dict[str, Any]) -> None:
    twin = twin_request(source, samples.KEY_ARN, missing(source), samples.TWIN)
    read_back: dict[str, Any] = copy.deepcopy(twin)
    expected = []
    if "EnableNetworkIsolation" not in read_back:
        read_back["EnableNetworkIsolation"] = False
        expected.append("EnableNetworkIsolation: false")
    for variants in ("ProductionVariants", "ShadowProductionVariants"):
        for index, variant in enumerate(read_back.get(variants, [])):
            sized = "ServerlessConfig" in variant or ("InstanceType" in variant and twin.get("KmsKeyId"))
            if sized and "VolumeSizeInGB" not in variant:
                variant["VolumeSizeInGB"] = 30
                expected.append(f"{variants}[{index}].VolumeSizeInGB: 30")
    compared = compare(twin, read_back)
    assert compared.differences == []
    assert sorted(compared.added) == sorted(expected)
    assert compare(as_request(read_back), read_back).differences == []


_VARIANT = {"VariantName": "a", "InstanceType": "ml.m5.xlarge"}


@pytest.mark.parametrize(
    ("members", "line"),
    [
        ({"EnableNetworkIsolation": True}, "EnableNetworkIsolation was not sent"),
        ({"EnableNetworkIsolation": 0}, "EnableNetworkIsolation was not sent"),
        ({"VolumeSizeInGB": 4}, "VolumeSizeInGB was not sent"),
        (
            {"ProductionVariants": [{**_VARIANT, "VolumeSizeInGB": True}]},
            "ProductionVariants[0].VolumeSizeInGB was not sent",
        ),
        (
            {"ProductionVariants": [{**_VARIANT, "EnableNetworkIsolation": False}]},
            "ProductionVariants[0].EnableNetworkIsolation was not sent",
        ),
        (
            {"ProductionVariants": [{**_VARIANT, "InitialVariantWeight": 1.0}]},
            "ProductionVariants[0].InitialVariantWeight was not sent",
        ),
        (
            {"Other": [{"VolumeSizeInGB": 4}], "ProductionVariants[0]": {"VolumeSizeInGB": 4}},
            "Other was not sent",
        ),
    ],
)
def test_any_other_addition_is_a_difference(members: dict[str, Any], line: str) -> None:
    sent = {"EndpointConfigName": "twin", "ProductionVariants": [_VARIANT]}
    compared = compare(sent, {**sent, **members})
    assert line in compared.differences
    assert compared.added == []


def test_a_size_that_aws_would_not_have_added_is_someone_elses() -> None:
    """A config made anew under its name, with another volume: one without a key gets no size from AWS."""
    sent = {"EndpointConfigName": "old", "ProductionVariants": [_VARIANT]}
    made_anew = {**sent, "ProductionVariants": [{**_VARIANT, "VolumeSizeInGB": 512}]}
    assert compare(sent, made_anew).differences == ["ProductionVariants[0].VolumeSizeInGB was not sent"]
    keyed = {"KmsKeyId": samples.KEY_ARN}
    assert compare({**sent, **keyed}, {**made_anew, **keyed}).added == [
        "ProductionVariants[0].VolumeSizeInGB: 512"
    ]
    pools: dict[str, Any] = {"VariantName": "a", "InstancePools": [{"InstanceType": "ml.m5.xlarge"}]}
    in_pools = {**keyed, "ProductionVariants": [pools]}
    assert compare(in_pools, {**keyed, "ProductionVariants": [{**pools, "VolumeSizeInGB": 4}]}).differences


def test_what_was_sent_must_come_back_as_it_was_sent() -> None:
    sent = {"EnableNetworkIsolation": False, "ProductionVariants": [{**_VARIANT, "VolumeSizeInGB": 20}]}
    assert compare(sent, {"ProductionVariants": [{**_VARIANT, "VolumeSizeInGB": 30}]}).differences == [
        "EnableNetworkIsolation is missing",
        "ProductionVariants[0].VolumeSizeInGB is 30, not 20",
    ]


def test_a_serverless_variant_is_requested_without_the_size_that_aws_describes() -> None:
    serverless = {"VariantName": "a", "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 5}}
    config = samples.config(
        ProductionVariants=[{**serverless, "VolumeSizeInGB": 5}],
        ShadowProductionVariants=[{**serverless, "VolumeSizeInGB": 5}, {**_VARIANT, "VolumeSizeInGB": 40}],
    )
    for request in (
        as_request(config),
        twin_request(config, samples.KEY_ARN, PATHS, samples.TWIN),
        restored_config(config, None),
    ):
        assert request["ProductionVariants"] == [serverless]
        assert request["ShadowProductionVariants"] == [serverless, {**_VARIANT, "VolumeSizeInGB": 40}]
        described = {**request, "ProductionVariants": config["ProductionVariants"]}
        assert compare(request, described).differences == []


@given(configs(), st.data())
def test_any_one_change_is_a_difference(source: dict[str, Any], data: st.DataObject) -> None:
    twin = twin_request(source, samples.KEY_ARN, missing(source), samples.TWIN)
    changed = copy.deepcopy(twin)
    holder: Any = changed
    while True:  # walk to some leaf
        key: Any = data.draw(
            st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder)))
        )
        if not holder[key] or not isinstance(holder[key], dict | list):
            break
        holder = holder[key]
    holder[key] = ["something", "else", holder[key]]
    assert compare(twin, changed).differences != []


@pytest.mark.parametrize(
    ("actual", "line"),
    [
        ({"A": {"B": [1, 2]}, "C": True}, None),
        ({"A": {"B": [1.0, 2]}, "C": True, "D": None}, None),
        ({"A": {"B": [1, 3]}, "C": True}, "A.B[1] is 3, not 2"),
        ({"A": {"B": [1]}, "C": True}, "A.B is [1], not [1, 2]"),
        ({"A": {"B": [1, 2]}}, "C is missing"),
        ({"A": {"B": [1, 2]}, "C": 1}, "C is 1, not True"),
        ({"A": {"B": [1, 2], "X": 0}, "C": True}, "A.X was not sent"),
    ],
)
def test_differences_say_where(actual: dict[str, Any], line: str | None) -> None:
    assert compare({"A": {"B": [1, 2]}, "C": True}, actual).differences == ([line] if line else [])


@given(names, st.text(min_size=1, max_size=40))
def test_a_twins_name_is_valid_stable_and_its_own(name: str, key: str) -> None:
    source = samples.config(EndpointConfigName=name)
    twin = twin_name(source, key, PATHS, "fraud")
    assert len(twin) <= 63
    assert _VALID_NAME.fullmatch(twin)
    assert twin == twin_name(copy.deepcopy(source), key, PATHS, "fraud")
    assert twin != name
    assert twin != twin_name(source, key + "x", PATHS, "fraud")
    assert twin != twin_name({**source, "CreationTime": 1.5}, key, PATHS, "fraud")
    assert twin != twin_name(source, key, PATHS, "risk")


def test_a_twin_of_a_name_cut_at_a_hyphen_is_still_valid() -> None:
    source = samples.config(EndpointConfigName="a" * 46 + "-" * 5 + "b" * 12)
    assert _VALID_NAME.fullmatch(twin_name(source, samples.KEY_ARN, PATHS, "fraud"))


def test_the_plan_changes_with_anything_that_would_be_done() -> None:
    here, elsewhere = EndpointId("1", "us-east-1", "fraud"), EndpointId("2", "us-east-1", "fraud")
    options = {"RetainAllVariantProperties": True}
    plan = plan_hash(here, samples.config(), samples.KEY_ARN, PATHS, options)
    assert plan == plan_hash(here, samples.config(), samples.KEY_ARN, PATHS, options)
    others = [
        plan_hash(elsewhere, samples.config(), samples.KEY_ARN, PATHS, options),
        plan_hash(here, samples.config(NewThing=1), samples.KEY_ARN, PATHS, options),
        plan_hash(here, samples.config(), samples.KEY_ARN + "x", PATHS, options),
        plan_hash(here, samples.config(), samples.KEY_ARN, (), options),
        plan_hash(here, samples.config(), samples.KEY_ARN, PATHS, {"RetainAllVariantProperties": False}),
    ]
    assert len({plan, *others}) == 6


def test_tags_are_kept_except_those_that_only_aws_sets() -> None:
    tags = {"team": "fraud", "aws:cloudformation:stack-name": "s", "AWS:x": "y"}
    assert twin_tags(tags, "source", "r-1") == {
        "team": "fraud",
        SOURCE_CONFIG_TAG: "source",
        REMEDIATION_TAG: "r-1",
    }


@pytest.mark.parametrize(("count", "with_origin"), [(48, True), (49, False), (50, False)])
def test_the_users_tags_come_before_ours_when_room_is_short(count: int, *, with_origin: bool) -> None:
    tags = {f"tag-{index}": "x" for index in range(count)}
    written = twin_tags(tags, "source", "r-1")
    assert tags.items() <= written.items()
    assert len(written) <= 50
    assert (SOURCE_CONFIG_TAG in written) is with_origin


def test_a_twins_tags_may_be_of_another_remediation_but_not_else() -> None:
    ours = twin_tags({"team": "fraud"}, "source", "r-2")
    theirs = {"team": "fraud", SOURCE_CONFIG_TAG: "source", REMEDIATION_TAG: "r-1"}
    assert missing_tags(ours, theirs) == []
    assert missing_tags(ours, {**theirs, "governed-by": "someone else's tool"}) == []
    assert missing_tags(ours, {"team": "risk"}) == ["Tags.team is 'risk', not 'fraud'"]
    assert missing_tags(ours, {}) == ["Tags.team is None, not 'fraud'"]


def test_a_key_that_is_not_where_the_plan_put_it_is_named() -> None:
    paths = [("KmsKeyId",), ("ProductionVariants", 0, "CoreDumpConfig", "KmsKeyId")]
    body = samples.config(KmsKeyId=samples.KEY_ARN)
    assert keys_missing(body, samples.KEY_ARN, paths[:1]) == []
    assert keys_missing(body, samples.KEY_ARN, paths) == ["ProductionVariants.0.CoreDumpConfig.KmsKeyId"]
    assert keys_missing({**body, "KmsKeyId": "alias/theirs"}, samples.KEY_ARN, paths[:1]) == ["KmsKeyId"]
    assert keys_missing({}, samples.KEY_ARN, [("DataCaptureConfig", "KmsKeyId")]) != []


@given(configs())
def test_a_path_on_record_leads_to_the_same_member(source: dict[str, Any]) -> None:
    for key in surface_keys(source):
        assert from_dotted(dotted(key.path)) == key.path


@given(configs())
def test_a_config_that_was_deleted_is_restored_as_it_was(source: dict[str, Any]) -> None:
    body = restored_config(source, None)
    assert compare(body, source).differences == []
    assert restored_config(source, source) == body


@given(configs())
def test_a_config_whose_name_was_taken_is_restored_under_another(source: dict[str, Any]) -> None:
    body = restored_config(source, {**source, "NewOwner": "someone"})
    assert body["EndpointConfigName"] != source["EndpointConfigName"]
    assert _VALID_NAME.fullmatch(body["EndpointConfigName"])
    assert len(body["EndpointConfigName"]) <= 63
    assert body == restored_config(source, {**source, "NewOwner": "another"})
    named_as_before = {**body, "EndpointConfigName": source["EndpointConfigName"]}
    assert compare(named_as_before, source).differences == []


def test_null_and_absent_are_the_same_plan() -> None:
    assert fingerprint({"a": 1, "b": None}) == fingerprint({"a": 1})
    assert fingerprint({"a": [None]}) != fingerprint({"a": []})
