"""What `make setup` runs: uv with pip's settings, pip where uv can't, and a word every few seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from local import install, patiently
from tests.conftest import ROOT

_CONFIG = """\
:env:.cert='/etc/ssl/ours.pem'
:env:.index-url='https://mirror.example.com/simple'
global.index-url='https://pypi.example.com/simple'
global.extra-index-url='https://a.example.com/simple https://b.example.com/simple'
global.find-links='/wheels /more-wheels'
install.no-binary=':all:'
"""


def test_uv_reads_pips_settings_and_the_environment_counts_most() -> None:
    assert install.as_uv(_CONFIG, {}) == {
        "UV_DEFAULT_INDEX": "https://mirror.example.com/simple",
        "UV_INDEX": "https://a.example.com/simple https://b.example.com/simple",
        "UV_FIND_LINKS": "/wheels,/more-wheels",
        "SSL_CERT_FILE": "/etc/ssl/ours.pem",
    }


def test_uvs_own_settings_stay() -> None:
    given = {"UV_DEFAULT_INDEX": "https://mine.example.com/simple", "SSL_CERT_FILE": "/mine.pem"}
    assert install.as_uv(_CONFIG, given).keys() == {"UV_INDEX", "UV_FIND_LINKS"}
    assert install.as_uv("", {}) == {}


def test_where_uv_cannot_pip_installs_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "env"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").symlink_to(sys.executable)
    ran: list[list[str]] = []

    def run(_words: str, command: list[str], _environment: object = None) -> int:
        ran.append(command)
        return 1 if "uv" in Path(command[0]).name else 0

    def known(_path: Path) -> str:
        return next(iter((ROOT / "local/installer/requirements.lock").read_text().splitlines()))

    monkeypatch.setattr(patiently, "run", run)
    monkeypatch.setattr(install, "_installed_uv", known)
    monkeypatch.setattr(sys, "argv", ["install", str(folder), "some.lock"])
    assert install.main() == 0
    assert "so pip does" in capsys.readouterr().out
    assert ran[-1][-2:] == ["-r", "some.lock"]
    assert {"--require-hashes", "--only-binary"} <= set(ran[-1])


def test_a_long_command_says_that_it_still_runs_and_its_noise_is_dropped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(patiently, "_EVERY_SECONDS", 0.05)
    program = "import sys; print('Bundling asset x'); print('kept', flush=True); sys.stdin.read()"

    class Slow(subprocess.Popen[str]):
        waits = 0

        def wait(self, timeout: float | None = None) -> int:
            if timeout is None:
                return super().wait(30)
            self.waits += 1
            if self.waits > 3 and self.stdin:
                self.stdin.close()
                return super().wait(30)
            return super().wait(timeout)

    def popen(*arguments: object, **options: object) -> Slow:
        return Slow(*arguments, stdin=subprocess.PIPE, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(subprocess, "Popen", popen)
    assert patiently.run("Doing it", [sys.executable, "-c", program]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Doing it ..."
    assert sum(line.startswith("Doing it ... ") for line in lines) >= 3
    assert "kept" in lines
    assert not any("Bundling" in line for line in lines)


def test_the_exit_code_of_what_failed_is_passed_on() -> None:
    assert patiently.run("Failing", [sys.executable, "-c", "raise SystemExit(3)"]) == 3


def test_pinning_runs_no_packages_code_either() -> None:
    """To resolve an sdist is to run its build; uv itself is the one that is pinned with its hash."""
    commands = subprocess.run(
        ["make", "--dry-run", "lock"],  # noqa: S607  # the one on the path, as people use it
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    installing, _, compiling = commands.partition("uv pip compile")
    assert "--require-hashes --only-binary :all: -r local/installer/requirements.lock" in installing
    assert "--only-binary :all:" in compiling
    assert "--generate-hashes" in compiling


def test_no_node_package_runs_a_script_when_it_is_installed() -> None:
    assert "ignore-scripts=true" in (ROOT / ".npmrc").read_text().splitlines()
