"""Attacks on the record, run through the whole loop with the functions' IAM enforced."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.domain.approval.decision import DECISIONS
from lambdas.domain.vocabulary import ApprovalStatus, Outcome
from local.aws.iam.calls import requests_of
from local.aws.iam.policy import judge
from local.people import Loop
from local.world import OUTSIDER, World
from ops import cli
from tests.unit.strategies import json_values
from tests.workflow.fixtures import Ops

_WORDS = [*Outcome, *ApprovalStatus, *DECISIONS, "", "OK"]


class Refused(Exception):
    """The function's role doesn't allow it."""


class Intruder:
    """Someone who can do whatever a function may do."""

    def __init__(self, world: World, handler: str) -> None:
        self._world = world
        [self._caller] = [
            one.caller for one in world.runner.functions if one.handler.split(".")[-2] == handler
        ]

    def call(self, service: str, operation: str, **parameters: Any) -> Any:
        """Call AWS under the function's role. Raises `Refused`."""
        for request in requests_of(service, operation, parameters, self._caller):
            if not judge(self._world.roles[self._caller.role_arn], request).allowed:
                raise Refused(request.action)
        client = self._world.client({"sfn": "stepfunctions"}.get(service, service))
        method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)[1:]
        return getattr(client, method)(**parameters)

    def update(self, kind: str, item_id: str, sort_key: str, facts: dict[str, Any]) -> None:
        names = {f"#{number}": name for number, name in enumerate(facts)}
        values = {f":{number}": value for number, value in enumerate(facts.values())}
        self.call(
            "dynamodb", "UpdateItem", TableName=self._world.home.output("RecordsTableName"),
            Key={"pk": {"S": f"{kind}#{item_id}"}, "sk": {"S": sort_key}},
            UpdateExpression="SET " + ", ".join(f"#{one} = :{one}" for one in range(len(facts))),
            ExpressionAttributeNames=names, ExpressionAttributeValues=values,
        )  # fmt: skip


# -- H3: a task token's answer


def _answer(loop: Loop, answer: Any, *, as_error: bool) -> None:
    client = loop.world.client("stepfunctions")
    if as_error:
        text = answer if isinstance(answer, str) else json.dumps(answer)
        cause = json.dumps({"errorMessage": text})
        client.send_task_failure(taskToken=_token(loop), error=text[:250], cause=cause)
        loop.world.settle()
        answer = {}  # five errors in a row would end it
    client.send_task_success(taskToken=_token(loop), output=json.dumps(answer))
    loop.world.settle()


def _token(loop: Loop) -> str:
    return loop.world.token(loop.approval_id())


_answers = st.sampled_from(_WORDS).flatmap(
    lambda word: st.dictionaries(
        st.sampled_from(["decision", "outcome", "reason", "error", "waitSeconds"]),
        st.just(str(word)),
        min_size=1,
    )
)


def test_no_answer_to_a_task_token_changes_record_card_or_outcome(loop: Loop) -> None:
    execution = loop.make_endpoint()
    loop.world.clock.advance(3600)
    before, said, thread = loop.record(), loop.card().blocks, loop.thread()

    def holds() -> None:
        assert loop.record() == before
        assert (loop.card().blocks, loop.thread(), len(loop.cards())) == (said, thread, 1)
        assert loop.world.approval(loop.approval_id())["status"] == "PENDING"
        assert execution.exec_status is not None
        assert execution.exec_status.value == "RUNNING"

    for word in _WORDS:
        _answer(loop, {"decision": word, "outcome": word, "reason": "It names a key."}, as_error=False)
    for word in (Outcome.ENCRYPTED, "EndpointGone", "EncryptionUnsupported", "RequestRefused"):
        _answer(loop, word, as_error=True)
    holds()

    @settings(max_examples=12, database=None)
    @given(answer=_answers | json_values, as_error=st.booleans())
    def whatever_is_answered(answer: Any, *, as_error: bool) -> None:
        _answer(loop, answer, as_error=as_error)
        holds()

    whatever_is_answered()
    loop.deny("not this week")
    assert loop.outcome() == "DENIED"
    assert "not this week" in json.dumps(loop.card().blocks)
    assert loop.status() == ("InService", loop.config)


@pytest.mark.parametrize("word", [Outcome.ENCRYPTED, Outcome.ALREADY_ENCRYPTED, Outcome.EXEMPT])
def test_a_question_forged_as_answered_expires_as_itself(loop: Loop, word: str) -> None:
    loop.make_endpoint()
    _answer(
        loop, {"decision": word, "outcome": word, "reason": "Its config names a KMS key."}, as_error=False
    )
    assert loop.outcome() == "EXPIRED"
    assert "KMS key." not in loop.record()["reason"]
    assert "Left as it is" in loop.card().text
    assert loop.buttons() == []


def test_a_wait_that_is_broken_again_and_again_fails_in_our_own_words(loop: Loop) -> None:
    loop.make_endpoint()
    client = loop.world.client("stepfunctions")
    for _ in range(6):
        token = _token(loop)
        client.send_task_failure(taskToken=token, error="EncryptionUnsupported", cause="trust me")
        loop.world.settle()
    assert loop.outcome() == "FAILED"
    assert "6 times in a row" in loop.record()["reason"]
    assert "trust me" not in json.dumps(loop.card().blocks)


# -- H5: what the function that faces the internet may do


_S = {"S": "ENCRYPTED"}


def test_who_takes_clicks_can_neither_forge_evidence_nor_have_it_acted_upon(loop: Loop) -> None:
    """They make up an encrypted remediation, request its backout, and start that."""
    world, intruder = loop.world, Intruder(loop.world, "slack_interactions")
    execution = loop.make_endpoint(KmsKeyId="alias/mine")  # which Sealpoint never touched
    assert loop.outcome(execution) == "ALREADY_ENCRYPTED"
    before = loop.record()
    for kind, sort_key in (("remediation", "record"), ("evidence", "evidence"), ("endpoint", "claim")):
        for name in (execution.name, "made-up"):
            with pytest.raises(Refused, match="UpdateItem"):
                intruder.update(kind, name, sort_key, {"outcome": _S})
    with pytest.raises(Refused, match="PutItem"):
        intruder.call(
            "dynamodb", "PutItem", TableName=world.home.output("RecordsTableName"),
            Item={"pk": {"S": "evidence#made-up"}, "sk": {"S": "evidence"}},
        )  # fmt: skip
    # what is left to them: an approval, and to start a backout
    backout_id = str(uuid.uuid4())
    request = {"backoutId": {"S": backout_id}, "by": {"S": "U0ADA"}, "at": {"S": "x"}, "reason": {"S": ""}}
    intruder.update("approval", "made-up", "approval", {"backout": {"M": request}})
    intruder.call(
        "sfn", "StartExecution", stateMachineArn=world.home.output("BackoutStateMachineArn"), name=backout_id,
        input=json.dumps({"endpointName": loop.name, "remediationId": execution.name}),
    )  # fmt: skip
    assert world.run(loop.backout())["outcome"] == "FAILED"
    world.client("dynamodb").delete_item(  # other tests read all approvals
        TableName=world.home.output("RecordsTableName"),
        Key={"pk": {"S": "approval#made-up"}, "sk": {"S": "approval"}},
    )
    assert loop.record() == before
    assert loop.status() == ("InService", loop.config)
    assert "sealpoint:exempt-until" not in loop.tags()


def test_a_closed_record_and_its_timeline_are_out_of_reach(loop: Loop) -> None:
    loop.encrypt()
    record = loop.record()
    for handler in ("slack_interactions", "decisions", "close_backout", "show_digest"):
        with pytest.raises(Refused):
            Intruder(loop.world, handler).update(
                "remediation", record["remediationId"], "record", {"decidedBy": {"S": "U0MALLORY"}}
            )
    assert loop.record() == record


@pytest.mark.parametrize("handler", ["await_in_service", "poll_endpoint", "close_backout"])
def test_a_step_that_shows_progress_decides_nothing(loop: Loop, handler: str) -> None:
    loop.make_endpoint()
    intruder, approval = Intruder(loop.world, handler), loop.approval_id()
    for facts in (
        {"status": {"S": "APPROVED"}, "decidedBy": {"S": "U0ADA"}},
        {"postedEntries": {"M": {}}, "approvals": {"L": []}},
        {"planHash": {"S": "another"}},
        {"backout": {"M": {}}},
    ):
        with pytest.raises(Refused, match="UpdateItem"):
            intruder.update("approval", approval, "approval", facts)
    intruder.update("approval", approval, "approval", {"postedEntries": {"M": {}}})
    assert loop.buttons() == ["approve", "deny"]
    assert loop.world.approval(approval)["status"] == "PENDING"
    loop.delete()


_WAKE = {"check_encryption", "slack_interactions", "decisions"}


def test_task_tokens_are_out_of_reach_of_all_that_wake_nobody(loop: Loop) -> None:
    loop.make_endpoint()
    table, item = loop.world.home.output("RecordsTableName"), f"wait#{loop.approval_id()}"
    key = {"pk": {"S": item}, "sk": {"S": "token"}}
    handlers = {one.handler.split(".")[-2] for one in loop.world.runner.functions} - _WAKE
    assert "request_approval" in handlers, "it puts them"
    for handler in handlers:
        intruder = Intruder(loop.world, handler)
        for operation, asked in (
            ("GetItem", {"TableName": table, "Key": key}),
            ("BatchGetItem", {"RequestItems": {table: {"Keys": [key]}}}),
            ("Scan", {"TableName": table}),
            (
                "Query",
                {
                    "TableName": table, "KeyConditionExpression": "pk = :pk",
                    "ExpressionAttributeValues": {":pk": {"S": item}},
                },
            ),
        ):  # fmt: skip
            with pytest.raises(Refused, match=operation):
                intruder.call("dynamodb", operation, **asked)
    loop.deny()
    assert loop.outcome() == "DENIED"


def _overwrite(world: World, key: str, sort_key: str, name: str, value: str) -> None:
    """As an administrator of the account could."""
    world.client("dynamodb").update_item(
        TableName=world.home.output("RecordsTableName"),
        Key={"pk": {"S": key}, "sk": {"S": sort_key}},
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":value": {"S": value}},
    )


def test_evidence_that_was_changed_is_never_restored(loop: Loop) -> None:
    execution = loop.encrypt()
    output = json.loads(json.dumps(execution.output))
    assert output["evidenceSha256"] == loop.record()["evidenceSha256"]
    assert loop.record()["evidenceSha256"] in loop.world.runner.logs()
    twin = loop.status()[1]
    config = {
        **loop.world.evidence(execution.name)["config"],
        "ExecutionRoleArn": "arn:aws:iam::1:role/MLAdmin",
    }
    _overwrite(loop.world, f"evidence#{execution.name}", "evidence", "config", json.dumps(config))
    loop.people.delete_endpoint_config(EndpointConfigName=loop.config)
    loop.click("backout")
    ended = loop.world.run(loop.backout())
    assert ended["outcome"] == "FAILED"
    assert "isn't what was kept" in ended["reason"]
    assert loop.status() == ("InService", twin)
    assert [one["EndpointConfigName"] for one in loop.configs()] == [twin]


def test_only_the_source_of_a_twin_that_sealpoint_made_is_restored(loop: Loop) -> None:
    loop.encrypt()
    twin = loop.status()[1]
    arn = loop.people.describe_endpoint_config(EndpointConfigName=twin)["EndpointConfigArn"]
    loop.people.delete_tags(ResourceArn=arn, TagKeys=["sealpoint:source-config"])
    loop.click("backout")
    ended = loop.world.run(loop.backout())
    assert ended["outcome"] == "FAILED"
    assert "isn't tagged as Sealpoint's copy" in ended["reason"]
    assert loop.status() == ("InService", twin)


# -- L2: what an auditor is given


def test_history_has_refused_attempts_and_no_task_token(
    loop: Loop, operate: Ops, capsys: pytest.CaptureFixture[str]
) -> None:
    loop.make_endpoint()
    token = loop.world.token(loop.approval_id())
    loop.click("approve", user=OUTSIDER.id)
    assert operate("history", loop.name, "--format", "json") == 0
    [found] = json.loads(text := capsys.readouterr().out)["remediations"]
    assert [attempt["by"] for attempt in found["approval"]["attempts"]] == [OUTSIDER.id]
    assert token not in text
    loop.deny()
    assert loop.outcome() == "DENIED"
    assert cli.main(["history", loop.name, "--format", "report"]) == 0
    assert OUTSIDER.id in capsys.readouterr().out


# -- L4: a backout under the id of an open remediation


def test_a_backout_under_an_open_remediations_id_closes_and_frees_nothing(loop: Loop) -> None:
    execution = loop.make_endpoint()
    started = loop.world.client("stepfunctions").start_execution(
        stateMachineArn=loop.world.home.output("BackoutStateMachineArn"), name=execution.name,
        input=json.dumps({"endpointName": loop.name, "remediationId": execution.name}),
    )  # fmt: skip
    backout = loop.world.executions[started["executionArn"]]
    assert loop.world.run(backout)["outcome"] == "FAILED"
    assert "outcome" not in loop.record(execution)
    assert loop.buttons() == ["approve", "deny"]
    loop.click("approve")
    assert loop.outcome(execution) == "ENCRYPTED"


# -- L7: tags decide about access and routes


@pytest.mark.parametrize(
    ("handler", "operation"),
    [
        ("exempt_endpoint", "AddTags"),
        ("close_backout", "AddTags"),
        ("close_backout", "DeleteTags"),
        ("create_encrypted_config", "AddTags"),
        ("restore_config", "AddTags"),
    ],
)
def test_no_function_sets_anyone_elses_tags(loop: Loop, handler: str, operation: str) -> None:
    loop.encrypt()
    intruder = Intruder(loop.world, handler)
    endpoint = loop.people.describe_endpoint(EndpointName=loop.name)["EndpointArn"]
    config = loop.people.describe_endpoint_config(EndpointConfigName=loop.config)["EndpointConfigArn"]
    for arn in (endpoint, config):
        for key in ("route", "sealpoint:critical", "team"):
            tags: dict[str, Any] = (
                {"TagKeys": [key, "sealpoint:exempt-until"]}
                if operation == "DeleteTags"
                else {"Tags": [{"Key": key, "Value": "x"}]}
            )
            with pytest.raises(Refused):
                intruder.call("sagemaker", operation, ResourceArn=arn, **tags)
    assert "team" not in loop.tags()
