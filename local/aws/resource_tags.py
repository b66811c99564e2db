"""The Resource Groups Tagging API over the SageMaker stand-in: moto has it, for resources of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from moto.core.resource_tagging import TaggedResource
from moto.resourcegroupstaggingapi import models

from local.sagemaker import SageMakerHosting

_NAME = "iter_taggable_backends"
_backends: Callable[[str, str], Iterator[Any]] = getattr(models, _NAME)


def install(hosting: SageMakerHosting) -> None:
    """Let GetResources list the hosting's endpoints, too. Applies to the whole process."""

    def backends(account_id: str, region: str) -> Iterator[Any]:
        yield from _backends(account_id, region)

        def tagged() -> Iterator[TaggedResource]:
            for arn, tags in hosting.tagged_endpoints(region):
                yield TaggedResource(arn, tags, "sagemaker:endpoint")

        yield SimpleNamespace(iter_tagged_resources=tagged)

    setattr(models, _NAME, backends)
