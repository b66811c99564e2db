from __future__ import annotations

import _imp
import ast
import io
import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

import app
from stacks import lambda_asset
from stacks.settings import Settings
from tests.infrastructure.conftest import ROOT, Elsewhere
from tests.infrastructure.test_functions import HANDLERS

# AWS's Python runtime brings boto3 and what it needs
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3")

# What a cold start would pay for and no function needs; each was imported once.
COSTLY = ("pydantic", "unittest")

# What begins the bytecode of every Python 3.14, and says that its source is not looked at (PEP 552)
PYTHON_3_14 = (3627).to_bytes(2, "little") + b"\r\n"
UNCHECKED = (0b01).to_bytes(4, "little")

# Imports of what isn't shipped, in functions of the packages that the Lambdas don't call.
NOT_REACHED = {
    "aws_lambda_powertools.event_handler.openapi.compat",  # serializing pydantic models
}


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
        for path in files
    }


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with links to just what the Lambda runtime has by itself."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in RUNTIME:
        for file in distribution(name).files or []:
            root = Path(str(distribution(name).locate_file(file.parts[0])))
            link = folder / file.parts[0]
            if file.parts[0] not in ("..", "__pycache__") and not link.exists():
                link.symlink_to(root)
    return folder


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_imports_from_the_asset_alone_and_nothing_costly(
    asset: Path, runtime: Path, handler: str
) -> None:
    script = f"""
import importlib, site, sys
for folder in [{str(asset)!r}, {str(runtime)!r}]:
    site.addsitedir(folder)
module = importlib.import_module("lambdas.handlers.{handler}")
assert callable(module.handler)
assert module.__file__.startswith({str(asset)!r}), module.__file__
costly = {{name for name in sys.modules if name.partition(".")[0] in {COSTLY!r}}}
assert not costly, f"a cold start imports {{sorted(costly)}}"
"""
    finished = subprocess.run(  # noqa: S603  # our own interpreter, isolated, on the script above
        [sys.executable, "-I", "-S", "-B", "-c", script],
        env={"AWS_REGION": "us-east-1", "POWERTOOLS_SERVICE_NAME": "sealpoint"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr


def test_the_asset_is_pure_python_without_installers_leavings(asset: Path) -> None:
    names = [Path(name) for name in contents(asset) if ".dist-info" not in name]
    assert {name.suffix for name in names} == {".py", ".pyc", ".json"}
    assert {name.parts[0] for name in names} == {
        "lambdas", lambda_asset.SETTINGS_FILE,
        "aws_lambda_powertools", "jmespath", "slack_sdk", "typing_extensions.py", "__pycache__",
    }  # fmt: skip


def test_every_file_comes_with_bytecode_of_itself_for_the_runtimes_python(asset: Path) -> None:
    found = {name: body for name, (_, body) in contents(asset).items()}
    sources = {name for name in found if name.endswith(".py")}
    compiled = {name for name in found if name.endswith(".pyc")}
    for name in sources:
        path = Path(name)
        bytecode = str(path.parent / "__pycache__" / f"{path.stem}.cpython-314.pyc")
        compiled.remove(bytecode)
        of_source = _imp.source_hash(int.from_bytes(PYTHON_3_14, "little"), found[name])
        assert found[bytecode].startswith(PYTHON_3_14 + UNCHECKED + of_source), name
    assert compiled == set()


def test_the_bytecode_is_of_the_runtime_that_the_functions_have() -> None:
    assert lambda_asset.RUNTIME.name == "python3.14"


def test_what_cannot_be_compiled_stops_the_synthesis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package, nothing = tmp_path / "lambdas/handlers", tmp_path / "packages"
    package.mkdir(parents=True)
    nothing.mkdir()
    (package / "__init__.py").write_text("def broken(:\n")
    monkeypatch.setattr(lambda_asset, "LAMBDAS", tmp_path / "lambdas")
    monkeypatch.setattr(lambda_asset, "_CACHE", tmp_path / "cache")

    def no_packages(_cache: Path) -> Path:
        return nothing

    monkeypatch.setattr(lambda_asset, "_installed_packages", no_packages)
    with pytest.raises(lambda_asset.AssetError, match="could not be compiled"):
        lambda_asset.build_asset(tmp_path / "asset")
    assert list((tmp_path / "cache/lambda-assets").iterdir()) == []


def test_every_package_comes_with_its_licence_and_no_other_metadata(asset: Path) -> None:
    metadata = [Path(name) for name in contents(asset) if ".dist-info" in name]
    assert {name.parts[0].split("-")[0] for name in metadata} == {
        "aws_lambda_powertools", "jmespath", "slack_sdk", "typing_extensions",
    }  # fmt: skip
    assert {name.name for name in metadata} == {"LICENSE"}


def test_the_asset_has_our_code_as_it_is(asset: Path) -> None:
    ours = {name: body for name, (_, body) in contents(ROOT / "lambdas").items()}
    theirs = {name: body for name, (_, body) in contents(asset / "lambdas").items()}
    assert _sources(theirs) == _sources(ours)


def _sources(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: body for name, body in files.items() if name.endswith(".py") and "__pycache__" not in name}


def test_everyone_may_read_the_files(asset: Path) -> None:
    assert {oct(mode) for mode, _ in contents(asset).values()} == {"0o644"}


def test_building_again_gives_the_same_bytes_whatever_the_umask(asset: Path, tmp_path: Path) -> None:
    settings = (asset / lambda_asset.SETTINGS_FILE).read_text()
    before = os.umask(0o077)
    try:
        lambda_asset.build_asset(tmp_path / "again", anew=True)
        lambda_asset.add_settings(tmp_path / "again", settings)
    finally:
        os.umask(before)
    assert contents(tmp_path / "again") == contents(asset)


def test_the_packages_are_installed_once_and_compiled_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installs, compiled = list[Path](), list[Path]()

    def install(_lock: Path, target: Path) -> None:
        installs.append(target)
        target.mkdir(parents=True)
        (target / "package.py").write_text("")

    monkeypatch.setattr(lambda_asset, "_CACHE", tmp_path / "cache")
    monkeypatch.setattr(lambda_asset, "_pip_install", install)
    monkeypatch.setattr(lambda_asset, "_compile", compiled.append)
    lambda_asset.build_asset(tmp_path / "one")
    lambda_asset.add_settings(tmp_path / "one", "one")  # of which the next one has nothing
    lambda_asset.build_asset(tmp_path / "two")
    assert not (tmp_path / "two" / lambda_asset.SETTINGS_FILE).exists()
    assert (len(installs), len(compiled)) == (1, 1)
    assert (tmp_path / "two/package.py").exists()


@pytest.fixture
def quickly_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that one build filled, without pip and compiler; then the path of its bytecode."""

    def install(_lock: Path, target: Path) -> None:
        target.mkdir(parents=True)
        (target / "package.py").write_text("harmless = True")

    def compile_all(work: Path) -> None:
        (work / "package.pyc").write_bytes(b"harmless")

    monkeypatch.setattr(lambda_asset, "_CACHE", tmp_path / "cache")
    monkeypatch.setattr(lambda_asset, "_pip_install", install)
    monkeypatch.setattr(lambda_asset, "_compile", compile_all)
    lambda_asset.build_asset(tmp_path / "first")
    [bytecode] = (tmp_path / "cache").glob("lambda-assets/*/files/package.pyc")
    return bytecode


@pytest.mark.parametrize("attack", ["a changed file", "a new file", "a file less", "changed packages"])
def test_what_was_changed_in_the_cache_is_never_shipped(
    quickly_built: Path, tmp_path: Path, attack: str
) -> None:
    """Bytecode is compared with nothing in Lambda: M7 of the review shipped a changed constant."""
    cache = quickly_built.parent.parent.parent.parent
    match attack:
        case "a changed file":
            quickly_built.write_bytes(b"evil")
        case "a new file":
            (quickly_built.parent / "sitecustomize.py").write_text("evil = True")
        case "a file less":
            quickly_built.unlink()
        case _:
            [package] = cache.glob("lambda-packages/*/files/package.py")
            package.write_text("evil = True")
    with pytest.warns(UserWarning, match="not as it was made"):
        lambda_asset.build_asset(tmp_path / "second")
    assert contents(tmp_path / "second") == contents(tmp_path / "first")


def test_a_deployment_takes_nothing_from_a_cache_whose_checksum_was_forged_too(
    quickly_built: Path, tmp_path: Path
) -> None:
    quickly_built.write_bytes(b"evil")
    made = quickly_built.parent
    (made.parent / "sha256").write_text(lambda_asset.digest_of(made))
    lambda_asset.build_asset(tmp_path / "second", anew=True)
    assert contents(tmp_path / "second") == contents(tmp_path / "first")


@pytest.mark.parametrize("target", ["deploy", "diff"])
def test_make_deploys_from_a_folder_that_it_has_emptied(target: str) -> None:
    """CDK takes an asset that is in its output folder already, as it is, for one that it has just made."""
    commands = subprocess.run(  # noqa: S603  # this repository's own
        ["make", "--dry-run", target],  # noqa: S607  # the one on the path, as people use it
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    emptied, _, deployed = commands.partition("rm -rf build/deploying\n")
    assert emptied
    assert f"cdk --context deploying=true --output build/deploying {target}" in deployed


@pytest.mark.parametrize("given", [{"deploying": "true"}, {}])
def test_a_deployment_is_built_anew_and_a_synthesis_is_not(
    given: dict[str, str], context: dict[str, Any], example: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[bool]()

    def build(_target: Path, *, anew: bool) -> None:
        asked.append(anew)
        raise lambda_asset.AssetError("that is enough")

    monkeypatch.setattr(lambda_asset, "build_asset", build)
    with pytest.raises(RuntimeError, match="that is enough"):
        app.build(context={**context, **given}, settings=Settings.of(example))
    assert asked == [bool(given)]


def test_what_pip_cannot_install_stops_the_synthesis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lambdas = tmp_path / "lambdas"
    lambdas.mkdir()
    (lambdas / "requirements.lock").write_text("jmespath==1.1.0 --hash=sha256:" + 64 * "0")
    monkeypatch.setattr(lambda_asset, "LAMBDAS", lambdas)
    monkeypatch.setattr(lambda_asset, "_CACHE", tmp_path / "cache")
    with pytest.raises(lambda_asset.AssetError, match=r"(?i)hash"):
        lambda_asset.build_asset(tmp_path / "asset")
    assert list((tmp_path / "cache/lambda-packages").iterdir()) == []


def test_the_asset_is_built_once_for_all_regions(elsewhere: Elsewhere) -> None:
    assert elsewhere.builds == 1
    assert len(list(elsewhere.folder.glob("asset.*"))) == 1


def test_the_asset_is_small(asset: Path) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (_, body) in contents(asset).items():
            archive.writestr(name, body)
    assert len(whole.getvalue()) < 3_000_000  # as it is uploaded, bytecode and all


def test_nothing_that_was_left_out_is_imported(asset: Path) -> None:
    shipped = {path.name.removesuffix(".py") for path in asset.iterdir()}
    missing = {
        f"{path.relative_to(asset)}: {module}"
        for path in sorted(asset.rglob("*.py"))
        for module in imports(path, asset)
        if module.split(".")[0] in shipped and module not in NOT_REACHED and not exists(asset, module)
    }
    assert missing == set()


def test_the_exceptions_to_that_are_still_needed(asset: Path) -> None:
    imported = {module for path in asset.rglob("*.py") for module in imports(path, asset)}
    assert imported >= NOT_REACHED
    assert [module for module in NOT_REACHED if exists(asset, module)] == []


def exists(asset: Path, module: str) -> bool:
    path = asset.joinpath(*module.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def imports(path: Path, asset: Path) -> Iterator[str]:
    """The modules that a file imports, in functions too; what only a type checker sees aside."""
    package = path.relative_to(asset).parts[:-1]
    todo: list[ast.AST] = [ast.parse(path.read_text())]
    while todo:
        node = todo.pop()
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                todo += node.orelse
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                base = package[: len(package) - node.level + 1] if node.level else ()
                yield ".".join((*base, *(node.module or "").split("."))).rstrip(".")
            case _:
                todo += ast.iter_child_nodes(node)


def test_the_assets_name_is_made_of_its_content(asset: Path, elsewhere: Elsewhere) -> None:
    (other,) = elsewhere.folder.glob("asset.*")
    ours, theirs = contents(asset), contents(other)
    differ = {name for name in ours | theirs if ours.get(name) != theirs.get(name)}
    assert differ == {lambda_asset.SETTINGS_FILE}
    assert other.name != asset.name
