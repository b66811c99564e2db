from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from lambdas.domain.vocabulary import Outcome
from tests.infrastructure.conftest import ROOT
from tests.infrastructure.template import Template
from tests.infrastructure.test_retries import MACHINES

_TEXT = "{http://www.w3.org/2000/svg}text"
# ways beside the main one, which the flow's picture leaves out
_BESIDE_THE_FLOW = {"ReadDecision", "DeleteUnusedTwin"}


# -- docs/architecture.md


def _diagram() -> str:
    (diagram,) = re.findall(r"```mermaid\n(.*?)```", (ROOT / "docs/architecture.md").read_text(), re.DOTALL)
    return diagram


def _shown_by_frame() -> dict[str, set[str]]:
    """The functions in each frame of the diagram: by their id, or else by their label."""
    frames = re.findall(r"subgraph (\w+)(.*?)\n  end", _diagram(), re.DOTALL)
    shown = {name: re.findall(r'(?:\b(\w+)|\["(\w+)"\]):::function', body) for name, body in frames}
    return {name: {by_id or label for by_id, label in found} for name, found in shown.items()}


def _invoked_by(template: Template, machine: str) -> set[str]:
    """The functions of a machine's tasks, which are named after them."""
    todo, found = [template.definition(machine)], set[str]()
    for part in todo:
        for name, state in part["States"].items():
            found |= {name} if state["Type"] == "Task" else set()
            todo += [state["ItemProcessor"]] if "ItemProcessor" in state else []
    return found


def test_the_diagram_frames_each_machine_with_the_functions_that_it_invokes(template: Template) -> None:
    shown = _shown_by_frame()
    machines = template.resources("AWS::StepFunctions::StateMachine").values()
    names = {m["Properties"]["StateMachineName"].removeprefix("Sealpoint-us-east-1-") for m in machines}
    assert set(shown) == names | {"api"}
    assert {name: shown[name] for name in names} == {name: _invoked_by(template, name) for name in names}


def test_the_diagram_shows_every_function_and_nothing_else(template: Template) -> None:
    functions = {_camel(handler) for handler in template.functions()}
    assert set[str]().union(*_shown_by_frame().values()) == functions
    # a function that an arrow leads to, outside of the frames
    ends = re.findall(r"(?:-->|<-->)(?:\|[^|]*\|)? (\w+)", _diagram())
    assert set(ends) - {"b1", "b2", "b3"} <= functions


def test_the_diagram_shows_the_routes_and_rules_that_there_are(template: Template) -> None:
    routes = template.resources("AWS::ApiGatewayV2::Route").values()
    shown = set(re.findall(r"POST /[\w/]+", _diagram()))
    assert shown == {route["Properties"]["RouteKey"] for route in routes}
    rules = "".join(template.resources("AWS::Events::Rule"))
    named = re.findall(r"EndpointChanged\w*|\w+Unclosed|TwinLeftBehind", _diagram())
    assert len(named) == len(template.rules())
    assert all(name in rules for name in named)


# -- docs/flow.svg, which is drawn by hand


def test_the_flow_shows_states_that_there_are_and_the_whole_main_path(template: Template) -> None:
    there_are = {name for machine in MACHINES for name in template.definition(machine)["States"]}
    shown = {words.removesuffix(" ⟲") for words in _flow_texts()}
    named = {words for words in shown if re.fullmatch(r"([A-Z][a-z]+){2,}", words)}
    assert named <= there_are
    states = template.definition()["States"]
    steps = {name for name, state in states.items() if state["Type"] == "Task"}
    assert steps - _BESIDE_THE_FLOW <= named, "docs/flow.svg lacks a step: draw it"


def test_the_flow_names_every_outcome_of_a_remediation() -> None:
    shown = [words.split(" · ") for words in _flow_texts()]
    named = {word for words in shown for word in words if re.fullmatch(r"[A-Z]{3,}(_[A-Z]+)*", word)}
    assert named == set(Outcome) - {Outcome.BACKED_OUT, Outcome.CALLED_OFF}  # a backout's, and a removal's


def _flow_texts() -> set[str]:
    picture = ET.parse(ROOT / "docs/flow.svg")  # noqa: S314  # our own file
    return {element.text or "" for element in picture.iter(_TEXT)}


def _camel(handler: str) -> str:
    return "".join(word.title() for word in handler.split("_"))
