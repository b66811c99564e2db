"""`make demo`, unattended: what it shows agrees with what it writes, for every decision."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.demo import problems_of
from tests.conftest import ROOT


def _demo(assembly: Path, decision: str, written: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DEMO_DECISION": decision,
        "DEMO_JSON": str(written),
    }
    return subprocess.run(  # noqa: S603  # our own interpreter on our own demo
        [sys.executable, "-m", "local.demo", str(assembly)],
        cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("decision", "outcome", "card"),
    [
        ("approve", "ENCRYPTED", "in service on its encrypted twin"),
        ("deny", "DENIED", "Left as it is"),
        ("expire", "EXPIRED", "nobody decided"),
        ("rollback", "ROLLED_BACK", "CapacityError: no ml.m5.xlarge instances are available"),
    ],
)
def test_outcome_endpoint_record_and_card_agree(
    assembly: Path, tmp_path: Path, decision: str, outcome: str, card: str
) -> None:
    finished = _demo(assembly, decision, tmp_path / "result.json")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert finished.stderr == "", "noise hides the result"
    result: dict[str, Any] = json.loads((tmp_path / "result.json").read_text())
    assert result["outcome"] == result["output"]["outcome"] == result["record"]["outcome"] == outcome
    assert result["endpointStatus"] == "InService"
    assert (result["configBefore"] == result["configAfter"]) == (outcome != "ENCRYPTED")
    assert result["configAfter"].get("KmsKeyId", "") == (result["keyArn"] if outcome == "ENCRYPTED" else "")
    assert card in json.dumps(result["card"])
    assert '"approve"' not in json.dumps(result["card"])
    assert ('"backout"' in json.dumps(result["card"])) == (outcome == "ENCRYPTED")
    assert card.split(":", maxsplit=1)[0] in finished.stdout.replace("\n", " ")
    assert "UpdateEndpoint" in finished.stdout or outcome in ("DENIED", "EXPIRED")
    assert set(result["states"]) <= set(result["stateMachineDefinition"]["States"])

    _assert_synthesized(result["stateMachineDefinition"], assembly)

    if decision == "approve":
        _assert_notices_what_is_wrong(result)


def _assert_notices_what_is_wrong(result: dict[str, Any]) -> None:
    """Exit code 0 has to mean something."""
    after, record, endpoint = result["configAfter"], result["record"], result["endpoint"]
    shrunk = [{**variant, "CurrentInstanceCount": 1} for variant in endpoint["ProductionVariants"]]
    wrong: list[dict[str, Any]] = [
        {"outcome": "FAILED"},
        {"record": {**record, "outcome": "DENIED"}},
        {"snapshot": {}},
        {"endpointStatus": "Updating"},
        {"card": None},
        {"configAfter": result["configBefore"]},
        {"configAfter": {**after, "DataCaptureConfig": result["configBefore"]["DataCaptureConfig"]}},
        {"configAfter": {**after, "ProductionVariants": []}},
        {"tagsAfter": {}},
        {"endpoint": {**endpoint, "ProductionVariants": shrunk}},
    ]
    assert problems_of(result) == []
    assert all(problems_of({**result, **change}) for change in wrong)


def _assert_synthesized(ran: Any, assembly: Path) -> None:
    """The state machine that ran is the template's, word for word around the references."""
    template = json.loads((assembly / "Sealpoint-us-east-1.template.json").read_text())
    machines = [r for r in template["Resources"].values() if r["Type"] == "AWS::StepFunctions::StateMachine"]
    (machine,) = (m for m in machines if m["Properties"]["StateMachineName"].endswith("-remediation"))
    synthesized: Any = machine["Properties"]["DefinitionString"]["Fn::Join"][1]
    literals = [part for part in synthesized if isinstance(part, str)]
    assert len(json.dumps(ran)) > len("".join(literals)) > 0
    rest = json.dumps(ran, separators=(",", ":"), ensure_ascii=False)
    for literal in literals:
        _, found, rest = rest.partition(literal)
        assert found, f"what ran lacks {literal[:200]}"


def test_an_unknown_decision_is_refused(assembly: Path, tmp_path: Path) -> None:
    finished = _demo(assembly, "maybe", tmp_path / "result.json")
    assert finished.returncode == 2
    assert "must be one of approve, deny, expire, rollback" in finished.stdout


def test_a_result_that_cannot_be_written_is_reported_at_once(assembly: Path, tmp_path: Path) -> None:
    finished = _demo(assembly, "deny", tmp_path / "no such folder" / "result.json")
    assert finished.returncode == 2
    assert "DEMO_JSON can't be written" in finished.stdout
    assert finished.stderr == ""
