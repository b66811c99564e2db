"""Whether the config that is described is the one that serves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain.encryption.serving import Events, Serving, serving, settled_by

DAY = 86_400.0
BEGAN = 1_700_000_000.0


def endpoint(
    *,
    began: float = BEGAN,
    resolved: float | None = BEGAN + 0.6,
    modified: float = 0,
    status: str = "InService",
) -> dict[str, Any]:
    images = [] if resolved is None else [{"ResolutionTime": resolved}]
    return {
        "EndpointStatus": status,
        "CreationTime": began,
        "LastModifiedTime": modified or max(began, resolved or 0) + 300,
        "ProductionVariants": [{"VariantName": "a", "DeployedImages": images}],
    }


def config(created: float) -> dict[str, Any]:
    return {"CreationTime": created}


@pytest.mark.parametrize(
    ("began", "resolved", "modified", "created"),
    [
        # Recorded of AWS, seconds of the day: endpoint created, resolved, last modified; config created.
        # aws-samples/sagemaker-genai-hosting-examples, falcon-40b-trt-llm.ipynb, 2024-02-26
        (79174.055, 79174.835, 80019.555, 79172.0),
        # the config 0.548 s before the endpoint, 2021-11-19
        (54705.370, 54706.682, 54830.265, 54704.822),
        # aws-samples/data-science-on-aws, SageMaker-Enable-Model-Monitor.ipynb, 2020-05-04: updated
        (32760.739, 33458.378, 34006.704, 33454.699),
        # BentoML's docs, 2020-06-25: resolved 4.6 s after creation
        (75189.599, 75194.176, 75573.149, 75180.0),
    ],
)
def test_recorded_endpoints_serve_as_described(
    began: float, resolved: float, modified: float, created: float
) -> None:
    recorded = endpoint(began=began, resolved=resolved, modified=modified)

    assert serving(recorded, config(created)) is Serving.AS_DESCRIBED


def test_a_config_made_again_two_seconds_after_the_endpoint_is_not_what_serves() -> None:
    assert serving(endpoint(), config(BEGAN + 2)) is Serving.UNKNOWN


def test_a_config_made_again_after_the_update_is_not_what_serves() -> None:
    updated = endpoint(resolved=BEGAN + DAY)

    assert serving(updated, config(BEGAN + DAY - 5)) is Serving.AS_DESCRIBED
    assert serving(updated, config(BEGAN + DAY + 1.001)) is Serving.UNKNOWN


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (Events(deleted=False), Serving.AS_DESCRIBED),
        (Events(deleted=True), Serving.UNKNOWN),
        (Events(), Serving.UNKNOWN),
    ],
)
def test_within_a_second_a_deletion_decides_and_silence_is_no_proof(
    events: Events, expected: Serving
) -> None:
    found, described = serving(endpoint(), config(BEGAN + 0.8)), config(BEGAN + 0.8)

    assert found is Serving.DELETION_DECIDES
    assert settled_by(events, found, described) is expected


def test_a_new_endpoint_is_dated_by_its_creation() -> None:
    creating = endpoint(resolved=None, modified=BEGAN, status="Creating")

    assert serving(creating, config(BEGAN - 0.5)) is Serving.AS_DESCRIBED
    assert serving(creating, config(BEGAN + 0.5)) is Serving.DELETION_DECIDES
    assert serving(creating, config(BEGAN + 1.5)) is Serving.UNKNOWN


def test_a_scaled_endpoint_keeps_the_date_of_its_deployment() -> None:
    scaled = endpoint(modified=BEGAN + 10 * DAY)

    assert serving(scaled, config(BEGAN + 5 * DAY)) is Serving.UNKNOWN


def test_the_earliest_resolution_dates_the_deployment() -> None:
    mixed = endpoint(resolved=BEGAN + DAY)
    mixed["ShadowProductionVariants"] = [{"DeployedImages": [{"ResolutionTime": BEGAN + 2 * DAY}]}]

    assert serving(mixed, config(BEGAN + 1.5 * DAY)) is Serving.UNKNOWN


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (Events(), Serving.UNDATED),
        (Events(deployed_at=datetime.fromtimestamp(BEGAN + DAY - 5, UTC)), Serving.AS_DESCRIBED),
        (Events(deployed_at=datetime.fromtimestamp(BEGAN + DAY - 6, UTC)), Serving.UNKNOWN),
    ],
)
def test_without_a_resolution_the_last_update_dates_the_deployment(events: Events, expected: Serving) -> None:
    """Endpoints with inference components show no ResolutionTime."""
    components = endpoint(resolved=None, modified=BEGAN + 2 * DAY)
    described = config(BEGAN + DAY)

    assert serving(components, config(BEGAN + 0.9)) is Serving.AS_DESCRIBED
    assert serving(components, described) is Serving.DEPLOYMENT_DECIDES
    assert settled_by(events, serving(components, described), described) is expected


_SECONDS = st.floats(min_value=-10 * DAY, max_value=10 * DAY)


@given(
    resolved=st.one_of(st.none(), st.floats(min_value=0.2, max_value=10 * DAY)),
    created=_SECONDS,
    scaled=_SECONDS,
)
def test_a_config_younger_than_the_deployment_never_serves_as_described(
    resolved: float | None, created: float, scaled: float
) -> None:
    deployed = BEGAN if resolved is None or resolved <= 10 else BEGAN + resolved
    shown = endpoint(resolved=None if resolved is None else BEGAN + resolved)
    shown["LastModifiedTime"] += abs(scaled)
    described = config(BEGAN + created)

    found = settled_by(Events(), serving(shown, described), described)

    if BEGAN + created > deployed + (0 if resolved else 1):
        assert found in (Serving.UNKNOWN, Serving.UNDATED)
    else:
        assert found is Serving.AS_DESCRIBED


def test_a_config_younger_than_the_last_change_never_serves() -> None:
    components = endpoint(resolved=None, modified=BEGAN + DAY)
    described = config(BEGAN + DAY + timedelta(seconds=1.1).total_seconds())

    assert serving(components, described) is Serving.UNKNOWN
