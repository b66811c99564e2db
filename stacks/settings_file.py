"""`sealpoint.yaml`, the file with a user's settings: read so that no other YAML reader takes it otherwise.

What YAML's versions read differently has to be in quotes. Each problem comes with its line.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

import yaml
from yaml.composer import ComposerError

from stacks.settings import Settings, SettingsError
from stacks.settings_problems import Path, Problem, name_of, shown
from stacks.settings_warnings import warnings
from stacks.strict_yaml import JsonLoader, repeated_keys

NAME, EXAMPLE = "sealpoint.yaml", "sealpoint.example.yaml"
ABSENT = f"There is no {NAME} in this folder. Make it with `sealpoint init`."

_STR, _NULL = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"
_YAML_1_1 = yaml.resolver.Resolver()
# Text to 1.1, and a number to YAML 1.2: https://yaml.org/spec/1.2.2/#103-core-schema
_YAML_1_2_NUMBER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
# By what PyYAML says: what to do about it.
_ADVICE = (
    (r"\\t", "Use spaces instead of the tab."),
    (
        r"alias|anchor|tag|cannot start",
        "Put text that begins with one of * & ! % @ ` in quotes, such as '*'.",
    ),
    (r"quoted scalar", "A quotation mark is missing."),
    (
        r"flow (sequence|mapping)",
        "A bracket or comma is missing, or text with one of [ ] { } , has no quotes.",
    ),
    (r"document start", "What comes before this line is no setting. Write one as `name: value`."),
    (r"mapping values|block", "Begin every setting in the first column, and put text with ': ' in quotes."),
    (r"expected ':'", "Write a setting as `name: value`, with a space after the colon."),
    (r"single document", "Remove the line '---'."),
)


class _Loader(JsonLoader):
    """Values alone: nothing refers to another place or names a type."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        is_alias = isinstance(event, yaml.AliasEvent)
        if is_alias or getattr(event, "anchor", None) or getattr(event, "tag", None):
            what = "aliases, anchors and tags (* & !) are not used here"
            raise ComposerError(None, None, what, event.start_mark)
        return super().compose_node(parent, index)


@dataclass(slots=True)
class _Reading:
    """What a file says, and where.

    Attributes
    ----------
    ambiguous
        Text without quotes that some readers take for something else. In a place where text isn't allowed,
        it has a problem anyway.
    """

    lines: dict[Path, int] = field(default_factory=dict)
    texts: dict[Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    ambiguous: list[Problem] = field(default_factory=list)

    def value(self, node: Any, loader: _Loader, path: Path = ()) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        match node:
            case yaml.MappingNode():
                return dict(self._members(node, loader, path))
            case yaml.SequenceNode():
                return [self.value(member, loader, (*path, at)) for at, member in enumerate(node.value)]
            case _:
                mark = node.start_mark
                self.texts[path] = node.value or mark.buffer[mark.pointer :].partition("\n")[0]
                if node.style is None and not node.value:
                    return None
                if node.style is None and node.tag == _STR:
                    self.ambiguous += _ambiguous(path, node.value, f"{name_of(path)}: ")
                return loader.construct_object(node)

    def _members(self, node: yaml.MappingNode, loader: _Loader, path: Path) -> Iterator[tuple[str, Any]]:
        repeated = [*repeated_keys(node)]
        for key, member in node.value:
            here = (*path, str(key.value) if isinstance(key, yaml.ScalarNode) else "?")
            self.lines[here] = key.start_mark.line + 1
            if key in repeated:
                self.problems.append(Problem(here, f"{name_of(here)} is given twice. Keep one of them."))
            if here[-1] != key.value:
                self.problems.append(Problem(here, "the name of a setting is text, no list and no object."))
                continue
            if key.style is None:
                self.problems += _ambiguous(here, key.value, f"the name {name_of(here)}: ")
            yield here[-1], self.value(member, loader, here)


def is_deploying(context: Callable[[str], Any]) -> bool:
    """Whether an account is about to be changed, by the context that the Makefile passes to CDK."""
    return str(context("deploying")).lower() == "true"


def for_app(context: Callable[[str], Any], folder: File) -> Settings:
    """The settings that the CDK app deploys: those of the file, or of the example where there is none.

    Parameters
    ----------
    context
        CDK's: `deploying` refuses to do without a file; `settingsFile` names another one, for tests.

    Raises
    ------
    SettingsError
    """
    if context("sealpoint") is not None:
        raise SettingsError(
            f"The settings in the context of cdk.json ('sealpoint') are not read. Move them to {NAME}, which "
            "`sealpoint init` makes."
        )
    if other := context("settingsFile"):
        return read(File(other))
    deploying = is_deploying(context)
    own = folder / NAME
    if not deploying and not own.exists():
        return read(folder / EXAMPLE)
    settings = read(own, deploying=deploying)
    sys.stderr.writelines(f"Warning: {warning}\n" for warning in warnings(settings))
    return settings


def read(file: File, *, deploying: bool = False) -> Settings:
    """The settings of a file.

    Parameters
    ----------
    deploying
        Whether they are for a real deployment, which refuses the example's channel and approvers.

    Raises
    ------
    SettingsError
        It has every problem, each with its line.
    """
    if not file.exists() and file.name == NAME:
        raise SettingsError(ABSENT)
    try:
        given, reading = _given(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file.name} can't be read: {error}.") from None
    except yaml.YAMLError as error:
        raise SettingsError(_unreadable(file, error)) from None
    settings, problems = Settings.check(given, deploying=deploying, texts=reading.texts)
    known = {problem.path for problem in problems}
    problems += [*reading.problems, *(one for one in reading.ambiguous if one.path not in known)]
    if settings is None or problems:
        raise SettingsError(f"{file.name} can't be used:", _in_order(problems, reading.lines))
    return settings


def _given(text: str) -> tuple[dict[str, Any], _Reading]:
    loader, reading = _Loader(text), _Reading()
    try:
        node = loader.get_single_node()
        if node is None:  # comments alone
            return {}, reading
        if not isinstance(node, yaml.MappingNode):
            raise ComposerError(None, None, "these are no settings: expected ':'", node.start_mark)
        return reading.value(node, loader), reading
    finally:
        loader.dispose()


def _ambiguous(path: Path, text: str, name: str) -> Iterator[Problem]:
    """The problem of text without quotes that some readers of YAML take for something else."""
    tag = _YAML_1_1.resolve(yaml.ScalarNode, text, (True, False))
    if tag == _STR and not _YAML_1_2_NUMBER.fullmatch(text):
        return
    kind = tag.rpartition(":")[2]
    if kind in {"bool", "int"}:
        kind = shown(yaml.safe_load(text))
    reads = {
        "str": "a number",
        "float": "a number",
        "timestamp": "a date",
        "null": "nothing",
        "merge": "a sign",
    }.get(kind, kind)
    yield Problem(path, f"{name}{text} without quotes is {reads} to some readers of YAML. Write '{text}'.")


def _in_order(problems: list[Problem], lines: dict[Path, int]) -> list[str]:
    """The problems by line; what is missing has none."""

    def line(problem: Problem) -> int:
        paths = (problem.path[:length] for length in range(len(problem.path), 0, -1))
        return next((lines[path] for path in paths if path in lines), 0)

    found = sorted(((line(problem), problem.text) for problem in problems), key=lambda one: one[0])
    return [f"line {number}: {text}" if number else text for number, text in dict.fromkeys(found)]


def _unreadable(file: File, error: yaml.YAMLError) -> str:
    """What is wrong with the YAML itself, the line where it is, and what to do."""
    said = str(error)
    mark = getattr(error, "problem_mark", None)
    if mark is None:  # a character that YAML doesn't have
        return f"{file.name} can't be read: {said.splitlines()[0]}."
    context = getattr(error, "context_mark", None)
    # where a bracket or a quotation mark was opened says more than where the file ended
    line = context.line if context and re.search("flow|quoted|simple key", said) else mark.line
    lines = file.read_text(encoding="utf-8").splitlines()
    shown_line = lines[line].strip() if line < len(lines) else ""
    advice = next((advice for pattern, advice in _ADVICE if re.search(pattern, said)), "")
    what = getattr(error, "problem", None) or getattr(error, "context", "")
    return f"{file.name} can't be read:\n  line {line + 1}, {shown_line!r}: {what}. {advice}".rstrip()
