"""Who imports whom: handlers → services → gateways and domain. Every import of the tree is read."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

Arrow = tuple[str, str]  # a module, and one that it imports

# What the modules of each folder may import of this project.
_TOP: Mapping[str, frozenset[str]] = {
    "app": frozenset({"stacks"}),
    "stacks": frozenset({"stacks"}),
    "lambdas": frozenset({"lambdas"}),
    "ops": frozenset({"ops", "lambdas", "stacks"}),
    "local": frozenset({"local", "lambdas", "stacks"}),
    "bench": frozenset({"bench", "local", "ops", "tests", "lambdas", "stacks"}),
}
_STOREYS: Mapping[str, frozenset[str]] = {
    "handlers": frozenset({"services", "gateways", "domain"}),
    "services": frozenset({"services", "gateways", "domain"}),
    "gateways": frozenset({"gateways", "domain"}),
    "domain": frozenset({"domain"}),
}
# The domain's rooms by floor. A room imports from itself and from the floors below.
_FLOORS = (
    {"plain_text", "vocabulary"},
    {"errors", "endpoint_id"},
    {"record"},
    {"claims"},
    {"encryption", "approval"},
    {"backout", "closing", "outcome_event", "retirement", "sweep"},
    {"messages"},
)
_FLOOR = {room: floor for floor, rooms in enumerate(_FLOORS) for room in rooms}
# What gateways know of the domain: words, errors and the records' shapes, and these plain data types beside.
_GATEWAYS_KNOW = frozenset({"plain_text", "vocabulary", "errors", "endpoint_id", "record"})
_DATA_TYPES: Mapping[str, str] = {
    "lambdas.gateways.event_bus": "lambdas.domain.outcome_event",  # OutcomeEvent
    "lambdas.gateways.settings": "lambdas.domain.approval.routes",  # Rules
    "lambdas.gateways.sagemaker": "lambdas.domain.encryption.twin",  # ConfigRequest
    "lambdas.gateways.slack": "lambdas.domain.messages",  # Message
}
_KNOWN: frozenset[Arrow] = frozenset(
    {
        ("local.world", "ops.slack_app"),  # the local run checks the very manifest that a user installs
        ("local.playground_shell", "ops.cli"),  # the playground's shells run the command line, by its clock
        ("local.playground_shell", "ops.clock"),
    }
)


def arrows(root: Path) -> Iterator[Arrow]:
    """Every import of one of the project's modules by another, wherever in a file it stands."""
    files = [*root.glob("app.py"), *(path for top in _TOP for path in root.glob(f"{top}/**/*.py"))]
    for path in files:
        module = _name(path.relative_to(root))
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for node in ast.walk(ast.parse(path.read_text())):
            for imported in _imported(root, node, package):
                if imported != module and imported.split(".")[0] in {*_TOP, "tests", "docs"}:
                    yield module, imported


def _imported(root: Path, node: ast.AST, package: str) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
            base = ".".join([*above, *([module] if module else [])])
            for alias in names:
                full = root.joinpath(*base.split("."), alias.name)
                is_module = full.with_suffix(".py").exists() or (full / "__init__.py").exists()
                yield f"{base}.{alias.name}" if is_module else base
        case _:
            pass


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def objection(arrow: Arrow) -> str | None:
    """Why a module must not import another; None if it may."""
    (importer, imported), here, there = arrow, *(one.split(".") for one in arrow)
    if arrow in _KNOWN:
        return None
    if there[0] not in _TOP[here[0]]:
        return f"{here[0]} must not import {there[0]}"
    if here[0] != "lambdas" or len(here) == 1:
        return None
    storey, below = here[1], there[1] if len(there) > 1 else ""
    if below not in _STOREYS[storey]:
        return f"{storey} must not import {below or 'lambdas'}"
    if storey == below == "domain" and not _is_down(here[2:3], there[2:3]):
        return f"domain.{'.'.join(here[2:3])} must not import domain.{'.'.join(there[2:3])}"
    if storey == "gateways" and below == "domain" and there[2] not in _GATEWAYS_KNOW:
        known = _DATA_TYPES.get(importer)
        if known is None or not f"{imported}.".startswith(f"{known}."):
            return f"{importer} must not know {imported}"
    return None


def _is_down(here: list[str], there: list[str]) -> bool:
    return bool(here and there) and (here == there or _FLOOR[here[0]] > _FLOOR[there[0]])


def circle(found: list[Arrow]) -> list[str]:
    """Modules that import each other in a circle, if there are any."""
    graph: dict[str, set[str]] = {}
    for importer, imported in found:
        graph.setdefault(importer, set()).add(imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_imports_point_downwards() -> None:
    assert [f"{a} → {b}: {why}" for a, b in arrows(ROOT) if (why := objection((a, b)))] == []


def test_nothing_in_lambdas_is_imported_in_a_circle() -> None:
    assert circle([arrow for arrow in arrows(ROOT) if arrow[0].startswith("lambdas.")]) == []


def test_every_room_of_the_domain_has_its_floor() -> None:
    rooms = {path.stem for path in (ROOT / "lambdas/domain").iterdir() if not path.name.startswith("__")}
    assert rooms == _FLOOR.keys()


def test_the_domain_imports_the_standard_library_alone() -> None:

    for path in (ROOT / "lambdas/domain").glob("**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            for imported in _imported(ROOT, node, _name(path.relative_to(ROOT)).rpartition(".")[0]):
                assert imported.split(".")[0] in {*sys.stdlib_module_names, "lambdas"}, path


@pytest.mark.parametrize(
    ("path", "line", "why"),
    [
        ("lambdas/handlers/a.py", "from lambdas.handlers import b", "handlers must not import handlers"),
        ("lambdas/services/a.py", "from lambdas.handlers.b import c", "services must not import handlers"),
        ("lambdas/gateways/a.py", "import lambdas.services.b", "gateways must not import services"),
        ("lambdas/domain/sweep/a.py", "from ..messages.b import c", "must not import domain.messages"),
        ("lambdas/domain/record.py", "from lambdas.domain.encryption import b", "domain.encryption"),
        ("lambdas/domain/approval/a.py", "from lambdas.gateways import b", "domain must not import gateways"),
        ("lambdas/gateways/kms.py", "from lambdas.domain.messages.b import c", "must not know"),
        ("lambdas/services/a.py", "def f():\n    import ops.b", "lambdas must not import ops"),
        ("stacks/a.py", "from lambdas.domain import vocabulary", "stacks must not import lambdas"),
        ("ops/a.py", "from local.b import c", "ops must not import local"),
        ("app.py", "from tests import b", "app must not import tests"),
    ],
)  # fmt: skip
def test_an_arrow_drawn_upwards_is_found(tmp_path: Path, path: str, line: str, why: str) -> None:
    for name, text in {path: line, "lambdas/handlers/b.py": "", "lambdas/domain/encryption/b.py": ""}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    ((importer, imported),) = arrows(tmp_path)
    assert why in (objection((importer, imported)) or "")


def test_a_circle_is_found(tmp_path: Path) -> None:
    for name, other in {"a": "b", "b": "c", "c": "a", "d": "a"}.items():
        path = tmp_path / f"lambdas/services/{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"from lambdas.services import {other}")
    found = {name.removeprefix("lambdas.services.") for name in circle([*arrows(tmp_path)])}
    assert found == {"a", "b", "c"}
