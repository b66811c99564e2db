"""The code that all functions share: `lambdas/` and its pinned packages, put together during synthesis.

Built on this machine with pip, without Docker: everything in it is pure Python, so that what is installed
here runs there. No bytecode is shipped: it would have to be of the runtime's own Python minor version, and
the Python that synthesizes needn't be; Lambda compiles what a handler imports on a cold start.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_

RUNTIME = lambda_.Runtime.PYTHON_3_14
LAMBDAS = Path(__file__).resolve().parent.parent / "lambdas"

# Installed once for each lock file and set of options: synthesizing again needs neither pip nor network.
_PACKAGE_CACHE = LAMBDAS.parent / "build" / "lambda-packages"

_PIP_OPTIONS = (
    "--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile",
    "--python-version=3.14", "--implementation=py", "--abi=none", "--platform=any",
)  # fmt: skip

# What the packages bring along and nothing here imports; a test walks the imports of all that stays.
_UNUSED = (
    "bin",
    "*/py.typed",
    # Powertools: the Lambdas use Logger, Metrics and the secrets provider
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/metrics/provider/datadog",
    "aws_lambda_powertools/utilities/auth_alpha",
    "aws_lambda_powertools/utilities/batch",
    "aws_lambda_powertools/utilities/circuit_breaker",
    "aws_lambda_powertools/utilities/data_classes",
    "aws_lambda_powertools/utilities/data_masking",
    "aws_lambda_powertools/utilities/feature_flags",
    "aws_lambda_powertools/utilities/idempotency",
    "aws_lambda_powertools/utilities/kafka",
    "aws_lambda_powertools/utilities/metadata",
    "aws_lambda_powertools/utilities/parser",
    "aws_lambda_powertools/utilities/serialization.py",
    "aws_lambda_powertools/utilities/streaming",
    "aws_lambda_powertools/utilities/validation",
    # slack_sdk: the Lambdas use the synchronous WebClient and the request verification
    "slack",
    "slack_sdk/aiohttp_version_checker.py",
    "slack_sdk/audit_logs",
    "slack_sdk/http_retry/async_handler.py",
    "slack_sdk/http_retry/builtin_async_handlers.py",
    "slack_sdk/oauth",
    "slack_sdk/rtm",
    "slack_sdk/rtm_v2",
    "slack_sdk/scim",
    "slack_sdk/socket_mode",
    "slack_sdk/web/async_*.py",
    "slack_sdk/web/legacy_*.py",
    "slack_sdk/webhook/async_client.py",
)
# Of a package's metadata only its licence has to come with the code.
_LICENCES = ("licen", "notice", "copying", "authors")


class AssetError(Exception):
    """The Lambda asset can't be built."""


def lambda_code() -> lambda_.Code:
    """The asset. CDK builds it once for an app, however many functions and regions share it."""
    return lambda_.Code.from_asset(
        str(LAMBDAS),
        asset_hash_type=cdk.AssetHashType.OUTPUT,
        bundling=cdk.BundlingOptions(
            image=RUNTIME.bundling_image,  # CDK insists; not used, as the local bundling never declines
            local=_LocalBundling(),
        ),
    )


@jsii.implements(cdk.ILocalBundling)
class _LocalBundling:
    def try_bundle(self, output_dir: str, *_: Any, **__: Any) -> bool:
        build_asset(Path(output_dir))
        return True


def build_asset(target: Path) -> None:
    """Fill a folder with everything the functions need, the same bytes each time.

    Raises
    ------
    AssetError
        pip could not install what the lock file names; its own words are in the message.
    """
    _copy(_installed_packages(), target)
    for package in sorted(path.parent for path in LAMBDAS.glob("*/__init__.py")):
        _copy(package, target / package.name)


def _installed_packages() -> Path:
    """The folder with the packages of `lambdas/requirements.lock`, pruned."""
    lock = LAMBDAS / "requirements.lock"
    recipe = "\n".join((lock.read_text(), *_PIP_OPTIONS, *_UNUSED, *_LICENCES))
    finished = _PACKAGE_CACHE / hashlib.sha256(recipe.encode()).hexdigest()[:16]
    if finished.exists():
        return finished
    _PACKAGE_CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_PACKAGE_CACHE) as scratch:
        work = Path(scratch) / "packages"
        _pip_install(lock, work)
        _prune(work)
        try:
            work.rename(finished)  # all of it or nothing, even if this is interrupted
        except OSError:
            if not finished.exists():  # another synthesis was quicker
                raise
    return finished


def _pip_install(lock: Path, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    finished = subprocess.run(  # noqa: S603  # our own interpreter, our own lock file
        [*command, *_PIP_OPTIONS, "--target", str(target), "--requirement", str(lock)],
        check=False,
        capture_output=True,
        text=True,
    )
    if finished.returncode != 0:
        raise AssetError(f"pip could not install {lock}:\n{finished.stderr.strip()[-2000:]}")


def _prune(packages: Path) -> None:
    for pattern in _UNUSED:
        for path in packages.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for file in packages.glob("*.dist-info/**/*"):
        if file.is_file() and not file.name.lower().startswith(_LICENCES):
            file.unlink()


def _copy(source: Path, target: Path) -> None:
    """Copy a tree's files, readable to all whatever the umask here: Lambda runs them as another user."""
    for file in sorted(source.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
            copy.chmod(0o644)
