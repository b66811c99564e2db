"""The code that all functions share: `lambdas/` and its pinned packages, put together during synthesis.

Built on this machine with pip, without Docker: everything in it is pure Python, so that what is installed
here runs there. It comes with bytecode of the runtime's own Python minor version, which a pinned npm package
carries (docs/decisions/0006-bytecode.md): a cold start needn't compile what a handler imports.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_

RUNTIME = lambda_.Runtime.PYTHON_3_14
LAMBDAS = Path(__file__).resolve().parent.parent / "lambdas"
SETTINGS_FILE = "settings.json"  # where `lambdas.gateways.settings` looks for it

# What was made for one lock file, or one version of our own code: synthesizing again needs neither pip nor
# network nor the compiler's seconds. It is verified before it is used, and a deployment doesn't use it.
_CACHE = LAMBDAS.parent / "build"
_COMPILER = Path(__file__).with_name("bytecode.mjs")
_COMPILER_LOCK = LAMBDAS.parent / "package-lock.json"

_PIP_OPTIONS = (
    "--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile",
    "--python-version=3.14", "--implementation=py", "--abi=none", "--platform=any",
)  # fmt: skip

# What the packages bring along and nothing here imports; a test walks the imports of all that stays.
UNUSED = (
    "bin",
    "*/py.typed",
    # Powertools: the Lambdas use Logger and Metrics
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
    "aws_lambda_powertools/utilities/parameters",
    "aws_lambda_powertools/utilities/parser",
    "aws_lambda_powertools/utilities/serialization.py",
    "aws_lambda_powertools/utilities/streaming",
    "aws_lambda_powertools/utilities/validation",
    # slack_sdk: the Lambdas use WebClient and SignatureVerifier
    "slack",
    "slack_sdk/aiohttp_version_checker.py",
    "slack_sdk/audit_logs",
    "slack_sdk/http_retry/*async*.py",
    "slack_sdk/models/dialoags.py",
    "slack_sdk/models/dialogs",
    "slack_sdk/models/messages/message.py",
    "slack_sdk/oauth",
    "slack_sdk/rtm",
    "slack_sdk/rtm_v2",
    "slack_sdk/scim",
    "slack_sdk/socket_mode",
    "slack_sdk/web/*async*.py",
    "slack_sdk/web/legacy_*.py",
    "slack_sdk/webhook/async_client.py",
)
# Of a package's metadata only its licence has to come with the code.
_LICENCES = ("licen", "notice", "copying", "authors")


class AssetError(Exception):
    """The Lambda asset can't be built."""


def lambda_code(settings: str, *, anew: bool) -> lambda_.Code:
    """The asset. CDK builds it once for an app, however many functions and regions share it.

    Parameters
    ----------
    settings
        What the functions find in `SETTINGS_FILE`, the same for all regions.
    anew
        Take nothing from the cache: what is deployed is what its sources give now.
    """
    return lambda_.Code.from_asset(
        str(LAMBDAS),
        asset_hash_type=cdk.AssetHashType.OUTPUT,
        bundling=cdk.BundlingOptions(
            image=RUNTIME.bundling_image,  # CDK insists; not used, as the local bundling never declines
            local=_LocalBundling(settings, anew=anew),
        ),
    )


@jsii.implements(cdk.ILocalBundling)
class _LocalBundling:
    def __init__(self, settings: str, *, anew: bool) -> None:
        self._settings = settings
        self._anew = anew

    def try_bundle(self, output_dir: str, *_: Any, **__: Any) -> bool:
        build_asset(Path(output_dir), anew=self._anew)
        add_settings(Path(output_dir), self._settings)
        return True


def add_settings(asset: Path, settings: str) -> None:
    """Add the settings to an asset that was built, of which they are no part: they recompile nothing."""
    file = asset / SETTINGS_FILE
    file.write_text(settings)
    file.chmod(0o644)


def build_asset(target: Path, *, anew: bool = False) -> None:
    """Fill a folder with everything the functions need, the same bytes each time.

    Parameters
    ----------
    anew
        Take nothing from the cache.

    Raises
    ------
    AssetError
        pip could not install what the lock file names, or node could not compile it; their own words are in
        the message.
    """
    with tempfile.TemporaryDirectory() as scratch:
        cache = Path(scratch) if anew else _CACHE
        packages = _installed_packages(cache / "lambda-packages")
        recipe = [digest_of(packages).encode(), _COMPILER.read_bytes(), _COMPILER_LOCK.read_bytes()]
        for file in _files(LAMBDAS, "*.py"):
            recipe += [str(file.relative_to(LAMBDAS)).encode(), file.read_bytes()]

        def fill(work: Path) -> None:
            _copy(_files(packages), packages, work)
            _copy(_files(LAMBDAS, "*.py"), LAMBDAS, work / LAMBDAS.name)
            _compile(work)

        made = _made_once(cache / "lambda-assets", recipe, fill)
        _copy(_files(made, bytecode=True), made, target)


def _installed_packages(cache: Path) -> Path:
    """The folder with the packages of `lambdas/requirements.lock`, pruned."""
    lock = LAMBDAS / "requirements.lock"
    recipe = "\n".join((lock.read_text(), *_PIP_OPTIONS, *UNUSED, *_LICENCES))

    def fill(work: Path) -> None:
        _pip_install(lock, work)
        _prune(work)

    return _made_once(cache, [recipe.encode()], fill)


def _made_once(cache: Path, recipe: Iterable[bytes], fill: Callable[[Path], None]) -> Path:
    """The folder that a recipe gives, made the first time it is asked for, and again if it was changed since.

    The tests' own packages run as the user who synthesizes, and Lambda compares bytecode with nothing: what
    one of them changed here would run in the functions.
    """
    finished = cache / hashlib.sha256(b"\0".join(recipe)).hexdigest()[:16]
    files, digest = finished / "files", finished / "sha256"
    if finished.exists():
        if digest.exists() and digest.read_text() == digest_of(files):
            return files
        warnings.warn(f"{finished} is not as it was made, and is made again.", stacklevel=2)
        shutil.rmtree(finished)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        made = Path(scratch) / "made"
        fill(made / files.name)
        (made / digest.name).write_text(digest_of(made / files.name))
        try:
            made.rename(finished)  # all of it or nothing, even if this is interrupted
        except OSError:
            if not finished.exists():  # another synthesis was quicker
                raise
    return files


def digest_of(folder: Path) -> str:
    """Of a folder's files, bytecode and all: their names and what is in them."""
    digest = hashlib.sha256()
    for file in _files(folder, bytecode=True):
        body = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(folder)}\0{body}\n".encode())
    return digest.hexdigest()


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


def _compile(folder: Path) -> None:
    finished = subprocess.run(  # noqa: S603  # our own script, on our own code
        ["node", str(_COMPILER), str(folder)],  # noqa: S607  # which CDK needs as well
        check=False,
        capture_output=True,
        text=True,
    )
    if finished.returncode != 0:
        raise AssetError(
            "The functions' code could not be compiled (`make setup` installs the compiler):\n"
            + (finished.stderr or finished.stdout).strip()[-2000:]
        )


def _prune(packages: Path) -> None:
    for pattern in UNUSED:
        for path in packages.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for file in packages.glob("*.dist-info/**/*"):
        if file.is_file() and not file.name.lower().startswith(_LICENCES):
            file.unlink()


def _copy(files: Iterable[Path], source: Path, target: Path) -> None:
    """Copy a tree's files, readable to all whatever the umask here: Lambda runs them as another user."""
    for file in files:
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
        copy.chmod(0o644)


def _files(folder: Path, pattern: str = "*", *, bytecode: bool = False) -> Iterator[Path]:
    """All files in order; what a Python here has compiled is none of them."""
    for file in sorted(folder.rglob(pattern)):
        if file.is_file() and (bytecode or "__pycache__" not in file.parts):
            yield file
