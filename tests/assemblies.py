"""Cloud assemblies for tests, each synthesized once for its settings and sources, by the first to ask.

They are kept in ``build/assemblies`` for the sources as they are now, and copied to whoever needs one: tests
run functions from them, and change them.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from local.synthesize import synthesize

ROOT = Path(__file__).resolve().parent.parent
_CACHE = ROOT / "build/assemblies"
_FILES = (
    "app.py", "cdk.json", "sealpoint.example.yaml", "package-lock.json", "requirements.lock",
    "lambdas/requirements.lock", "local/synthesize.py", "tests/assemblies.py",
)  # fmt: skip


def synthesized(folder: Path, **changes: Any) -> Path:
    """Fill a folder with the assembly of the example, with some settings changed, and return that."""

    def make(made: Path) -> None:
        synthesize(made, **changes)

    return made_once(folder, json.dumps(changes, sort_keys=True), make)


def made_once(folder: Path, key: str, make: Callable[[Path], object]) -> Path:
    """Fill a folder with what `make` writes for this key; only the first one to ask waits for that."""
    kept = _CACHE / _sources() / hashlib.sha256(key.encode()).hexdigest()[:16]
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with kept.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                _forget_earlier_sources()
                work = kept.with_suffix(".work")
                shutil.rmtree(work, ignore_errors=True)
                make(work)
                work.rename(kept)
    return Path(shutil.copytree(kept, folder, dirs_exist_ok=True))


def _forget_earlier_sources() -> None:
    for folder in _CACHE.iterdir():
        if folder.name != _sources():
            shutil.rmtree(folder, ignore_errors=True)


@cache
def _sources() -> str:
    """What an assembly is made of, as a hash."""
    digest = hashlib.sha256()
    for path in _source_files():
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _source_files() -> Iterator[Path]:
    yield from (ROOT / name for name in _FILES)
    for room in ("stacks", "lambdas"):
        for path in sorted((ROOT / room).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path
