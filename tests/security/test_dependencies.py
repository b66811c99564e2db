"""Known vulnerabilities in what is pinned, where the package registry tells of them."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.security.conftest import ROOT, run

LOCKS = (
    "requirements.lock",
    "lambdas/requirements.lock",
    "local/installer/requirements.lock",
    "tests/security/requirements.lock",
)


@pytest.mark.parametrize("lock", LOCKS)
def test_no_python_package_has_a_known_vulnerability(lock: str) -> None:
    finished = run("pip-audit", "--disable-pip", "--require-hashes", "-r", lock, "-f", "json")
    try:
        packages = json.loads(finished.stdout)["dependencies"]
    except ValueError:
        pytest.skip(f"the registry can't be asked: {finished.stderr.strip()[-300:]}")
    told = [package for package in packages if "skip_reason" not in package]
    if not told:
        pytest.skip("the registry tells of no vulnerabilities of any package: not audited here")
    vulnerable = {f"{p['name']} {p['version']}": p["vulns"] for p in told if p["vulns"]}
    assert vulnerable == {}


def test_no_node_package_has_a_known_vulnerability() -> None:
    finished = subprocess.run(
        ["npm", "audit", "--json"],  # noqa: S607  # npm as the Makefile finds it
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(finished.stdout)
    if "vulnerabilities" not in report:
        pytest.skip(f"the registry can't be asked: {report.get('message', '')}")
    assert report["vulnerabilities"] == {}


@pytest.mark.parametrize("lock", [*LOCKS, "bench/requirements.txt"])
def test_every_package_is_pinned_with_its_hashes(lock: str) -> None:
    """Pip refuses anything else under --require-hashes, with which each of these is installed."""
    text = (ROOT / lock).read_text()
    pins = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
    assert pins
    assert all("==" in pin for pin in pins)
    if lock.endswith(".lock"):
        assert all(pin.endswith("\\") for pin in pins)
        assert text.count("--hash=sha256:") >= len(pins)
