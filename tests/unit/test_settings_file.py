"""sealpoint.yaml: what is read of it, what is refused with which words, and what is warned of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stacks.settings import SettingsError
from stacks.settings_file import ABSENT, NAME, for_app, read
from stacks.settings_warnings import warnings

_GIVEN = {
    "regions": "[us-east-1, eu-central-1]",
    "slackChannel": "C0123456789",
    "approvers": "[U0123456789, S0123456789]",
    "alarmEmails": "[oncall@example.com]",
}

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file that lacks nothing: what the lines don't give comes after them."""

    def write(lines: str) -> Path:
        given = {line.partition(":")[0] for line in lines.splitlines()}
        rest = "".join(f"{key}: {value}\n" for key, value in _GIVEN.items() if key not in given)
        (tmp_path / NAME).write_text(f"{lines}\n{rest}")
        return tmp_path / NAME

    return write


def refusal(file: Path) -> SettingsError:
    with pytest.raises(SettingsError) as raised:
        read(file)
    return raised.value


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("namePrefix: on", "line 1: namePrefix: on without quotes is true to some readers of YAML. Write"),
        ("tags: {a: 010}", "line 1: tags.a: 010 without quotes is 8 to some readers of YAML. Write '010'."),
        ("tags: {a: 1:30}", "tags.a: 1:30 without quotes is 90 to"),
        ("tags: {a: 2026-01-01}", "tags.a: 2026-01-01 without quotes is a date to"),
        ("tags: {a: 1.10}", "tags.a: 1.10 without quotes is not text. Write '1.10'."),
        ("tags: {a: true}", "tags.a: true without quotes is not text. Write 'true'."),
        ("tags: {on: a}", "the name tags.on: on without quotes is true to"),
        ("tags: {1: a}", "the name tags.1: 1 without quotes is 1 to"),
        ("routes: [{name: a, accounts: [012345670123]}]", "012345670123 without quotes is 1402433619 to"),
        ("routes: [{name: a, accounts: [089345670123]}]", "089345670123 without quotes is a number to"),
        (
            "routes: [{name: a, accounts: [123456789012]}]",
            "routes[0].accounts: 123456789012 without quotes is not text. Write '123456789012'.",
        ),
        ("breakGlass: yes", "line 1: breakGlass: 'yes' is not allowed. Use true or false."),
        ("breakGlass: True", "line 1: breakGlass: 'True' is not allowed. Use true or false."),
        ("digestAbove: 010", "line 1: digestAbove: '010' is not allowed. Use a whole number from 1 to 100."),
        ("backoutDays:", "line 1: backoutDays has no value. Use a whole number from 0 to 90."),
        ("slackChannel: #ml", "What follows # is a comment: put text with # in quotes."),
        ("digestAbove: 3\ndigestAbove: 4", "line 2: digestAbove is given twice. Keep one of them."),
        ("tags:\n  a: b\n  'a': c", "line 3: tags.a is given twice."),
        ("? [a]\n: b", "line 1: the name of a setting is text, no list and no object."),
        ("<<: {digestAbove: 3}", "line 1: << is not a setting."),
    ],
)  # fmt: skip
def test_what_yamls_readers_take_differently_is_refused_with_what_to_write(
    write: Write, lines: str, says: str
) -> None:
    assert any(says in problem for problem in refusal(write(lines)).problems)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("approvers: *", "line 1, 'approvers: *': expected alphabetic"),
        ("approvers: *", "in quotes, such as '*'"),
        (
            "tags: &all {a: b}",
            "line 1, 'tags: &all {a: b}': aliases, anchors and tags (* & !) are not used here.",
        ),
        ("tags: {a: !!str 1}", "aliases, anchors and tags"),
        ("tags:\n\ta: b", "line 2, 'a: b': found character '\\t' that cannot start any token. Use spaces"),
        ("approvers: [U0123456789\n# end", "line 1, 'approvers: [U0123456789': expected ',' or ']'"),
        ("namePrefix: 'x", 'line 1, "namePrefix: \'x": found unexpected end of stream. A quotation mark is'),
        (
            "digestAbove: 3\n  backoutDays: 3",
            "line 2, 'backoutDays: 3': mapping values are not allowed here.",
        ),
        ("digestAbove: 3\nslackChannel C0\n#", "line 2, 'slackChannel C0': could not find expected ':'"),
        ("slackChannel C0123456789\n#", "What comes before this line is no setting."),
        ("digestAbove: 3\n---", "line 2, '---': but found another document. Remove the line '---'."),
        ("- digestAbove\n#", "Begin every setting in the first column"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(write: Write, lines: str, says: str) -> None:
    error = refusal(write(lines))
    assert "sealpoint.yaml can't be read:\n" in str(error)
    assert says in str(error)


@pytest.mark.parametrize(
    ("text", "says"), [("text", "line 1, 'text': these are no settings"), ("a\0", "can't be read")]
)
def test_what_has_no_settings_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / NAME).write_text(text)
    assert says in str(refusal(tmp_path / NAME))


def test_an_empty_file_lacks_what_has_to_be_given(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("# nothing yet\n")
    found = [problem.split(" ")[0] for problem in refusal(tmp_path / NAME).problems]
    assert found == ["regions", "slackChannel", "approvers"]


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes("namePrefix: é".encode("latin-1"))
    assert "can't be read: 'utf-8' codec" in str(refusal(tmp_path / NAME))


def test_all_problems_come_at_once_in_the_files_order(write: Write) -> None:
    problems = refusal(write("digestAbove: 0\nnamePrefix: on\napproverz: []\ntags: {a: b, a: c}")).problems
    assert [problem.partition(": ")[0] for problem in problems] == ["line 1", "line 2", "line 3", "line 4"]


def test_quotes_make_it_text(write: Write) -> None:
    settings = read(
        write("namePrefix: 'on'\nroutes: [{name: a, accounts: ['012345670123']}]\ntags: {'1': \"010\"}")
    )
    assert settings.name_prefix == "on"
    assert settings.routes[0].accounts == ("012345670123",)
    assert settings.tags == {"1": "010"}


# -- which file the app takes


def test_without_a_file_the_example_is_synthesized_and_nothing_is_deployed(
    write: Write, tmp_path: Path
) -> None:
    def app(**context: Any) -> str:
        return for_app(context.get, tmp_path).name_prefix

    write("namePrefix: Example").rename(tmp_path / "sealpoint.example.yaml")
    assert app() == "Example"
    with pytest.raises(SettingsError, match="Make it with `sealpoint init`") as raised:
        app(deploying="true")
    assert str(raised.value) == ABSENT
    write("namePrefix: Mine")
    assert (app(), app(deploying="true")) == ("Mine", "Mine")
    write("namePrefix: Other").rename(tmp_path / "other")
    write("namePrefix: Mine")
    assert app(settingsFile=str(tmp_path / "other")) == "Other"
    with pytest.raises(SettingsError, match=r"(?s)cdk\.json.*Move them to sealpoint\.yaml"):
        app(sealpoint={"namePrefix": "Old"})


def test_the_app_says_what_it_warns_of(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    for_app({}.get, write("alarmEmails: []").parent)
    assert "Warning: alarmEmails is empty, so nobody hears the alarms." in capsys.readouterr().err


# -- warnings


def test_good_settings_are_warned_of_nothing(write: Write) -> None:
    routes = "routes: [{name: a, regions: [us-east-1]}, {name: b, tags: {a: b}}, {name: c, tags: {a: c}}]"
    assert warnings(read(write(routes))) == []


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("alarmEmails: []", "nobody hears the alarms"),
        ("breakGlass: true\nforbidOwnApproval: false", "breakGlass changes nothing"),
        ("sweepSchedule: ''", "endpoints that no event announced are never found"),
        (
            "routes: [{name: a, regions: [us-west-2]}]",
            "routes[0] (a) never matches: it names other regions alone.",
        ),
        (
            "routes: [{name: a, regions: [us-west-2, us-east-1]}]",
            "routes[0] (a) has us-west-2, which regions lacks, so no endpoint there is found.",
        ),
        (
            "routes: [{name: a, regions: [eu-central-1, us-east-1]}, {name: b, tags: {a: b}}]",
            "routes[1] (b) never matches: a, which comes first, takes all of its endpoints.",
        ),
        ("routes: [{name: a, tags: {a: b}}, {name: b, tags: {a: b, c: d}}]", "routes[1] (b) never matches"),
        (
            "routes: [{name: a, accounts: ['111122223333']}, {name: b, accounts: ['111122223333']}]",
            "routes[1] (b) never matches",
        ),
        ("approvers: ['*', U0123456789]", "the other ids change nothing"),
        ("approvers: [U0123456789]", "approvers is U0123456789 alone, whose own changes nobody can approve."),
        ("approvers: [U0123456789]\ntwoApproversTag: {a: b}", "can never be approved"),
        (
            "routes: [{name: a, tags: {a: b}, approvers: [W0123456789]}]",
            "routes[0].approvers is W0123456789 alone",
        ),
    ],
)
def test_what_hardly_anybody_wants_is_warned_of(write: Write, lines: str, says: str) -> None:
    assert [says in warning for warning in warnings(read(write(lines)))].count(True) == 1


@pytest.mark.parametrize(
    "routes",
    [
        "[{name: a, tags: {a: b}}, {name: b, tags: {a: c}}]",
        "[{name: a, accounts: ['111122223333']}, {name: b, tags: {a: b}}]",
        "[{name: a, accounts: ['111122223333']}, {name: b, accounts: ['111122223333', '222233334444']}]",
        "[{name: a, regions: [us-east-1]}, {name: b, tags: {a: b}}]",
        "[{name: a, tags: {a: b}, approvers: [S0123456789]}]",
    ],
)
def test_routes_that_can_match_are_warned_of_nothing(write: Write, routes: str) -> None:
    assert warnings(read(write(f"routes: {routes}"))) == []


def test_one_approver_with_break_glass_is_warned_of_nothing(write: Write) -> None:
    assert warnings(read(write("approvers: [U0123456789]\nbreakGlass: true"))) == []
