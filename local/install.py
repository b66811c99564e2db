"""Installs locked packages into a virtual environment, by uv, or by pip where uv can't.

``python -m local.install FOLDER LOCK [--project]``; `--project` installs this repository there, too. Wheels
alone are installed, each with its hash, so that no package's own code runs. Standard library only: this runs
before anything is installed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from local import patiently

_ROOT = Path(__file__).resolve().parent.parent
_UV_LOCK = _ROOT / "local/installer/requirements.lock"
_LOCKED = ("--require-hashes", "--only-binary", ":all:")
_OLDEST = (3, 11)
# uv has settings of its own for what pip is told; https://docs.astral.sh/uv/pip/compatibility/
_SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}


def main() -> int:
    if sys.version_info < _OLDEST:
        print(
            f"Sealpoint needs Python 3.11 or newer, and {sys.executable} is older: make PYTHON=python3.12 ..."
        )
        return 1
    folder, lock = Path(sys.argv[1]), sys.argv[2]
    python = folder / "bin/python"
    what = f"the packages of {lock} (once)"
    if not python.exists() and subprocess.run([sys.executable, "-m", "venv", folder], check=False).returncode:
        return 1
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    uv = _uv(folder, pip)
    environment = {**os.environ, **as_uv(_pip_settings(pip), os.environ)}
    if uv and not patiently.run(
        f"Installing {what}",
        [uv, "pip", "sync", "--quiet", "--python", str(python), *_LOCKED, lock],
        environment,
    ):
        return _project([uv, "pip", "install", "--quiet", "--python", str(python)])
    print("uv can't install them here, so pip does, which takes some minutes.", flush=True)
    code = patiently.run(f"Installing {what} with pip", [*pip, "install", *_LOCKED, "-r", lock])
    return code or _project([*pip, "install"])


def _uv(folder: Path, pip: list[str]) -> str:
    """The path of uv, installed first where needed; empty if that fails."""
    known = _ROOT / ".venv/bin/uv"
    if known.exists() and _installed_uv(known) in _UV_LOCK.read_text():
        return str(known)
    code = patiently.run(
        "Installing the installer, uv (once)", [*pip, "install", *_LOCKED, "-r", str(_UV_LOCK)]
    )
    return "" if code else str(folder / "bin/uv")


def _installed_uv(path: Path) -> str:
    """`uv==1.2.3`, as a lock has it."""
    said = subprocess.run([path, "--version"], check=False, capture_output=True, text=True).stdout.split()
    return f"uv=={said[1]} " if len(said) > 1 else "unknown"


def _project(install: list[str]) -> int:
    if "--project" not in sys.argv:
        return 0
    return subprocess.run(
        [*install, "--no-build-isolation", "--no-deps", "--editable", "."], check=False
    ).returncode


def _pip_settings(pip: list[str]) -> str:
    """What pip is told by its files and the environment."""
    return subprocess.run([*pip, "config", "list"], check=False, capture_output=True, text=True).stdout


def as_uv(settings: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings of pip as the variables that uv reads; the ones that are set already stay.

    Parameters
    ----------
    settings
        What `pip config list` prints: a line for each, with where it comes from before its name. The
        environment (`:env:`) counts more than a command's file section, and that more than `global`.
    """
    ranks = {"global": 0, "install": 1, ":env:": 2}
    found: dict[str, tuple[int, str]] = {}
    for where, name, value in re.findall(r"^([\w:]+)\.([\w-]+)='(.*)'$", settings, re.MULTILINE):
        rank = ranks.get(where, -1)
        if rank >= found.get(name, (0, ""))[0]:
            found[name] = (rank, value)
    values = {
        variable: ",".join(found[name][1].split()) if name == "find-links" else found[name][1]
        for name, variable in _SETTINGS.items()
        if name in found and variable not in environment
    }
    return {variable: value.replace("\\n", " ") for variable, value in values.items()}


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
