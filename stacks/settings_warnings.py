"""What settings allow and hardly anybody wants."""

from __future__ import annotations

from collections.abc import Iterator

from stacks.settings import Settings
from stacks.settings_decisions import Route

ANYONE = "*"


def warnings(settings: Settings) -> list[str]:
    """What to look at again, each with why; none of it keeps anybody from deploying."""
    return [*_of_all(settings), *_of_routes(settings), *_of_approvers(settings)]


def _of_all(settings: Settings) -> Iterator[str]:
    if not settings.alarm_emails:
        yield (
            "alarmEmails is empty, so nobody hears the alarms. Add an address, or subscribe to the topic in "
            "the stack output AlarmTopicArn."
        )
    if settings.break_glass and not settings.forbid_own_approval:
        yield "breakGlass changes nothing: with forbidOwnApproval false, all may approve their own changes."
    if not settings.sweep_schedule:
        yield "sweepSchedule is empty, so endpoints that no event announced are never found."


def _of_routes(settings: Settings) -> Iterator[str]:
    for index, route in enumerate(settings.routes):
        name = f"routes[{index}] ({route.name})"
        if elsewhere := [region for region in route.regions if region not in settings.regions]:
            yield f"{name} has {', '.join(elsewhere)}, which regions lacks, so no endpoint there is found."
        if route.regions and len(elsewhere) == len(route.regions):
            yield f"{name} never matches: it names other regions alone."
            continue
        before = (one for one in settings.routes[:index] if _covers(one, route, settings.regions))
        if first := next(before, None):
            yield f"{name} never matches: {first.name}, which comes first, takes all of its endpoints."


def _covers(first: Route, second: Route, deployed: tuple[str, ...]) -> bool:
    """Whether every endpoint that the second route matches is the first one's already."""
    regions = set(second.regions or deployed) & set(deployed)
    return (
        (not first.accounts or (bool(second.accounts) and set(second.accounts) <= set(first.accounts)))
        and (not first.regions or regions <= set(first.regions))
        and first.tags.items() <= second.tags.items()
    )


def _of_approvers(settings: Settings) -> Iterator[str]:
    for index, route in enumerate(settings.decisions.routes):
        is_default = index == len(settings.routes)
        given = settings if is_default else settings.routes[index]
        name = "approvers" if is_default else f"routes[{index}].approvers"
        if "approvers" not in given.model_fields_set:
            continue
        if ANYONE in route.approvers and len(route.approvers) > 1:
            yield f"{name} has '{ANYONE}', for anyone in the channel, so that the other ids change nothing."
        if len(route.approvers) == 1 and route.approvers[0].startswith(("U", "W")):
            yield from _of_one_approver(settings, name, route.approvers[0])


def _of_one_approver(settings: Settings, name: str, approver: str) -> Iterator[str]:
    if settings.two_approvers_tag:
        yield f"{name} is {approver} alone, so endpoints with twoApproversTag can never be approved."
    elif settings.forbid_own_approval and not settings.break_glass:
        yield f"{name} is {approver} alone, whose own changes nobody can approve."
