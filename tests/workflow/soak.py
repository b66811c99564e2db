"""Days of all that can happen, at random, to many endpoints at once; and what must hold when all is at rest.

Each deed is something that a person, AWS or Slack does, or that goes wrong. The random numbers come from the
seed alone, so a seed replays its days as far as threads allow. `make soak` runs one after the other.
"""

from __future__ import annotations

import os
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.stepfunctions.parser.backend.execution import Execution

from local.aws.call_faults import KINDS
from local.clock import Clock
from local.sagemaker.protocol import Operation
from local.slack.interactivity import RefusedError
from local.slack.store import Message
from local.world import OUTSIDER, SCIENTIST, World
from tests.conftest import SPECIAL_SETTINGS, synthesized

Json = dict[str, Any]
Deed = Callable[[], bool]  # whether there was something to do it to

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_STEPS = (5, 40, 2 * _MINUTE, 10 * _MINUTE, 20 * _MINUTE, _HOUR, 2 * _HOUR)
_UNENCRYPTED_AT_FIRST = 0.03
_TAGS: tuple[dict[str, str], ...] = (
    *(({},) * 8),
    {"route": "automatic"},
    {"route": "observe"},
    {"route": "group"},
    {"route": "anyone"},
    {"route": "high-impact"},
    {"sealpoint:critical": "true"},
)
_KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_OUR_CALLS: tuple[Operation, ...] = (
    "DescribeEndpoint", "DescribeEndpointConfig", "DescribeModel", "CreateEndpointConfig", "UpdateEndpoint",
    "DeleteEndpointConfig", "ListEndpoints", "ListTags", "AddTags", "DeleteTags",
)  # fmt: skip
_SLACK_METHODS = ("chat.postMessage", "chat.update", "chat.postEphemeral", "users.lookupByEmail")
_PASSING = tuple(kind for kind in KINDS if kind not in ("failing for good", "access denied"))
_REMEDIATION, _BACKOUT = "RemediationStateMachineArn", "BackoutStateMachineArn"


@dataclass(frozen=True, slots=True)
class Result:
    """What happened in one soak, and what was wrong at its end."""

    seed: int
    endpoints: int
    days: float
    deeds: Counter[str]
    outcomes: Counter[str]
    problems: list[str]


def soak(world: World, seed: int, *, endpoints: int = 200, deeds: int = 160) -> Result:
    """Let so many deeds happen to so many endpoints, in a world without others, and let it come to rest."""
    began = world.clock.now()
    days = Soak(world, seed, endpoints)
    days.live(deeds)
    days.rest()
    records = [*days.records(), *days.backouts()]
    outcomes = Counter(str(record.get("outcome", "(open)")) for record in records)
    problems = [problem for invariant in INVARIANTS for problem in invariant(days)]
    return Result(
        seed=seed,
        endpoints=len(days.names),
        days=(world.clock.now() - began) / _DAY,
        deeds=days.done,
        outcomes=outcomes,
        problems=[*days.seen, *problems],
    )


class Soak:
    """Endpoints and their people, and everything that happens to them."""

    def __init__(self, world: World, seed: int, endpoints: int) -> None:
        self.world = world
        self.chance = random.Random(seed)  # noqa: S311  # no secret: it replays
        self.people = world.client("sagemaker")
        self.names: list[str] = []  # of endpoints, those that were deleted since, too
        self.unannounced: set[str] = set()  # endpoints whose last change no event told of
        self.keyed: set[str] = set()  # configs that were made with a KMS key
        self.ill_fated: set[str] = set()  # endpoints of which some update was to fail
        self.done: Counter[str] = Counter()
        self.seen: list[str] = []  # problems that show only while they last
        self._configs = 0
        self._later: list[tuple[float, int, Callable[[], object]]] = []
        self._deeds = self._all_deeds()
        self._populate(endpoints)

    # -- its move

    def live(self, deeds: int) -> None:
        """So many deeds, some at once and some with time in between."""
        while self.done.total() < deeds:
            for _ in range(self.chance.choice((1, 1, 2, 3, 5))):
                self._do_something()
            self.let_pass(self.chance.choice(_STEPS))

    def rest(self) -> None:
        """All that is broken is repaired, and time passes until nobody waits for anything."""
        for _, _, repair in self._later:
            repair()
        self._later.clear()
        self.world.runner.stop_injecting()
        self._sweep()
        while self._running(_REMEDIATION) or self._running(_BACKOUT):
            self.let_pass(2 * _HOUR)
        while self.world.clock.timers():  # old configs wait for the end of their time
            self.let_pass(2 * _DAY)
        self._click_every_copy()

    def let_pass(self, seconds: float) -> None:
        until = self.world.clock.now() + seconds
        while True:
            self.world.settle(real_seconds=300)
            self._watch()
            moments = [moment for moment, _, _ in self._later if moment <= until]
            self.world.clock.advance(max(0.0, min([until, *moments]) - self.world.clock.now()))
            if not moments:
                break
            self._repair_what_is_due()
        self.world.settle(real_seconds=300)
        self._watch()

    def _do_something(self) -> None:
        names, weights = list(self._deeds), [weight for weight, _ in self._deeds.values()]
        name = self.chance.choices(names, weights)[0]
        try:
            if self._deeds[name][1]():
                self.done[name] += 1
        except (ClientError, BotoCoreError, RefusedError):
            self.done[f"{name}, refused"] += 1  # by SageMaker or Slack, who have their reasons

    def _sweep(self) -> None:
        """What the scheduled sweep does: a remediation for each such endpoint that no event told of."""
        for name in sorted(self.unannounced & self.alive()):
            if intended(self, name)[-1] in self.keyed:
                continue
            self.world.start(name, kind="sweep")
        self.unannounced.clear()

    def _watch(self) -> None:
        serving = self.world.sagemaker.serving_instances(self.world.region)
        self.seen += [
            f"{name} had a variant without instances" for name, count in serving.items() if not count
        ]

    def _in(self, seconds: float, repair: Callable[[], object]) -> None:
        self._later.append((self.world.clock.now() + seconds, len(self._later), repair))

    def _repair_what_is_due(self) -> None:
        now = self.world.clock.now()
        due = sorted(one for one in self._later if one[0] <= now)
        self._later = [one for one in self._later if one[0] > now]
        for _, _, repair in due:
            repair()

    def _populate(self, endpoints: int) -> None:
        """What was there before Sealpoint: no event tells of it."""
        self.people.create_model(
            ModelName="soak-model",
            PrimaryContainer={"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/m:1"},
            ExecutionRoleArn="arn:aws:iam::123456789012:role/Execution",
        )
        self.world.trail_is_logging = False
        for _ in range(endpoints):
            self._new_endpoint(encrypted=self.chance.random() >= _UNENCRYPTED_AT_FIRST)
        self.world.trail_is_logging = True
        self.unannounced = set(self.names)
        self.world.clock.advance(_HOUR)

    def _new_endpoint(self, *, encrypted: bool) -> str:
        name = f"soak-{len(self.names):05}"
        tags = [{"Key": key, "Value": value} for key, value in self.chance.choice(_TAGS).items()]
        config = self._new_config(name, encrypted=encrypted)
        self.people.create_endpoint(EndpointName=name, EndpointConfigName=config, Tags=tags)
        self.names.append(name)
        return name

    def _new_config(self, endpoint: str, *, encrypted: bool) -> str:
        self._configs += 1
        name = f"{endpoint}-v{self._configs}"
        variant = {
            "VariantName": "a", "ModelName": "soak-model", "InstanceType": "ml.m5.large",
            "InitialInstanceCount": self.chance.randint(1, 4), "InitialVariantWeight": 1.0,
        }  # fmt: skip
        key = {"KmsKeyId": _KEY} if encrypted else {}
        if encrypted:
            self.keyed.add(name)
        self.people.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **key)
        return name

    # -- what there is

    def alive(self) -> set[str]:
        """The endpoints that have not been deleted."""
        tagged = self.world.sagemaker.tagged_endpoints(self.world.region)
        return {arn.rpartition("/")[2] for arn, _ in tagged}

    def records(self) -> list[Json]:
        return self.world.items("remediation")

    def backouts(self) -> list[Json]:
        return self.world.items("backout")

    def cards(self, action: str = "") -> list[Message]:
        """The messages that are no replies, oldest first; with an action's button, where one is given."""
        return [
            message
            for message in self.world.slack.messages(self.world.channel_id)
            if message.thread_ts is None and (not action or action in buttons(message))
        ]

    def _running(self, machine: str) -> list[Execution]:
        arn = self.world.home.output(machine)
        return [
            one
            for one in list(self.world.executions.values())
            if one.state_machine.arn == arn
            and one.exec_status is not None
            and one.exec_status.value == "RUNNING"
        ]

    def _any(self, of: Iterable[Any]) -> Any:
        """One of them, or None. The order has to be the same in each run."""
        return self.chance.choice(found) if (found := list(of)) else None

    # -- what happens

    def _all_deeds(self) -> dict[str, tuple[int, Deed]]:
        """Each deed by its name, with how often it happens beside the others."""
        return {
            "updated to an unencrypted config": (22, lambda: self._update(encrypted=False)),
            "updated to an encrypted config": (4, lambda: self._update(encrypted=True)),
            "updated, and the event lost": (4, lambda: self._unheard(lambda: self._update(encrypted=False))),
            "event delivered again": (4, self._event_again),
            "endpoint created": (5, self._create),
            "endpoint deleted": (4, self._delete),
            "scaled": (6, self._scale),
            "found by a sweep": (6, self._swept),
            "approved": (26, lambda: self._click("approve", 1)),
            "approved by two at once": (6, lambda: self._click("approve", 2)),
            "denied": (4, self._deny),
            "clicked by an outsider": (2, self._outsider),
            "clicked late": (4, self._click_late),
            "backed out": (8, lambda: self._click("backout", 1)),
            "backed out by two at once": (2, lambda: self._click("backout", 2)),
            "calls throttled": (6, self._throttle),
            "quotas enforced for a while": (2, self._enforce_quotas),
            "calls answered with 500": (3, self._break_down),
            "an answer lost": (3, self._lose_answer),
            "config invisible for a while": (1, self._hide_configs),
            "update to roll back": (5, self._roll_back),
            "rollback to fail": (1, self._fail_rollback),
            "patched by AWS": (3, self._maintain),
            "Slack out of reach": (3, self._take_slack_down),
            "Slack limiting messages": (2, self._limit_slack),
            "Slack failing": (3, self._fail_slack),
            "a call going wrong in a function": (6, self._inject),
            "function killed halfway": (6, self._kill),
            "execution aborted": (3, self._abort),
        }

    def _update(self, *, encrypted: bool) -> bool:
        name = self._any(sorted(self.alive()))
        if name is None:
            return False
        config = self._new_config(name, encrypted=encrypted)
        self.people.update_endpoint(EndpointName=name, EndpointConfigName=config)
        self.unannounced.discard(name)
        return True

    def _unheard(self, deed: Deed) -> bool:
        """Do it while CloudTrail tells EventBridge nothing."""
        before = self.unannounced | set()
        calls = len(self.world.sagemaker.calls)
        self.world.trail_is_logging = False
        calls = len(self.world.sagemaker.calls)
        try:
            deed()
        finally:
            self.world.trail_is_logging = True
            changed = {
                call.request["EndpointName"]
                for call in self.world.sagemaker.calls[calls:]
                if call.operation == "UpdateEndpoint" and not call.error_code
            }
            self.unannounced = before | changed
        return bool(changed)

    def _event_again(self) -> bool:
        event = self._any(
            one
            for one in self.world.bus.events
            if one["detail"].get("eventName") in ("CreateEndpoint", "UpdateEndpoint")
        )
        if event is None:
            return False
        self.world.bus.put(event)
        return True

    def _create(self) -> bool:
        self._new_endpoint(encrypted=False)
        return True

    def _delete(self) -> bool:
        name = self._any(sorted(self.alive()))
        if name is None:
            return False
        self.people.delete_endpoint(EndpointName=name)
        return True

    def _scale(self) -> bool:
        name = self._any(sorted(self.alive()))
        if name is None:
            return False
        wish = {"VariantName": "a", "DesiredInstanceCount": self.chance.randint(1, 9)}
        self.people.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=[wish]
        )
        return True

    def _swept(self) -> bool:
        name = self._any(sorted(self.unannounced & self.alive()))
        if name is None:
            return False
        self.unannounced.discard(name)
        self.world.start(name, kind="sweep")
        return True

    def _click(self, action: str, people: int) -> bool:
        card = self._any(self.cards(action))
        if card is None or self.world.slack.faults.is_down:
            return False
        users = self.chance.sample([approver.id for approver in self.world.approvers], people)

        def click(user: str) -> None:
            self.world.slack.click(user, channel=self.world.channel_id, ts=card.ts, action_id=action)

        with ThreadPoolExecutor(people) as pool:
            for clicked in [pool.submit(click, user) for user in users]:
                clicked.result()
        return True

    def _deny(self) -> bool:
        card = self._any(self.cards("deny"))
        if card is None or self.world.slack.faults.is_down:
            return False
        user = self.chance.choice(self.world.approvers).id
        self.world.slack.click(user, channel=self.world.channel_id, ts=card.ts, action_id="deny")
        again = self.chance.choice(("7", "30", "90"))
        if not self.world.slack.views(user):
            return False
        values = {"reason": {"reason": "not this week"}, "ask-again": {"ask-again": again}}
        self.world.slack.submit_view(user, values=values)
        return True

    def _outsider(self) -> bool:
        card = self._any(self.cards("approve"))
        if card is None or self.world.slack.faults.is_down:
            return False
        user = self.chance.choice((OUTSIDER.id, SCIENTIST.id))
        self.world.slack.click(user, channel=self.world.channel_id, ts=card.ts, action_id="approve")
        return True

    def _click_late(self) -> bool:
        """On a card as someone's screen still shows it."""
        approval = self._any(
            sorted(self.world.items("approval"), key=lambda one: (one["createdAt"], one["endpointName"]))
        )
        if approval is None or "ts" not in approval or self.world.slack.faults.is_down:
            return False
        card = self.world.slack.message(approval["channel"], approval["ts"])
        if card is None:
            return False
        user = self.chance.choice(self.world.approvers).id
        self.world.slack_click(user, card, self.chance.choice(("approve", "backout")), approval["approvalId"])
        return True

    def _throttle(self) -> bool:
        self.world.sagemaker.faults.throttle(self.chance.choice(_OUR_CALLS), self.chance.randint(1, 12))
        return True

    def _enforce_quotas(self) -> bool:
        faults = self.world.sagemaker.faults
        faults.quotas_enforced = True
        self._in(
            self.chance.choice((10 * _MINUTE, 3 * _HOUR)), lambda: setattr(faults, "quotas_enforced", False)
        )
        return True

    def _break_down(self) -> bool:
        # fewer than the SDK and Lambda try together
        self.world.sagemaker.faults.break_down(self.chance.choice(_OUR_CALLS), self.chance.randint(1, 4))
        return True

    def _lose_answer(self) -> bool:
        self.world.sagemaker.faults.lose_answer(self.chance.choice(_OUR_CALLS))
        return True

    def _hide_configs(self) -> bool:
        faults = self.world.sagemaker.faults
        faults.config_visible_after = 20
        self._in(_HOUR, lambda: setattr(faults, "config_visible_after", 0))
        return True

    def _roll_back(self) -> bool:
        name = self._any(sorted(self._with_work()))
        if name is None:
            return False
        reason = self.chance.choice((None, "CapacityError: no ml.m5.large instances are available"))
        self.world.sagemaker.faults.roll_back_next_update(reason, endpoint=name)
        self.ill_fated.add(name)
        return True

    def _fail_rollback(self) -> bool:
        name = self._any(sorted(self._with_work()))
        if name is None:
            return False
        self.world.sagemaker.faults.fail_next_rollback("CapacityError", endpoint=name)
        self.ill_fated.add(name)
        return True

    def _with_work(self) -> set[str]:
        """The endpoints that a remediation or a backout is at work on."""
        running = [*self._running(_REMEDIATION), *self._running(_BACKOUT)]
        return {str(one.input_data["endpointName"]) for one in running} & self.alive()

    def _maintain(self) -> bool:
        name = self._any(sorted(self._with_work()))
        if name is None:
            return False
        try:
            self.world.sagemaker.faults.maintain(name, 15 * _MINUTE, region=self.world.region)
        except ValueError:  # it is being changed already
            return False
        return True

    def _take_slack_down(self) -> bool:
        faults = self.world.slack.faults
        faults.take_down()
        self._in(self.chance.choice((_MINUTE, 10 * _MINUTE, 40 * _MINUTE)), faults.bring_up)
        return True

    def _limit_slack(self) -> bool:
        faults = self.world.slack.faults
        faults.posting_limited = True
        self._in(_HOUR, lambda: setattr(faults, "posting_limited", False))
        return True

    def _fail_slack(self) -> bool:
        faults, method, times = (
            self.world.slack.faults,
            self.chance.choice(_SLACK_METHODS),
            self.chance.randint(1, 4),
        )
        match self.chance.choice(("limit", "break", "error", "lose")):
            case "limit":
                faults.rate_limit(method, retry_after=self.chance.choice((1, 30)), times=times)
            case "break":
                faults.break_down(method, times)
            case "error":
                faults.fail(method, "internal_error", times)
            case _:
                faults.lose_answer(method)
        return True

    def _inject(self) -> bool:
        return self._go_wrong(self.chance.choice(KINDS))

    def _kill(self) -> bool:
        return self._go_wrong("killed after")

    def _go_wrong(self, kind: str) -> bool:
        """With any of the calls that functions have made so far; what would stay is repaired later."""
        call = self._any(sorted(set(self.world.runner.calls)))
        if call is None:
            return False
        function, operation = call
        self.world.runner.inject(function, operation, kind)
        if kind not in _PASSING:
            self._in(20 * _MINUTE, self.world.runner.stop_injecting)
        return True

    def _abort(self) -> bool:
        running = sorted([*self._running(_REMEDIATION), *self._running(_BACKOUT)], key=_by_start)
        execution = self._any(running)
        if execution is None:
            return False
        self.world.client("stepfunctions").stop_execution(executionArn=execution.exec_arn)
        return True

    def _click_every_copy(self) -> None:
        """A card whose answer was lost was posted again; the first one learns of the end by a click."""
        known = {
            ts for one in self.world.items("approval") for ts in (one.get("ts"), *one.get("otherTs", ()))
        }
        for card in self.cards():
            if buttons(card) and card.ts not in known:
                user = self.world.approvers[0].id
                action = buttons(card)[0]
                self.world.slack.click(user, channel=self.world.channel_id, ts=card.ts, action_id=action)


# -- what must hold at the end


def executions_have_ended(days: Soak) -> list[str]:
    running = [
        one
        for one in days.world.executions.values()
        if one.exec_status is None or one.exec_status.value == "RUNNING"
    ]
    return [f"execution {one.name} of {one.input_data} still runs" for one in running]


def remediations_are_closed(days: Soak) -> list[str]:
    records = {record["remediationId"]: record for record in days.records()}
    records |= {record["backoutId"]: record for record in days.backouts()}
    machines = {days.world.home.output(machine) for machine in (_REMEDIATION, _BACKOUT)}
    started = [one for one in days.world.executions.values() if one.state_machine.arn in machines]
    unknown = [
        f"execution {one.name} of {one.input_data} has no record"
        for one in started
        if one.name not in records
    ]
    return unknown + [
        f"{_told(record)} has no outcome" for record in records.values() if "outcome" not in record
    ]


def endpoints_are_where_they_should_be(days: Soak) -> list[str]:
    """In service on what a person gave them last, or on that one's twin."""
    twins, problems = _twins(days), list[str]()
    for name in sorted(days.alive()):
        endpoint = days.people.describe_endpoint(EndpointName=name)
        status, config = endpoint["EndpointStatus"], endpoint["EndpointConfigName"]
        given = intended(days, name)
        # an update that was to fail may have been the person's own: then the one before counts, too
        last = given[-3:] if name in days.ill_fated else given[-1:]
        fitting = set(last) | {twin for source, twin in twins if source in last}
        if config not in fitting:
            problems.append(f"{name} is on {config}, not on {' or '.join(sorted(fitting))}")
        if status != "InService" and not (status == "UpdateRollbackFailed" and name in days.ill_fated):
            problems.append(f"{name} is {status}")
    return problems


def outcomes_are_true(days: Soak) -> list[str]:
    """An endpoint whose latest remediation encrypted it is on its twin, unless a person moved it since."""
    problems: list[str] = []
    for name in sorted(days.alive()):
        runs = [*days.records(), *days.backouts()]
        mine = [record for record in runs if record["endpointName"] == name]
        encrypted = [record for record in mine if record.get("outcome") == "ENCRYPTED"]
        if not encrypted:
            continue
        latest = max(encrypted, key=lambda record: record["closedAt"])
        moved_since = [
            other for other in mine if other is not latest and other["startedAt"] >= latest["startedAt"]
        ]
        config = days.people.describe_endpoint(EndpointName=name)["EndpointConfigName"]
        if (
            latest["sourceConfigName"] == intended(days, name)[-1]
            and not moved_since
            and config != latest["twinConfigName"]
        ):
            problems.append(f"{_told(latest)} says ENCRYPTED, but the endpoint is on {config}")
    return problems


def no_twin_is_orphaned(days: Soak) -> list[str]:
    """A twin is in use, or an endpoint was encrypted with it once: then it is a config like any other."""
    used = {days.people.describe_endpoint(EndpointName=name)["EndpointConfigName"] for name in days.alive()}
    pages = days.people.get_paginator("list_endpoint_configs").paginate()
    there = {config["EndpointConfigName"] for page in pages for config in page["EndpointConfigs"]}
    records = [record for record in days.records() if "twinRequestedAt" in record]
    reached = {record["twinConfigName"] for record in records if record.get("outcome") == "ENCRYPTED"}
    mixed = {
        record["twinConfigName"]
        for record in records
        if record["endpointName"] in days.ill_fated and "twinKept" in record
    }
    return [
        f"{record['twinConfigName']} of {_told(record)} is in nobody's use"
        for record in records
        if record["twinConfigName"] in there - used - reached - mixed
    ]


def no_card_is_open(days: Soak) -> list[str]:
    return [f"a card still shows {buttons(card)}: {card.text[:80]}" for card in days.cards() if buttons(card)]


def events_are_delivered(days: Soak) -> list[str]:
    return [f"undelivered by {one.rule}: {one.why}" for one in days.world.bus.undelivered]


def nothing_is_misused(days: Soak) -> list[str]:
    violations = [
        f"{one.operation} of {one.resource}: {one.detail}" for one in days.world.sagemaker.violations
    ]
    return violations + [
        f"{function}'s role was refused: {said}" for function, said in days.world.runner.refused
    ]


def evidence_is_whole(days: Soak) -> list[str]:
    kept = {item["pk"] for item in days.world.items("evidence") if "config" in item}
    asked = [record for record in days.records() if "approvalId" in record]
    return [
        f"{_told(record)} has no evidence"
        for record in asked
        if f"evidence#{record['remediationId']}" not in kept
    ]


def nobody_holds_anything(days: Soak) -> list[str]:
    """No endpoint is claimed and no turn is taken by a remediation that has ended."""
    claims = [item for item in days.world.items("endpoint") if item["sk"] == "claim"]
    turns = [holder for item in days.world.items("updates") for holder in item.get("holders", {})]
    return [f"{one['endpointId']} is still claimed by {one['holder']}" for one in claims] + [
        f"{holder} still has its turn" for holder in turns
    ]


Invariant = Callable[[Soak], list[str]]
INVARIANTS: tuple[Invariant, ...] = (
    executions_have_ended, remediations_are_closed, endpoints_are_where_they_should_be, outcomes_are_true,
    no_twin_is_orphaned, no_card_is_open, events_are_delivered, nothing_is_misused, evidence_is_whole,
    nobody_holds_anything,
)  # fmt: skip


def buttons(message: Message) -> list[str]:
    """The actions of a message's buttons, links aside."""
    elements = [
        element for block in message.blocks if block["type"] == "actions" for element in block["elements"]
    ]
    return [element["action_id"] for element in elements if "url" not in element]


def intended(days: Soak, name: str) -> list[str]:
    """The configs that people gave an endpoint, the last one last."""
    return [
        call.request["EndpointConfigName"]
        for call in days.world.sagemaker.calls
        if call.operation in ("CreateEndpoint", "UpdateEndpoint")
        and call.request.get("EndpointName") == name
        and call.access_key_id == "AKIADATASCIENTIST"
        and not call.error_code
    ]


def _twins(days: Soak) -> set[tuple[str, str]]:
    """Each source config with its twin, and with what it was restored as."""
    names = ("twinConfigName", "restoredConfigName")
    return {
        (record["sourceConfigName"], record[name])
        for record in days.records()
        for name in names
        if name in record
    }


def _told(record: Json) -> str:
    return f"{record['pk']} of {record['endpointName']}"


def _by_start(execution: Execution) -> tuple[str, str]:
    return str(execution.start_date), str(execution.input_data.get("endpointName"))


# -- `make soak`


def report(result: Result) -> str:
    """In words, for a terminal."""
    deeds = ", ".join(f"{count} × {deed}" for deed, count in sorted(result.deeds.items()))
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(result.outcomes.items()))
    found = "\n".join(f"  {problem}" for problem in result.problems) or "  none"
    return (
        f"seed {result.seed}: {result.endpoints} endpoints, {result.days:.1f} days\n"
        f"deeds: {deeds}\noutcomes: {outcomes}\nproblems:\n{found}\n"
    )


def main() -> None:
    """One soak after the other, each in a world of its own, for `SOAK_MINUTES`, from the seed `SOAK_SEED`."""
    seed = int(os.environ.get("SOAK_SEED") or secrets.randbelow(1_000_000))
    until = time.monotonic() + 60 * float(os.environ.get("SOAK_MINUTES") or 60)
    with tempfile.TemporaryDirectory(prefix="sealpoint-soak-") as folder:
        assembly = synthesized(Path(folder) / "cdk.out", **SPECIAL_SETTINGS)
        while time.monotonic() < until:
            sys.stdout.write(f"\nSOAK_SEED={seed} make soak   # begins with this one\n")
            sys.stdout.flush()
            result = soaked(assembly, seed)
            sys.stdout.write(report(result))
            if result.problems:
                sys.exit(1)
            seed += 1


def soaked(assembly: Path, seed: int, **size: int) -> Result:
    """A soak in a world of its own."""
    world = World(assembly, Clock(speed=0))
    try:
        return soak(world, seed, **size)
    finally:
        world.stop()


if __name__ == "__main__":
    main()
