"""`python -m ops`: the commands, and what they are given."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape

from lambdas.domain.approval.decision import ASK_AGAIN_DAYS
from lambdas.domain.errors import RemediationError
from lambdas.domain.record import iso
from ops import audit, backout, decide, doctor, guardrail, history, remediate, slack_app
from ops.deployment import Deployment, NotDeployed, all_regions, configured_regions

_FAILED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns
    -------
    int
        0: done, 1: it ended otherwise than asked for, 2: it could not be done.
    """
    given = _parser().parse_args(arguments)
    console = Console(highlight=False, emoji=False)  # an ARN's `:secret:` is no picture
    try:
        return _run(given, console)
    except (
        NotDeployed,
        backout.NothingToBackOutOf,
        decide.NotDecided,
        guardrail.TooLong,
        remediate.NoSuchEndpoint,
        RemediationError,
    ) as error:
        Console(stderr=True, emoji=False).print(escape(str(error)), style="red", soft_wrap=True)
        return _FAILED
    except (BotoCoreError, ClientError) as error:
        Console(stderr=True, emoji=False).print(
            f"AWS refused: {escape(str(error))}", style="red", soft_wrap=True
        )
        return _FAILED
    except KeyboardInterrupt:
        Console(stderr=True, emoji=False).print("Stopped. What was requested goes on by itself.")
        return _FAILED


def _run(given: argparse.Namespace, console: Console) -> int:
    if given.command in _OF_ALL_REGIONS:
        return _OF_ALL_REGIONS[given.command](given, console)
    deployment = Deployment(given.region, given.stack)
    match given.command:
        case "backout":
            return backout.run(deployment, given.endpoint, console, confirmed=given.yes)
        case "remediate":
            return remediate.run(deployment, given.endpoint, console, to_the_end=given.follow)
        case "approve" | "deny":
            return decide.run(deployment, _decision(given), console)
        case "manifest":
            manifest = slack_app.manifest(deployment.output("SlackInteractionsUrl"))
            sys.stdout.write(json.dumps(manifest, indent=2) + "\n")
            return 0
        case _:
            return _history(deployment, given.endpoint, given.format, console)


def _deployments(given: argparse.Namespace) -> list[Deployment]:
    """In the regions that are given, or else in those of cdk.json, or in the environment's."""
    regions = given.regions or configured_regions() or [None]
    return [Deployment(region, given.stack) for region in dict.fromkeys(regions)]


def _history(deployment: Deployment, endpoint: str | None, wanted: str, console: Console) -> int:
    records = deployment.records.history(deployment.endpoint_as_named(endpoint) if endpoint else None)
    evidence = [
        history.Evidence(record, deployment.records.snapshot(record["remediationId"])) for record in records
    ]
    where = (
        f"account {deployment.account_id}, {deployment.region}, table {deployment.output('RecordsTableName')}"
    )
    match wanted:
        case "json":
            sys.stdout.write(history.as_json(evidence) + "\n")
        case "csv":
            sys.stdout.write(history.as_csv(evidence))
        case "report":
            sys.stdout.write(history.as_report(evidence, made_at=iso(datetime.now(UTC)), where=where))
        case _:
            console.print(history.as_table(evidence))
    return 0


def _audit(given: argparse.Namespace, _console: Console) -> int:
    deployments = _deployments(given)
    if given.all_regions:
        deployments = [Deployment(region, given.stack) for region in all_regions(deployments[0])]
    return audit.run(
        deployments,
        given.format,
        share=given.share,
        fail_on_unencrypted=given.fail_on == "unencrypted",
    )


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"a share of AWS's quotas, above 0 and up to 1, not {text}")
    return share


def _guardrail(given: argparse.Namespace, _console: Console) -> int:
    return guardrail.run(
        _deployments(given),
        given.kind,
        excepted=given.excepted,
        keys=given.keys,
        allow_local_nvme=given.allow_local_nvme,
        console=Console(stderr=True, highlight=False, emoji=False),
    )


def _doctor(given: argparse.Namespace, console: Console) -> int:
    return doctor.run(_deployments(given), console, os.environ.get("SLACK_API_URL", ""))


_OF_ALL_REGIONS: Mapping[str, Callable[[argparse.Namespace, Console], int]] = {
    "audit": _audit,
    "doctor": _doctor,
    "guardrail": _guardrail,
}


def _decision(given: argparse.Namespace) -> decide.Decision:
    return decide.Decision(
        given.command,
        given.id,
        reason=given.reason or "",
        ask_again=getattr(given, "ask_again", ""),
        break_glass=getattr(given, "break_glass", False),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ops", description="Operate Sealpoint.")
    commands = parser.add_subparsers(dest="command", required=True)
    shown = commands.add_parser("history", help="what was done to an endpoint, or to all of them")
    shown.add_argument("endpoint", nargs="?", help="the endpoint's name; all endpoints without one")
    shown.add_argument(
        "--format", choices=history.FORMATS, default="table", help="report: a page to print for an auditor"
    )
    undone = commands.add_parser("backout", help="return an encrypted endpoint to its earlier config")
    undone.add_argument("endpoint", help="the endpoint's name")
    undone.add_argument("--yes", action="store_true", help="don't ask")
    started = commands.add_parser(
        "remediate",
        help="start the workflow for an endpoint by hand, and follow it",
        epilog="Exit code 0: encrypted now, or already, or exempt, 1: it ended otherwise, 2: it could not be "
        f"started. It needs these permissions: {', '.join(remediate.PERMISSIONS)}.",
    )
    started.add_argument("endpoint", help="the endpoint's name")
    started.add_argument("--no-follow", action="store_false", dest="follow", help="only start it")
    approved = commands.add_parser("approve", help="let an endpoint be encrypted, as its card asks")
    approved.add_argument("--reason", help="required with --break-glass")
    approved.add_argument(
        "--break-glass", action="store_true", help="approve a change of your own; all approvers are told"
    )
    denied = commands.add_parser("deny", help="leave an endpoint as it is")
    denied.add_argument("--reason", required=True, help="why; it goes on record")
    denied.add_argument(
        "--ask-again", choices=ASK_AGAIN_DAYS, default="30", help="days, or only when its config changes"
    )
    for command in (approved, denied):
        command.add_argument("id", help="the remediation's id, as the card and `ops history` show it")
    examined = commands.add_parser(
        "doctor",
        help="does everything that Sealpoint needs work? says how to mend what doesn't",
        epilog="Exit code 0: all is well, 1: something is to be mended, 2: Sealpoint was found in no region. "
        f"It needs these permissions: {', '.join(doctor.PERMISSIONS)}.",
    )
    audited = commands.add_parser(
        "audit",
        help="which endpoints are encrypted and which are not, in every region",
        epilog="Exit code 0: done, 1: with --fail-on, something was found, 2: something could not be looked "
        "at. "
        f"It needs these permissions: {', '.join(audit.PERMISSIONS)}.",
    )
    audited.add_argument(
        "--format", choices=audit.FORMATS, default="table", help="html: a page to print for an auditor"
    )
    audited.add_argument(
        "--fail-on", choices=["unencrypted"], help="exit with 1 if there is such an endpoint"
    )
    audited.add_argument(
        "--share",
        type=_share,
        default=0.5,
        help="of AWS's quotas, so that your own deployments have the rest (0.5)",
    )
    audited.add_argument(
        "--all-regions", action="store_true", help="every region where SageMaker hosts and you are"
    )
    prevented = commands.add_parser(
        "guardrail",
        help="print the policy that stops endpoint configs without a KMS key, and how to test it first",
    )
    prevented.add_argument("kind", choices=guardrail.KINDS, help="a service control policy, or an IAM policy")
    prevented.add_argument(
        "--except",
        action="append",
        default=[],
        dest="excepted",
        metavar="ARN",
        help="a principal, or a pattern of such, who may do without a key; once for each",
    )
    prevented.add_argument(
        "--key",
        action="append",
        default=[],
        dest="keys",
        metavar="ARN",
        help="a KMS key that may be named beside Sealpoint's own, by its ARN, as configs have to name it, "
        "once for each; any, if there are none",
    )
    prevented.add_argument(
        "--allow-local-nvme",
        action="store_true",
        help="let configs pass whose instance types have local NVMe storage, on which AWS long refused a key",
    )
    described = commands.add_parser("manifest", help="print the manifest to create the Slack app from")
    for command in (shown, undone, started, approved, denied, described):
        command.add_argument(
            "--region", help="the AWS region, if not the environment's or cdk.json's only one"
        )
    for command in (examined, prevented, audited):
        command.add_argument(
            "--region",
            action="append",
            dest="regions",
            metavar="REGION",
            help="an AWS region, once for each; if not those of cdk.json here, or the environment's",
        )
    for command in (shown, undone, started, approved, denied, examined, prevented, audited, described):
        command.add_argument("--stack", help="the stack's name, if not <namePrefix>-<region>")
    return parser


if __name__ == "__main__":
    sys.exit(main())
