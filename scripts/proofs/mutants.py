"""Small faults for the contracts' sources: what one wrong word could make of them.

Every fault is one replacement in one line, of each line the first few: a check or a statement left
out, a condition turned, another role, another operator, another constant, arguments swapped. What
does not compile is no mutant. Left alone are comments, strings, imports, declarations, and the
interfaces, which hold no code.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CONTRACTS: Final = (
    *("PackedRecord", "Issuers", "ProvenanceToken", "Anchors", "Recovery"),
    *("ExportContract", "ProductContent"),
)

MOST_IN_A_LINE: Final = 3

_COMPARISONS: Final = {
    "==": ("!=",), "!=": ("==",), "<": ("<=", ">="), ">": (">=", "<="), "<=": ("<",), ">=": (">",),
}  # fmt: skip
_OPERATORS: Final = _COMPARISONS | {
    "&&": ("||",), "||": ("&&",), "+": ("-",), "-": ("+",), "*": ("/",), "/": ("*",),
    "&": ("|",), "|": ("&",), "<<": (">>",), ">>": ("<<",), "++": ("--",),
}  # fmt: skip
_OPERATOR: Final = re.compile(
    r"(?<= )(?:==|!=|<=|>=|&&|\|\||<<|>>|[-+*/&|<>])(?= )|(?<![\w+])\+\+(?=\w)"
)
_ASSEMBLY: Final = {
    "add": "sub", "sub": "add", "or": "and", "and": "or", "shl": "shr", "shr": "shl", "lt": "gt",
    "eq": "lt",
}  # fmt: skip
_INSTRUCTION: Final = re.compile(r"\b(add|sub|or|and|shl|shr|lt|eq)\(")
_NUMBER: Final = re.compile(r"(?<![\w.])(0x[0-9a-f]+|\d[\d_]*)\b")
_BOOLEAN: Final = re.compile(r"\b(true|false)\b")
_NEGATION: Final = re.compile(r"!(?=[\w(])|~(?=[\w(])|\biszero(?=\()")
_ROLE: Final = re.compile(r" onlyRole\((\w+)\)")
_ARGUMENTS: Final = re.compile(
    r"(?<=[\w\])]\()(?<!\badd\()(?<!\band\()(?<!\bor\()(?<!\beq\()"
    r"(?P<first>[\w.\[\]]+(?:\(\w*\))?), "
    r"(?!(?P=first)[,)])(?P<second>[\w.\[\]]+(?:\(\w*\))?)(?=[,)])"
)
"""Two arguments that differ, of what does not take them in either order."""
_STATUS: Final = re.compile(r"\bStatus\.(Active|Suspended|Revoked|Unknown)\b")
_STATEMENT: Final = re.compile(
    r"^\s*(?:if \(.+\) (?:revert .+|return\b.*|data = .+|\(.+|[_a-z]\w*\(.+);"
    r"|emit .+;|delete .+;|(?:[_a-z][\w.]*(?:\[.+?\])* = .+);|\(.+\) = .+;"
    r"|_\w+\(.*\);|\+\+.+;|(?:mstore|sstore|log\d|calldatacopy)\(.+\)|revert .+;"
    r"|\w+ := .+)\s*$"
)
_REFUSAL: Final = re.compile(r"^\s*if \([^&|]+\) (?:revert|return)\b")
"""A check of one condition: without it says all that a turned one would, and more."""
_SKIPPED: Final = re.compile(
    r"^\s*(?://|\)|\*|/\*|import |pragma |error |event |type |using |struct |abstract |contract "
    r"|library |mapping\(|\} from|address issuer;|uint16 index;|@)"
)
_DECLARED: Final = re.compile(r"^\s*(?:function (\w+)|(constructor)\b)")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: in line `line` (from 1) of `file`, columns `start` to `end` become `text`."""

    file: str
    line: int
    start: int
    end: int
    text: str
    function: str
    before: str

    @property
    def after(self) -> str:
        """The line as it is with the fault."""
        return f"{self.before[: self.start]}{self.text}{self.before[self.end :]}"

    @property
    def key(self) -> str:
        """What names the fault as long as the line is the same, wherever it stands."""
        return f"{self.file}:{self.function}: {self.before.strip()} => {self.after.strip()}"

    def apply(self, source: str) -> str:
        """The whole source with the fault."""
        lines = source.split("\n")
        lines[self.line - 1] = self.after
        return "\n".join(lines)


def mutants_of(root: Path) -> list[Mutant]:
    """All faults of the contracts below `root`, each once; of two lines alike, those of one."""
    found: dict[str, Mutant] = {}
    for name in CONTRACTS:
        file = f"contracts/{name}.sol"
        for mutant in _of(file, (root / file).read_text("utf-8")):
            found.setdefault(mutant.key, mutant)
    return list(found.values())


def _of(file: str, source: str) -> Iterator[Mutant]:
    function = ""
    for number, line in enumerate(source.split("\n"), start=1):
        if declared := _DECLARED.match(line):
            function = declared[1] or declared[2]
        if not line.strip() or _SKIPPED.match(line):
            continue
        code = _without_words(line)
        changes = dict.fromkeys(_changes(code, declares=bool(declared)))
        for start, end, text in list(changes)[:MOST_IN_A_LINE]:
            yield Mutant(file, number, start, end, text, function, line)


def _changes(code: str, *, declares: bool) -> Iterator[tuple[int, int, str]]:
    for found in _ROLE.finditer(code):
        yield found.start(), found.end(), ""
        other = "PAUSER_ROLE" if found[1] != "PAUSER_ROLE" else "REGISTRAR_ROLE"
        yield found.start(1), found.end(1), other
    if declares or code.strip().startswith(("returns", "override(")):
        return
    if _STATEMENT.match(code):
        yield len(code) - len(code.lstrip()), len(code.rstrip()), ""
    refusal = _REFUSAL.match(code) is not None
    for found in _OPERATOR.finditer(code):
        if refusal and found[0] in ("==", "!="):
            continue
        for text in _OPERATORS[found[0]]:
            yield found.start(), found.end(), text
    for found in _INSTRUCTION.finditer(code):
        yield found.start(1), found.end(1), _ASSEMBLY[found[1]]
    for found in () if refusal else _NEGATION.finditer(code):
        yield found.start(), found.end(), ""
    for found in _BOOLEAN.finditer(code):
        yield found.start(), found.end(), "false" if found[0] == "true" else "true"
    for found in _ARGUMENTS.finditer(code):
        yield found.start(1), found.end(2), f"{found['second']}, {found['first']}"
    for found in _STATUS.finditer(code):
        other = "Suspended" if found[1] == "Active" else "Active"
        yield found.start(1), found.end(1), other
    for found in () if refusal else list(_NUMBER.finditer(code))[-1:]:
        yield found.start(), found.end(), _next(found[0])


def _next(number: str) -> str:
    if number.startswith("0x"):
        return f"0x{int(number, 16) + 1:0{len(number) - 2}x}"
    return str(int(number.replace("_", "")) + 1)


def _without_words(line: str) -> str:
    """The line with its strings and its comment blanked, every column where it was."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', lambda found: "\0" * len(found[0]), line)
    comment = bare.find("//")
    return bare if comment < 0 else bare[:comment]
