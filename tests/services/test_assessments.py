"""Configs are judged side by side, and each key is looked up once."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from lambdas.gateways.kms import Kms
from lambdas.services.assessments import Assessor

_ARN = "arn:aws:kms:us-east-1:123456789012:key/1111aaaa-2222-bbbb-3333-cccc4444dddd"
_CONFIG = {"EndpointConfigName": "c", "KmsKeyId": _ARN, "ProductionVariants": [{"VariantName": "a"}]}
_THREADS = 8


class _Keys(Kms):
    def __init__(self) -> None:
        self.looked_up: list[str] = []

    def describe_key(self, key_id: str) -> Mapping[str, Any] | None:
        self.looked_up.append(key_id)
        return {"Arn": key_id, "KeyManager": "CUSTOMER"}


def test_the_first_to_ask_looks_the_key_up_for_all() -> None:
    made: list[_Keys] = []
    together = Barrier(_THREADS)

    def kms() -> Kms:
        made.append(_Keys())
        return made[-1]

    assessor = Assessor(kms, ["customer-managed"], "")

    def assess(_: int) -> list[str]:
        together.wait(10)
        return [surface.problem for surface in assessor.assess(_CONFIG)]

    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(assess, range(_THREADS)))
    assert found == [found[0]] * _THREADS
    assert [key for one in made for key in one.looked_up] == [_ARN]


def test_no_key_no_kms() -> None:
    def kms() -> Kms:
        raise AssertionError("nothing is to be looked up")

    Assessor(kms, ["any"], "").assess(_CONFIG)
