from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.local.sagemaker.account import Account

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def account() -> Iterator[Account]:
    """An account with one model."""
    with Account() as account:
        account.create_model()
        yield account
