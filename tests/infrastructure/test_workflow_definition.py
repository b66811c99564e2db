from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonata.jsonata import Jsonata

from lambdas.domain.errors import is_ours, outcome_of
from lambdas.domain.vocabulary import Outcome
from tests.infrastructure.conftest import ROOT, Elsewhere
from tests.infrastructure.template import Template

CONTEXT: dict[str, Any] = {
    "Execution": {
        "Name": "run-1",
        "Id": "arn:aws:states:us-east-1:123456789012:execution:m:run-1",
        "Input": {"endpointName": "churn", "trigger": {"kind": "manual", "principalArn": 'a "quoted" name'}},
    },
    "Task": {"Token": "token"},
}
ASK = {"ask": True}
APPROVED = {"decision": "APPROVED"}
READY = {"ready": True}
CLOSED = {
    "remediationId": "run-1",
    "executionArn": CONTEXT["Execution"]["Id"],
    "endpointName": "churn",
    "trigger": CONTEXT["Execution"]["Input"]["trigger"],
}
POLL_AGAIN = {"waitSeconds": 20, "attempt": 1}


MACHINES = ("remediation", "backout", "retirement", "sweep", "digest")


@pytest.fixture(scope="module")
def states(template: Template) -> dict[str, Any]:
    return template.definition()["States"]


@pytest.fixture(scope="module", params=MACHINES)
def every_machine(template: Template, request: pytest.FixtureRequest) -> dict[str, Any]:
    """The states of each machine in turn."""
    return template.definition(request.param)["States"]


def tasks(states: dict[str, Any]) -> dict[str, Any]:
    return {name: state for name, state in states.items() if state["Type"] == "Task"}


def evaluate(value: Any, scope: dict[str, Any]) -> Any:
    """A JSONata field's value: the reference implementation's port evaluates what is between {% and %}."""
    if isinstance(value, dict):
        return {name: evaluate(member, scope) for name, member in value.items()}
    if not (isinstance(value, str) and value.startswith("{%")):
        return value
    expression = Jsonata(value.removeprefix("{%").removesuffix("%}"))
    frame = expression.create_frame()
    frame.bind("states", scope)
    result = expression.evaluate(None, frame)
    assert result is not None, f"{value} is undefined, which Step Functions takes for an error"
    return result


class Fault(Exception):
    """A task fails with this error name."""


def walk(
    states: dict[str, Any],
    answers: dict[str, list[Any]],
    start: str = "CheckEncryption",
    machine_input: dict[str, Any] | None = None,
) -> tuple[list[str], list[dict[str, Any]]]:
    """The states that an execution enters, and what its last task is given, if tasks answer like this."""
    answers = {"CheckFeasibility": [{}], "RequestApproval": [{}], "ReadDecision": [APPROVED], **answers}
    name, given, entered, payloads = start, machine_input or {}, list[str](), list[dict[str, Any]]()
    while name:
        state = states[name]
        entered.append(name)
        assert len(entered) < 100, f"the machine runs in circles: {entered[-6:]}"
        scope: dict[str, Any] = {"input": given, "context": CONTEXT}
        match state["Type"]:
            case "Task":
                payloads.append(evaluate(state["Arguments"], scope)["Payload"])
                answer = answers[name].pop(0)
                if isinstance(answer, Fault):
                    word = str(answer)
                    catch = next(c for c in state["Catch"] if {word, "States.ALL"} & set(c["ErrorEquals"]))
                    caught = {**scope, "errorOutput": {"Error": word, "Cause": '{"errorMessage": "so"}'}}
                    given = evaluate(catch.get("Output", "{% $states.errorOutput %}"), caught)
                    name = catch["Next"]
                    continue
                token = state["Resource"].endswith("waitForTaskToken")
                result = answer if token else {"Payload": answer}
                given = evaluate(state["Output"], {**scope, "result": result})
                name = state.get("Next", "")
            case "Choice":
                matching = (c for c in state["Choices"] if evaluate(c["Condition"], scope) is True)
                choice = next(matching, {"Next": state["Default"]})
                given = evaluate(choice.get("Output", given), scope)
                name = choice["Next"]
            case "Wait":
                assert evaluate(state["Seconds"], scope) > 0
                name = state["Next"]
            case _:
                name = ""
    return entered, payloads


def validated(folder: Path, *definitions: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """What AWS's grammar of the states language, as asl-validator has it, says of definitions."""
    files = [folder / f"{number}.asl.json" for number, _ in enumerate(definitions)]
    for file, definition in zip(files, definitions, strict=True):
        file.write_text(json.dumps(definition))
    return subprocess.run(  # noqa: S603  # a pinned tool of this repository, on files of this test
        [
            ROOT / "node_modules/.bin/asl-validator",
            *(part for file in files for part in ("--json-path", file)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", MACHINES)
def test_asl_validator_finds_nothing(
    template: Template, elsewhere: Elsewhere, tmp_path: Path, name: str
) -> None:
    finished = validated(tmp_path, template.definition(name), elsewhere.china.definition(name))
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_asl_validator_would_find_a_next_to_nowhere(template: Template, tmp_path: Path) -> None:
    definition = template.definition()
    definition["States"]["PollEndpoint"]["Next"] = "Nowhere"
    assert validated(tmp_path, template.definition(), definition).returncode != 0


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_is_standard_jsonata_and_has_no_time_out_of_its_own(template: Template, name: str) -> None:
    machine = template.machine(name)
    assert machine.get("StateMachineType", "STANDARD") == "STANDARD"
    assert template.definition(name)["QueryLanguage"] == "JSONata"
    assert "TimeoutSeconds" not in template.definition(name)
    assert machine["TracingConfiguration"] == {"Enabled": True}


@pytest.mark.parametrize("name", MACHINES)
def test_the_log_has_every_event_but_no_execution_data(template: Template, name: str) -> None:
    logging = template.machine(name)["LoggingConfiguration"]
    assert logging["Level"] == "ALL"
    assert logging["IncludeExecutionData"] is False
    (destination,) = logging["Destinations"]
    group = destination["CloudWatchLogsLogGroup"]["LogGroupArn"].removesuffix(".Arn")
    properties = template.resources("AWS::Logs::LogGroup")[group]["Properties"]
    assert properties["LogGroupName"].startswith("/aws/vendedlogs/states/")
    assert properties["RetentionInDays"] == 365


def test_every_state_says_what_it_is_for(every_machine: dict[str, Any]) -> None:
    assert [name for name, state in every_machine.items() if not state.get("Comment")] == []


def test_every_task_invokes_an_alias_and_ends_in_a_catch_of_everything(
    template: Template, every_machine: dict[str, Any]
) -> None:
    aliases = template.resources("AWS::Lambda::Alias")
    functions = {res["Properties"]["FunctionName"]: name for name, res in aliases.items()}
    assert len(functions) == len(aliases)
    assert {task["Arguments"]["FunctionName"] for task in tasks(every_machine).values()} <= set(aliases)
    for task in tasks(every_machine).values():
        assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"]


def test_every_task_retries_lambdas_own_faults(every_machine: dict[str, Any]) -> None:
    for name, task in tasks(every_machine).items():
        retried = {word for retry in task["Retry"] for word in retry["ErrorEquals"]}
        assert {"Lambda.ServiceException", "Lambda.TooManyRequestsException", "Throttled"} <= retried, name
        assert "States.ALL" not in retried, name


def test_error_names_of_ours_exist(template: Template) -> None:
    words = {
        word
        for machine in MACHINES
        for task in tasks(template.definition(machine)["States"]).values()
        for rule in [*task["Retry"], *task["Catch"]]
        for word in rule["ErrorEquals"]
        if not word.startswith(("States.", "Lambda.", "Sandbox.", "Runtime."))
    }
    assert {"Throttled", "ServiceUnavailable", "EndpointBusy", "SlackUnavailable"} <= words
    assert [word for word in words if not is_ours(word)] == []
    # what is retried passes; if it doesn't, the remediation failed
    assert {outcome_of(word) for word in words} == {Outcome.FAILED}


def test_a_busy_endpoint_is_tried_for_an_hour(states: dict[str, Any]) -> None:
    (retry,) = [r for r in states["UpdateEndpoint"]["Retry"] if r["ErrorEquals"] == ["EndpointBusy"]]
    waits = [
        min(retry["IntervalSeconds"] * retry["BackoffRate"] ** n, retry["MaxDelaySeconds"])
        for n in range(retry["MaxAttempts"])
    ]
    assert waits[0] == 30
    assert 3600 <= sum(waits) <= 7200


def test_tasks_time_out_after_their_functions(template: Template, every_machine: dict[str, Any]) -> None:
    functions = template.functions()
    for name in set(tasks(every_machine)) - {"RequestApproval"}:
        timeout = functions["".join(f"_{c.lower()}" if c.isupper() else c for c in name)[1:]]["Timeout"]
        assert timeout < every_machine[name]["TimeoutSeconds"] <= timeout + 60


def test_the_question_outlives_its_deadline_by_the_answers_way(states: dict[str, Any]) -> None:
    asked = states["RequestApproval"]
    assert asked["Resource"].endswith(":lambda:invoke.waitForTaskToken")
    assert asked["TimeoutSeconds"] == "{% $states.input.waitSeconds %}"
    assert [c["ErrorEquals"] for c in asked["Catch"]] == [["States.Timeout"], ["States.ALL"]]
    assert {c["Next"] for c in asked["Catch"]} == {asked["Next"]} == {"ReadDecision"}
    assert asked["Output"] == {}
    assert all("States.Timeout" not in retry["ErrorEquals"] for retry in asked["Retry"])


# -- the ways through the machine


def test_an_encrypted_endpoint_costs_at_most_three_transitions(states: dict[str, Any]) -> None:
    entered, payloads = walk(states, {"CheckEncryption": [{}], "CloseRemediation": [{}]})
    assert entered == ["CheckEncryption", "Unencrypted?", "CloseRemediation"]
    assert payloads[-1] == CLOSED, "the outcome is on record"


@pytest.mark.parametrize("polls", [1, 7])
def test_a_remediation_costs_at_most_eleven_transitions_and_three_a_poll(
    states: dict[str, Any], polls: int
) -> None:
    again: list[Any] = [{"waitSeconds": 20, "attempt": n + 2} for n in range(polls - 1)]
    answers: dict[str, list[Any]] = {
        "CheckEncryption": [ASK],
        "AwaitInService": [READY],
        "CreateEncryptedConfig": [{"twinConfigName": "twin"}],
        "UpdateEndpoint": [{}],
        "PollEndpoint": [*again, {"outcome": "ENCRYPTED", "reason": ""}],
        "CloseRemediation": [{}],
    }
    entered, payloads = walk(states, answers)
    assert entered[:10] == [
        "CheckEncryption", "Unencrypted?", "CheckFeasibility", "RequestApproval", "ReadDecision", "Decided?",
        "AwaitInService", "InService?", "CreateEncryptedConfig", "UpdateEndpoint",
    ]  # fmt: skip
    assert entered[-1] == "CloseRemediation"
    assert len(entered) <= 11 + 3 * polls
    polled = [payload["attempt"] for payload in payloads if "attempt" in payload]
    assert polled == [0, *range(1, polls + 1)]  # AwaitInService's one poll, then PollEndpoint's
    assert payloads[-1] == CLOSED


_ASKED: dict[str, list[Any]] = {"CheckEncryption": [ASK]}
_READY: dict[str, list[Any]] = {**_ASKED, "AwaitInService": [READY]}
_TWINNED: dict[str, list[Any]] = {**_READY, "CreateEncryptedConfig": [{}], "UpdateEndpoint": [{}]}


@pytest.mark.parametrize(
    ("outcome", "answers", "transitions"),
    [
        ("EXEMPT", {"CheckEncryption": [{}]}, 3),
        ("OBSERVED", {**_ASKED, "ReadDecision": [{}]}, 7),
        ("DENIED", {**_ASKED, "ReadDecision": [{"decision": "DENIED"}]}, 7),
        (
            "EXPIRED, reminded twice",
            {
                **_ASKED,
                "RequestApproval": [Fault("States.Timeout")] * 3,
                "ReadDecision": [{"waitSeconds": 60}, {"waitSeconds": 60}, {"decision": "EXPIRED"}],
            },
            13,
        ),
        ("SUPERSEDED", {**_ASKED, "AwaitInService": [Fault("EndpointChanged")]}, 8),
        ("UNSUPPORTED", {**_READY, "CreateEncryptedConfig": [Fault("EncryptionUnsupported")]}, 11),
        (
            "FAILED",
            {**_READY, "CreateEncryptedConfig": [{}], "UpdateEndpoint": [Fault("RequestRefused")]},
            12,
        ),
        ("ENCRYPTED, polled once", {**_TWINNED, "PollEndpoint": [{"outcome": "ENCRYPTED"}]}, 14),
        ("ROLLED_BACK, polled once", {**_TWINNED, "PollEndpoint": [{"outcome": "ROLLED_BACK"}]}, 15),
    ],
)
def test_each_outcome_costs_so_many_transitions_and_no_more(
    states: dict[str, Any], outcome: str, answers: dict[str, list[Any]], transitions: int
) -> None:
    answers = {"CheckFeasibility": [{"waitSeconds": 60}], "DeleteUnusedTwin": [{}], **answers}
    entered, _ = walk(
        states, {name: [*given] for name, given in answers.items()} | {"CloseRemediation": [{}]}
    )
    assert len(entered) <= transitions, f"{outcome}: {entered}"


def test_an_endpoint_that_is_changing_is_judged_when_it_has_settled(states: dict[str, Any]) -> None:
    answers: dict[str, list[Any]] = {"CheckEncryption": [POLL_AGAIN, {}], "CloseRemediation": [{}]}
    entered, payloads = walk(states, answers)
    assert entered[:4] == ["CheckEncryption", "Unencrypted?", "WaitUntilSettled", "CheckEncryption"]
    assert "attempt" not in payloads[0]
    assert payloads[1]["attempt"] == 1


def test_an_endpoint_that_is_still_being_created_is_polled_again(states: dict[str, Any]) -> None:
    answers: dict[str, list[Any]] = {
        "CheckEncryption": [ASK],
        "AwaitInService": [POLL_AGAIN, READY],
        "CreateEncryptedConfig": [Fault("TwinMismatch")],
        "DeleteUnusedTwin": [{}],
        "CloseRemediation": [{}],
    }
    entered, payloads = walk(states, answers)
    assert entered.count("WaitForService") == 1
    assert [payload["attempt"] for payload in payloads if "attempt" in payload] == [0, 1]


@pytest.mark.parametrize("ended", [{}, Fault("States.Timeout"), Fault("EndpointGone"), Fault("ENCRYPTED")])
@pytest.mark.parametrize(
    ("on_record", "goes_on_to"),
    [
        ({"decision": "APPROVED"}, "AwaitInService"),
        ({"decision": "DENIED"}, "CloseRemediation"),
        ({"decision": "EXPIRED"}, "CloseRemediation"),
        ({"decision": None}, "CloseRemediation"),
        ({"decision": "approved"}, "CloseRemediation"),
        ({}, "CloseRemediation"),
    ],
)
def test_however_the_wait_ends_the_record_decides(
    states: dict[str, Any], ended: Any, on_record: dict[str, Any], goes_on_to: str
) -> None:
    answers: dict[str, list[Any]] = {
        "CheckEncryption": [ASK],
        "RequestApproval": [ended],
        "ReadDecision": [on_record],
        "AwaitInService": [Fault("EndpointGone")],
        "CloseRemediation": [{}],
    }
    entered, payloads = walk(states, answers)
    assert entered[entered.index("RequestApproval") + 1] == "ReadDecision"
    assert entered[entered.index("Decided?") + 1] == goes_on_to
    if goes_on_to == "CloseRemediation":
        assert payloads[-1] == CLOSED, "nothing of the answer"


@pytest.mark.parametrize(
    "answer",
    [
        {"decision": "APPROVED"}, {"outcome": "ENCRYPTED", "reason": "trust me"}, {"error": {"Error": "x"}},
        {"waitSeconds": 1}, {"failures": 99}, "APPROVED", None, [1], 7,
    ],
)  # fmt: skip
def test_an_answer_to_the_token_only_wakes(states: dict[str, Any], answer: Any) -> None:
    answers: dict[str, list[Any]] = {
        "CheckEncryption": [ASK],
        "RequestApproval": [answer],
        "ReadDecision": [{}],
        "CloseRemediation": [{}],
    }
    _, payloads = walk(states, answers)
    assert payloads[-2:] == [{"remediationId": "run-1"}, CLOSED]


def test_waits_that_end_in_errors_are_counted_and_a_time_out_starts_again(states: dict[str, Any]) -> None:
    def asked_on(failures: int = 0) -> dict[str, int]:
        return {"waitSeconds": 60, "failures": failures}

    answers: dict[str, list[Any]] = {
        "CheckEncryption": [ASK],
        "RequestApproval": [Fault("any"), Fault("thing"), Fault("States.Timeout"), Fault("at all")],
        "ReadDecision": [asked_on(1), asked_on(2), asked_on(), {}],
        "CloseRemediation": [{}],
    }
    _, payloads = walk(states, answers)
    assert [one.get("failures") for one in payloads[3:10:2]] == [1, 2, None, 1]


def test_while_it_is_asked_a_poll_costs_three_transitions(states: dict[str, Any]) -> None:
    answers: dict[str, list[Any]] = {
        "CheckEncryption": [ASK],
        "CheckFeasibility": [{"waitSeconds": 60}],
        "RequestApproval": [Fault("States.Timeout"), Fault("States.Timeout"), {}],
        "ReadDecision": [{"waitSeconds": 60}, {"waitSeconds": 300}, {"decision": "DENIED"}],
        "CloseRemediation": [{}],
    }
    entered, _ = walk(states, answers)
    assert entered[3:] == [*["RequestApproval", "ReadDecision", "Decided?"] * 3, "CloseRemediation"]


@pytest.mark.parametrize("verdict", [{}, {"verdict": "UNENCRYPTED"}, {"ask": "true"}])
def test_nobody_is_asked_without_the_verdict_for_it(states: dict[str, Any], verdict: dict[str, Any]) -> None:
    entered, _ = walk(states, {"CheckEncryption": [verdict], "CloseRemediation": [{}]})
    assert entered == ["CheckEncryption", "Unencrypted?", "CloseRemediation"]


@pytest.mark.parametrize(
    "failing",
    [
        "CheckEncryption", "CheckFeasibility", "ReadDecision", "AwaitInService",
        "CreateEncryptedConfig", "UpdateEndpoint", "PollEndpoint",
    ],
)  # fmt: skip
def test_whatever_fails_is_closed_with_its_error(states: dict[str, Any], failing: str) -> None:
    answers: dict[str, list[Any]] = {
        "CheckEncryption": [ASK],
        "AwaitInService": [READY],
        "CreateEncryptedConfig": [{}],
        "UpdateEndpoint": [{}],
        "DeleteUnusedTwin": [{}],
        "CloseRemediation": [{}],
    }
    answers[failing] = [Fault("RequestRefused")]
    entered, payloads = walk(states, answers)
    twin_may_exist = failing in ("CreateEncryptedConfig", "UpdateEndpoint", "PollEndpoint")
    tidied = ["DeleteUnusedTwin"] if twin_may_exist else []
    assert entered[entered.index(failing) :] == [failing, *tidied, "CloseRemediation"]
    assert payloads[-1] == {
        **CLOSED, "error": {"Error": "RequestRefused", "Cause": '{"errorMessage": "so"}'}
    }  # fmt: skip


@pytest.mark.parametrize("tidying", [{}, Fault("RequestRefused")])
def test_a_twin_that_cannot_be_deleted_keeps_no_outcome_back(states: dict[str, Any], tidying: Any) -> None:
    answers: dict[str, list[Any]] = {
        "CheckEncryption": [ASK],
        "AwaitInService": [READY],
        "CreateEncryptedConfig": [{}],
        "UpdateEndpoint": [{}],
        "PollEndpoint": [{"outcome": "ROLLED_BACK", "reason": "AWS says: no."}],
        "DeleteUnusedTwin": [tidying],
        "CloseRemediation": [{}],
    }
    entered, payloads = walk(states, answers)
    assert entered[-3:] == ["UpdateEnded?", "DeleteUnusedTwin", "CloseRemediation"]
    assert payloads[-1] == CLOSED


def test_a_remediation_that_cannot_be_closed_fails_loudly(states: dict[str, Any]) -> None:
    answers: dict[str, list[Any]] = {"CheckEncryption": [{}], "CloseRemediation": [Fault("SlackUnavailable")]}
    entered, _ = walk(states, answers)
    assert entered[-1] == "RemediationNotClosed"
    assert states["RemediationNotClosed"]["Type"] == "Fail"


def test_an_input_without_an_endpoint_reaches_the_function_that_refuses_it(states: dict[str, Any]) -> None:
    scope = {"context": {"Execution": {"Name": "run-1", "Id": "arn", "Input": {}}}, "input": {}}
    payload = evaluate(states["CheckEncryption"]["Arguments"]["Payload"], scope)
    assert payload == {"remediationId": "run-1", "executionArn": "arn"}


def test_the_task_token_goes_to_the_question_and_nowhere_else(states: dict[str, Any]) -> None:
    mentioning = [name for name, state in states.items() if "Task.Token" in json.dumps(state)]
    assert mentioning == ["RequestApproval"]


# -- backout and retirement


@pytest.fixture(scope="module")
def backout(template: Template) -> dict[str, Any]:
    return template.definition("backout")["States"]


_WAY_BACK: dict[str, list[Any]] = {
    "BeginBackout": [{"attempt": 0}],
    "AwaitInService": [READY],
    "RestoreConfig": [{}],
    "ExemptEndpoint": [{}],
    "UpdateEndpoint": [{}],
    "PollEndpoint": [POLL_AGAIN, {"outcome": "BACKED_OUT", "reason": ""}],
    "CloseBackout": [{}],
}


def _answers(**changes: list[Any]) -> dict[str, list[Any]]:
    return {name: [*answers] for name, answers in {**_WAY_BACK, **changes}.items()}


def test_a_backout_costs_at_most_seven_transitions_and_three_a_poll(backout: dict[str, Any]) -> None:
    entered, _ = walk(
        backout, _answers(PollEndpoint=[{"outcome": "BACKED_OUT", "reason": ""}]), "BeginBackout"
    )
    assert len(entered) <= 7 + 3


def test_the_way_back_exempts_the_endpoint_before_it_moves_it(backout: dict[str, Any]) -> None:
    entered, payloads = walk(backout, _answers(), "BeginBackout")
    steps = [name for name in entered if name in _WAY_BACK]
    assert steps[:5] == [
        "BeginBackout",
        "AwaitInService",
        "RestoreConfig",
        "ExemptEndpoint",
        "UpdateEndpoint",
    ]
    assert steps[-1] == "CloseBackout"
    assert payloads[-1]["backoutId"] == "run-1"
    assert "outcome" not in payloads[-1], "it is on record"


@pytest.mark.parametrize("failing", [name for name in _WAY_BACK if name != "CloseBackout"])
def test_whatever_fails_on_the_way_back_is_closed_with_its_error(
    backout: dict[str, Any], failing: str
) -> None:
    entered, payloads = walk(backout, _answers(**{failing: [Fault("EndpointChanged")]}), "BeginBackout")
    assert entered[entered.index(failing) :] == [failing, "CloseBackout"]
    assert payloads[-1]["error"]["Error"] == "EndpointChanged"


def test_a_backout_that_cannot_be_closed_fails_loudly(backout: dict[str, Any]) -> None:
    entered, _ = walk(backout, _answers(CloseBackout=[Fault("SlackUnavailable")]), "BeginBackout")
    assert entered[-1] == "BackoutNotClosed"
    assert backout["BackoutNotClosed"]["Type"] == "Fail"


def test_retirement_checks_every_page_and_then_ends(template: Template) -> None:
    states = template.definition("retirement")["States"]
    more = {"nextToken": "two", "scanFrom": "2026-11-23T10:00:00Z"}
    waiting = {"waitSeconds": 1209600, "remediationId": "run-1"}
    entered, payloads = walk(states, {"RetireOldConfig": [more, {}]}, "WaitForBackout", waiting)
    assert entered == [
        "WaitForBackout", "RetireOldConfig", "MoreEndpoints?", "RetireOldConfig", "MoreEndpoints?", "Retired",
    ]  # fmt: skip
    assert "nextToken" not in payloads[0]
    assert more.items() <= payloads[1].items()
