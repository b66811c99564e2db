"""What runs behind an endpoint: a config's variants with their live weights and capacities."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from local.sagemaker import times

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

Json = dict[str, Any]

COUNT = "DesiredInstanceCount"
WEIGHT = "DesiredWeight"


@dataclass(frozen=True)
class Capacity:
    """What autoscaling and UpdateEndpointWeightsAndCapacities change about a variant."""

    weight: float
    instances: int
    serverless: Json | None


@dataclass(frozen=True)
class Variant:
    """A production or shadow variant: as the config states it, and as it runs."""

    stated: Json
    images: tuple[Json, ...]
    current: Capacity
    desired: Capacity

    @property
    def name(self) -> str:
        return str(self.stated["VariantName"])

    @property
    def is_serverless(self) -> bool:
        return self.desired.serverless is not None


@dataclass(frozen=True)
class Deployment:
    """A config put to work. The config's body is kept: the config itself may be deleted under it.

    `started` is in whole seconds, `requested` what the call is stamped with.
    """

    config_name: str
    config: Json
    data_capture: Json | None
    variants: tuple[Variant, ...]
    shadows: tuple[Variant, ...]
    started: int
    requested: float

    def settled(self) -> Deployment:
        """Every variant has become what was desired of it."""
        return self.with_variants(lambda variant: replace(variant, current=variant.desired))

    def unsettled(self) -> Deployment:
        """Every variant stays what it was."""
        return self.with_variants(lambda variant: replace(variant, desired=variant.current))

    def with_variants(self, change: Callable[[Variant], Variant]) -> Deployment:
        return replace(
            self, variants=tuple(map(change, self.variants)), shadows=tuple(map(change, self.shadows))
        )


def model_names(config: Json) -> list[str]:
    """The models that a config names, in its order. (None, for inference components.)"""
    return list(dict.fromkeys(_model_names(config)))


def _model_names(config: Json) -> Iterator[str]:
    for variant in (*config["ProductionVariants"], *(config.get("ShadowProductionVariants") or [])):
        pools: list[Json] = variant.get("InstancePools") or []
        for name in (variant.get("ModelName"), *(pool.get("ModelNameOverride") for pool in pools)):
            if name:
                yield name


def deploy(config: Json, models: Mapping[str, Json], stamped: float, resolution_lag: float) -> Deployment:
    """A deployment with the capacities that the config starts with.

    Parameters
    ----------
    config
        The body of the endpoint config as it was sent, `EndpointConfigName` included.
    models
        The bodies of the models that the config names.
    stamped
        What the call that deploys is stamped with.
    resolution_lag
        How much later the images are resolved.
    """

    def variants(of: list[Json], resolved: float) -> tuple[Variant, ...]:
        return tuple(_variant(stated, models, resolved) for stated in of)

    resolved = stamped + resolution_lag

    return Deployment(
        config_name=config["EndpointConfigName"],
        config=config,
        data_capture=config.get("DataCaptureConfig"),
        variants=variants(config["ProductionVariants"], resolved),
        shadows=variants(config.get("ShadowProductionVariants") or [], resolved + times.SHADOW_LAG),
        started=times.deployment_start(stamped),
        requested=stamped,
    )


def retain(new: Deployment, live: Deployment, excluded: Collection[str]) -> Deployment:
    """`new` with the live capacities of the variants of the same name.

    Parameters
    ----------
    excluded
        Which of `DesiredInstanceCount` and `DesiredWeight` come from the new config after all.
    """
    running = {v.name: v.desired for v in (*live.variants, *live.shadows)}

    def kept(variant: Variant) -> Variant:
        was = running.get(variant.name)
        if was is None:
            return variant
        stated = variant.desired
        desired = Capacity(
            weight=stated.weight if WEIGHT in excluded else was.weight,
            instances=stated.instances if COUNT in excluded or stated.serverless else was.instances,
            serverless=stated.serverless
            if COUNT in excluded
            else _scaled_serverless(stated.serverless, was.serverless or {}),
        )
        return replace(variant, desired=desired)

    return new.with_variants(kept)


def scale(live: Deployment, changes: Mapping[str, Json]) -> Deployment:
    """What UpdateEndpointWeightsAndCapacities desires, by variant name, beside what is."""

    def desired(variant: Variant) -> Variant:
        new = changes.get(variant.name, {})
        was = variant.desired
        return replace(
            variant,
            desired=Capacity(
                weight=new.get("DesiredWeight", was.weight),
                instances=new.get("DesiredInstanceCount", was.instances),
                serverless=_scaled_serverless(was.serverless, new.get("ServerlessUpdateConfig") or {}),
            ),
        )

    return replace(live, variants=tuple(map(desired, live.variants)))


def _scaled_serverless(stated: Json | None, scaled: Json) -> Json | None:
    scalable = ("MaxConcurrency", "ProvisionedConcurrency")
    return stated and {**stated, **{key: scaled[key] for key in scalable if key in scaled}}


def _variant(stated: Json, models: Mapping[str, Json], resolved: float) -> Variant:
    serverless: Json | None = stated.get("ServerlessConfig")
    weight = stated.get("InitialVariantWeight")
    return Variant(
        stated=stated,
        images=tuple(_images(models.get(stated.get("ModelName") or "", {}), resolved)),
        current=Capacity(weight=0.0, instances=0, serverless=serverless),
        desired=Capacity(
            weight=1.0 if weight is None else float(weight),
            instances=0 if serverless else stated.get("InitialInstanceCount") or 0,
            serverless=serverless,
        ),
    )


def _images(model: Json, resolved: float) -> Iterator[Json]:
    for container in [model.get("PrimaryContainer") or {}, *(model.get("Containers") or [])]:
        image = container.get("Image")
        if image:
            repository = re.sub(r"(@sha256:\w+|:[^:/]+)$", "", image)
            digest = hashlib.sha256(image.encode()).hexdigest()
            yield {
                "SpecifiedImage": image,
                "ResolvedImage": f"{repository}@sha256:{digest}",
                "ResolutionTime": times.shown(resolved),
            }
