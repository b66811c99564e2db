"""Whether the change can work at all, judged before a person is asked (docs/facts.md)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.domain.encryption.assessment import variants_of
from lambdas.domain.errors import KeyUnusable, ModelGone, ServiceUnavailable
from lambdas.domain.record import Model

# With local NVMe storage, which AWS encrypts in hardware with keys of its own (docs/facts.md).
LOCAL_NVME_FAMILIES = frozenset(
    {
        "m5d", "c5d", "r5d", "m6gd", "c6gd", "r6gd", "r7gd", "g4dn", "g5", "g6", "g6e", "g7", "g7e",
        "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300", "p6e-gb200", "trn1", "trn1n", "trn2", "dl1",
    }
)  # fmt: skip


_ONE_CLOCK = timedelta(seconds=1)  # SageMaker stamps all its times by one
# `Updating` lasts seconds, while a multi-Region key's primary Region changes; the key works meanwhile.
# https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
_USABLE_STATES = frozenset({"Enabled", "Updating"})


def require_usable_key(key: Mapping[str, Any] | None, key_arn: str, region: str) -> Mapping[str, Any]:
    """The metadata of a key that SageMaker can encrypt with.

    Raises
    ------
    KeyUnusable
        It can't.
    ServiceUnavailable
        KMS is still creating the key: a replica of a multi-Region key takes a moment.
    """
    objection = key_objection(key, region)
    if key is None or objection:
        if objection == "is creating":
            raise ServiceUnavailable(f"KMS is still creating the key {key_arn}.")
        raise KeyUnusable(
            f"The KMS key {key_arn} {objection}, so SageMaker can't encrypt with it. Nothing was asked or "
            "changed."
        )
    return key


def key_objection(key: Mapping[str, Any] | None, region: str) -> str | None:
    """Why SageMaker can't encrypt with a key; None if it can.

    Parameters
    ----------
    key
        The `KeyMetadata` of KMS's DescribeKey; None if there is no such key.
    """
    if key is None:
        return "does not exist"
    problems = [
        problem
        for problem, applies in {
            f"is {_spaced(key.get('KeyState'))}": key.get("KeyState") not in _USABLE_STATES,
            "is not a symmetric key": key.get("KeySpec") != "SYMMETRIC_DEFAULT",
            "is not for encryption and decryption": key.get("KeyUsage") != "ENCRYPT_DECRYPT",
            f"is not a key of {region}": str(key.get("Arn", "")).split(":")[3:4] != [region],
        }.items()
        if applies
    ]
    return " and ".join(problems) or None


def model_names(config: Mapping[str, Any]) -> list[str]:
    """The models that a config's variants run, each once; inference components name their own."""

    def named() -> Iterator[str]:
        for _, variant in variants_of(config):
            pools = variant.get("InstancePools") or ()
            yield from (variant.get("ModelName"), *(pool.get("ModelNameOverride") for pool in pools))

    return list(dict.fromkeys(name for name in named() if name))


def require_models(missing: Collection[str]) -> None:
    """Raise `ModelGone` if a model of the config was deleted: SageMaker would refuse the update."""
    if missing:
        raise ModelGone(
            f"The config's model {', '.join(sorted(missing))} no longer exists. SageMaker would refuse the "
            "update, so nothing was asked or changed."
        )


def models_found(models: Mapping[str, Mapping[str, Any]], deployed: datetime) -> list[Model]:
    """What people are shown of the models, and approve.

    Parameters
    ----------
    models
        The answers of DescribeModel, by name.
    deployed
        When the endpoint's deployment was made.
    """
    return [
        {
            "name": name,
            "createdAt": created_at(model),
            "images": list(dict.fromkeys(_images(model))),
            "isNewer": model["CreationTime"] > deployed + _ONE_CLOCK,
        }
        for name, model in models.items()
    ]


def created_at(model: Mapping[str, Any]) -> str:
    """When a model was created, as it is recorded: what tells it from another one of its name."""
    return str(model["CreationTime"].astimezone(UTC).isoformat(timespec="milliseconds"))


def _images(model: Mapping[str, Any]) -> Iterator[str]:
    for container in (model.get("PrimaryContainer"), *(model.get("Containers") or ())):
        if container and (image := container.get("Image") or container.get("ModelPackageName")):
            yield str(image)


def execution_roles(config: Mapping[str, Any], models: Collection[Mapping[str, Any]]) -> list[str]:
    """The roles that write an endpoint's captures, results and core dumps, each once."""
    named = (holder.get("ExecutionRoleArn") for holder in (config, *models))
    return list(dict.fromkeys(str(role) for role in named if role))


def local_storage_note(config: Mapping[str, Any]) -> str | None:
    """A note for the approver about instance types whose local storage the key won't cover."""
    types = sorted({kind for kind in _instance_types(config) if _family(kind) in LOCAL_NVME_FAMILIES})
    if not types:
        return None
    return (
        f"The key does not cover the local NVMe storage of {', '.join(types)}: AWS encrypts that in "
        "hardware, with keys of its own."
    )


def _instance_types(config: Mapping[str, Any]) -> Iterator[str]:
    for _, variant in variants_of(config):
        pools = variant.get("InstancePools") or ()
        for kind in (variant.get("InstanceType"), *(pool.get("InstanceType") for pool in pools)):
            if kind:
                yield str(kind)


def _family(instance_type: str) -> str:
    """`g5` of `ml.g5.xlarge`."""
    return instance_type.removeprefix("ml.").partition(".")[0]


def _spaced(state: Any) -> str:
    """KMS's word for a state, as people read it: `pending deletion` for `PendingDeletion`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in str(state)).strip()
