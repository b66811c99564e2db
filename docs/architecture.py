"""Draws `docs/architecture.svg` from the synthesized template, so that it can't drift: `make docs`.

Left what starts things, in the middle the state machines with the functions they invoke, right what each
function's own role allows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

from docs.architecture_facts import Architecture, Function, Kept, Start, read_architecture
from local.aws.template import load_assembly

_ROOT = Path(__file__).resolve().parent.parent
PICTURE = _ROOT / "docs/architecture.svg"

# by their prefix in IAM's actions; one that isn't here is shown by that
_SERVICES = {
    "cloudwatch": "CloudWatch",
    "dynamodb": "DynamoDB",
    "iam": "IAM",
    "kms": "KMS",
    "logs": "CloudWatch Logs",
    "sagemaker": "SageMaker",
    "secretsmanager": "Secrets Manager",
    "sqs": "SQS",
    "states": "Step Functions",
    "xray": "X-Ray",
}

_WIDTH, _MARGIN, _GAP = 960, 20, 14
_START_WIDTH, _START_HEIGHT = 260, 44
_BUS = _MARGIN + _START_WIDTH + 16  # where lines to a machine join
_PANEL = _BUS + 18
_COLUMNS = _PANEL + 172
_RIGHT = _WIDTH - _MARGIN
_LAST_HEAD = 34  # how far the last column's name, which is written aslant, goes beyond its column
_TOP = 112
_HEAD, _ROW, _LINE = 44, 24, 16
_BESIDE_A_BOX = _START_HEIGHT + _GAP / 2

_STYLE = """
    .bg { fill: #ffffff } .panel { fill: #f6f8fa; stroke: #d1d9e0 } .rule { stroke: #d1d9e0; stroke-width: 1 }
    .line { stroke: #57606a; stroke-width: 1.4; fill: none } .tip { fill: #57606a }
    .dot, .ring { stroke: #0969da; stroke-width: 1.6 } .dot { fill: #0969da } .ring { fill: #ffffff }
    .start { fill: #fff8c5; stroke: #9a6700 } .kept { fill: #dafbe1; stroke: #1a7f37 }
    .t { fill: #1f2328; font-size: 13px; font-weight: 600 } .n { fill: #1f2328; font-size: 12.5px }
    .s { fill: #57606a; font-size: 11.5px } .h { fill: #1f2328; font-size: 12px; font-weight: 600 }
    .e { text-anchor: end } .c { fill: #1f2328; font-size: 15px; font-weight: 600 }
    @media (prefers-color-scheme: dark) {
      .bg { fill: #0d1117 } .panel { fill: #161b22; stroke: #3d444d } .rule { stroke: #30363d }
      .line { stroke: #9198a1 } .tip { fill: #9198a1 }
      .start { fill: #3b2e06; stroke: #d29922 } .kept { fill: #0f3d1e; stroke: #3fb950 }
      .dot, .ring { stroke: #4493f8 } .dot { fill: #4493f8 } .ring { fill: #161b22 }
      .t, .n, .h, .c { fill: #e6edf3 } .s { fill: #b1bac4 }
    }
"""


def main() -> None:
    PICTURE.write_text(draw(_ROOT / "cdk.out"))


def draw(cloud_assembly: Path) -> str:
    """The picture of the assembly's first stack; the others differ in their region only."""
    return _Picture(read_architecture(load_assembly(cloud_assembly)[0])).svg()


class _Picture:
    def __init__(self, architecture: Architecture) -> None:
        self._of = architecture
        used = Counter(service for function in architecture.functions for service in function.allowed)
        # what most functions need comes first
        services = sorted(used, key=lambda service: (-used[service], service))
        width = (_RIGHT - _LAST_HEAD - _COLUMNS) / len(services)
        self._columns = {service: _COLUMNS + width * (n + 0.5) for n, service in enumerate(services)}
        self._parts: list[str] = []
        self._starts_end = 0.0  # where the last box on the left ends

    def svg(self) -> str:
        y = self._groups(_TOP)
        self._heads()
        height = self._keeps(self._notes(y)) + _MARGIN
        body = "\n  ".join(self._parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_n(height)}" role="img" '
            'aria-labelledby="t d" '
            "font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif\">\n"
            '  <title id="t">Sealpoint\'s architecture, and what each function may do</title>\n'
            f'  <desc id="d">{escape(" ".join(self._described()), quote=False)}</desc>\n'
            f"  <style>{_STYLE}  </style>\n"
            '  <defs><marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            'orient="auto"><path class="tip" d="M0 0 10 5 0 10z"/></marker></defs>\n'
            f'  <rect class="bg" width="{_WIDTH}" height="{_n(height)}"/>\n  {body}\n</svg>\n'
        )

    def _described(self) -> Iterator[str]:
        """The picture in words, for those who don't see it."""
        for start in self._of.starts:
            yield f"{start.name} ({start.kind}: {start.detail}) starts {start.target}."
        for machine in self._of.machines:
            yield f"The state machine {machine.name} invokes {_names(s.function for s in machine.steps)}."
            yield from (f"{name} starts it." for name in machine.started_by)
        yield f"Outside the state machines: {_names(self._of.other_functions)}."
        for service in self._columns:
            users = [function for function in self._of.functions if service in function.allowed]
            for verb, changes in (("change something", True), ("only read", False)):
                if names := _names(user for user in users if user.changes(service) is changes):
                    yield f"In {_SERVICES.get(service, service)} these may {verb}: {names}."
        for kept in self._of.kept:
            yield f"{kept.kind} {', '.join(_lines(kept))}."

    def _put(self, *parts: str) -> None:
        self._parts.extend(parts)

    # -- the groups of functions, and what starts them

    def _groups(self, y: float) -> float:
        for machine in self._of.machines:
            detail = ["state machine", f"{machine.state_count} states"]
            detail += [f"started by {name}" for name in machine.started_by]
            steps = [(step.function, "waits" if step.waits else "") for step in machine.steps]
            y = self._group(y, machine.name, " · ".join(detail), steps) + _GAP
        others = [(function, "") for function in self._of.other_functions]
        return self._group(y, "outside the state machines", "", others)

    def _group(self, y: float, name: str, detail: str, rows: Sequence[tuple[Function, str]]) -> float:
        place = len(self._parts)
        self._started(y, y + _HEAD / 2, [start for start in self._of.starts if start.target == name])
        self._put(_text("t", _PANEL + 12, y + 18, name))
        if detail:
            self._put(_text("s", _PANEL + 12, y + 35, detail))
        bottom = y + (_HEAD if detail else _HEAD - _LINE)
        for function, note in rows:
            starts = [start for start in self._of.starts if start.target == function.name]
            fits = not starts or (detail and self._starts_end + _BESIDE_A_BOX < bottom + _ROW)
            height = _ROW if fits else _BESIDE_A_BOX
            self._row(bottom, height, function, note)
            centre = bottom + height / 2
            self._started(centre - _START_HEIGHT / 2, centre, starts)
            bottom += height
        bottom = max(bottom + 6, self._starts_end)
        self._parts.insert(place, _box("panel", _PANEL, y, _RIGHT - _PANEL, bottom - y))
        return bottom

    def _row(self, top: float, height: float, function: Function, note: str) -> None:
        y = top + height / 2
        self._put(
            f'<path class="rule" d="M{_PANEL} {_n(top)}H{_RIGHT}"/>',
            _text("n", _PANEL + 12, y + 4, function.name),
        )
        if note:
            self._put(_text("s e", _COLUMNS, y + 4, note))
        for service, x in self._columns.items():
            if service in function.allowed:
                actions = ", ".join(function.allowed[service])
                self._put(_mark(x, y, changes=function.changes(service), title=f"{service}: {actions}"))

    def _started(self, top: float, target: float, starts: Sequence[Start]) -> None:
        """The boxes of what starts something at height `target`, one below the other from `top` on."""
        for start in starts:
            top = max(top, self._starts_end + _GAP / 2)
            self._start(top, start)
            centre = top + _START_HEIGHT / 2
            line = f"M{_MARGIN + _START_WIDTH} {_n(centre)}"
            if centre == target:
                self._put(f'<path class="line" marker-end="url(#a)" d="{line}H{_PANEL}"/>')
            else:
                self._put(f'<path class="line" d="{line}H{_BUS}V{_n(target)}"/>')
            self._starts_end = top + _START_HEIGHT

    def _start(self, y: float, start: Start) -> None:
        self._put(
            _box("start", _MARGIN, y, _START_WIDTH, _START_HEIGHT),
            _text("t", _MARGIN + 10, y + 18, start.name),
            _text("s e", _MARGIN + _START_WIDTH - 10, y + 18, start.kind),
            _text("s", _MARGIN + 10, y + 35, start.detail),
        )

    # -- around them

    def _heads(self) -> None:
        for x, words in (
            (_MARGIN, "What starts it"),
            (_PANEL, "What it does"),
            (_COLUMNS, "What each role allows"),
        ):
            self._put(_text("c", x, 30, words))
        for service, x in self._columns.items():
            name = _text("h", 0, 0, _SERVICES.get(service, service))
            self._put(f'<g transform="translate({_n(x)} {_TOP - 8}) rotate(-32)">{name}</g>')

    def _notes(self, y: float) -> float:
        y += 22
        services = " and ".join(_SERVICES.get(service, service) for service in self._of.common)
        self._put(
            _mark(_MARGIN + 8, y, changes=True),
            _text("s", _MARGIN + 20, y + 4, "may change something"),
            _mark(_MARGIN + 172, y, changes=False),
            _text("s", _MARGIN + 184, y + 4, "may only read"),
            _text("s e", _RIGHT, y + 4, f"Each function has a role of its own, and writes to {services}."),
            _text("c", _MARGIN, y + 40, "What holds something"),
        )
        return y + 54

    def _keeps(self, y: float) -> float:
        kept = self._of.kept
        width = (_RIGHT - _MARGIN - _GAP * (len(kept) - 1)) / len(kept)
        height = 32 + _LINE * max(len(_lines(one)) for one in kept)
        for n, one in enumerate(kept):
            x = _MARGIN + n * (width + _GAP)
            self._put(
                _box("kept", x, y, width, height),
                _text("t", x + 10, y + 20, one.kind),
                *(_text("s", x + 10, y + 38 + _LINE * at, line) for at, line in enumerate(_lines(one))),
            )
        return y + height


def _lines(kept: Kept) -> list[str]:
    return [kept.name, *kept.facts]


def _names(functions: Iterable[Function]) -> str:
    return ", ".join(function.name for function in functions)


def _box(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="8"/>'


def _mark(x: float, y: float, *, changes: bool, title: str = "") -> str:
    shown = f"<title>{escape(title, quote=False)}</title>" if title else ""
    return (
        f'<circle class="{"dot" if changes else "ring"}" cx="{_n(x)}" cy="{_n(y)}" r="5.5">{shown}</circle>'
    )


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}">{escape(text, quote=False)}</text>'


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


if __name__ == "__main__":
    main()
