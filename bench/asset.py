"""What the functions' asset weighs, zipped as it is uploaded: `make bench-asset`."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from bench.page import rewrite
from stacks.lambda_asset import LAMBDAS, UNUSED

_ROOT = Path(__file__).resolve().parent.parent
_GOAL_KB = 3000
_OURS = frozenset(path.parent.name for path in LAMBDAS.glob("*/__init__.py"))


def main() -> None:
    [asset] = (_ROOT / "cdk.out").glob("asset.*")
    files = sorted(path for path in asset.rglob("*") if path.is_file())
    text = _table(asset, files)
    rewrite("asset", text)
    print(text)


def _table(asset: Path, files: list[Path]) -> str:
    packages = {_package(file.relative_to(asset)) for file in files}
    rows = [
        _row(package, asset, [file for file in files if _package(file.relative_to(asset)) == package])
        for package in sorted(packages)
    ]
    total = _zipped(asset, files) / 1000
    held = "below" if total < _GOAL_KB else "above"
    left_out = Counter(pattern.partition("/")[0] for pattern in UNUSED)
    return f"""\
`make bench-asset`: the functions share one asset, {total:,.0f} KB zipped, {held} the goal of {_GOAL_KB:,}.

| package | zipped KB | of which bytecode | files |
|---|---|---|---|
{chr(10).join(rows)}

Left out: boto3, which is the runtime's own ([why](decisions/0002-runtime-boto3.md)); of Powertools
{left_out["aws_lambda_powertools"]} parts that nothing here imports, of slack_sdk {left_out["slack_sdk"]};
of every package's metadata all but its licence."""


def _row(package: str, asset: Path, files: list[Path]) -> str:
    zipped = _zipped(asset, files) / 1000
    source = _zipped(asset, [file for file in files if file.suffix != ".pyc"]) / 1000
    return f"| {package} | {zipped:,.0f} | {zipped - source:,.0f} | {len(files)} |"


def _package(path: Path) -> str:
    name = path.parts[0].partition("-")[0].removesuffix(".py").removesuffix(".dist")
    if name in _OURS:
        return "Sealpoint"
    # a single module's bytecode lies beside those of others
    return path.name.partition(".")[0] if name == "__pycache__" else name


def _zipped(folder: Path, files: Iterable[Path]) -> int:
    """The size that the files have in a zip file of their own."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in files:
            archive.write(file, file.relative_to(folder))
    return len(whole.getvalue())


if __name__ == "__main__":
    main()
