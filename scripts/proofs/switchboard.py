"""All faults in one build: the number in `block.prevrandao` says which of them is on.

Compiling takes seconds and a test run a fraction of one, so the faults of most lines are compiled
together, each behind a switch, and Forge is told the number. No test and no contract reads
`prevrandao` otherwise. Lines that are no whole statement have no place for a switch; their faults
are compiled one by one.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scripts.proofs.mutants import Mutant

_PURE: Final = re.compile(r"\bpure\b")
_DECLARATION: Final = re.compile(r"^(\s*)((?:[\w.]+(?:\[\])?)(?: memory| storage)?) (\w+) = (.+);$")
_TUPLE: Final = re.compile(r"^\s*\(\w+(?: memory)? \w+, ")
_BRANCH: Final = re.compile(r"^(\s*)if \((.+)\) \{$")
_NO_TYPE: Final = {"return", "emit", "delete", "revert", "using", "else"}
_ENDS: Final = (";", "{", "}")


class Switchboard:
    """Sources with switches. `numbers` are the faults' own, `switched` those that have a switch."""

    def __init__(self, root: Path, mutants: list[Mutant]) -> None:
        self.numbers = {mutant.key: number for number, mutant in enumerate(mutants, start=1)}
        self.switched: set[str] = set()
        self.dropped: set[str] = set()
        self._root = root
        self._mutants = mutants
        self._owners: dict[tuple[str, int], str] = {}

    def drop(self, keys: set[str]) -> None:
        """Leave out faults that do not compile."""
        self.dropped |= keys
        self._mutants = [mutant for mutant in self._mutants if mutant.key not in keys]

    def owner_of(self, file: str, line: int) -> str | None:
        """Whose fault stands in a line of the written sources."""
        return self._owners.get((file, line))

    def write(self, folder: Path) -> None:
        """Write all sources below `folder`; a pure function becomes one that may look."""
        self._owners.clear()
        by_line: dict[tuple[str, int], list[Mutant]] = defaultdict(list)
        for mutant in self._mutants:
            by_line[mutant.file, mutant.line].append(mutant)
        switched: set[str] = set()
        for file in sorted((self._root / "contracts").rglob("*.sol")):
            name = str(file.relative_to(self._root))
            written: list[str] = []
            lines = file.read_text("utf-8").split("\n")
            for number in range(1, len(lines) + 1):
                mutants = by_line.get((name, number), [])
                parts = _switched(lines, number, [(self.numbers[m.key], m) for m in mutants])
                for text, key in parts:
                    written.append(_PURE.sub("view", text))
                    if key:
                        switched.add(key)
                        self._owners[name, len(written)] = key
            (folder / name).write_text("\n".join(written), "utf-8")
        for file in sorted((self._root / "tests" / "contracts").glob("*.sol")):
            target = folder / file.relative_to(self._root)
            target.write_text(_PURE.sub("view", file.read_text("utf-8")), "utf-8")
        self.switched = switched


def _switched(
    lines: list[str], number: int, mutants: list[tuple[int, Mutant]]
) -> Iterator[tuple[str, str | None]]:
    """The lines that stand for one line, each with the key of the fault that it is."""
    line = lines[number - 1]
    if not mutants or not _is_whole(lines, number):
        yield line, None
    elif _in_assembly(lines, number):
        if line.strip().startswith(("let ", "for ")) or not line.strip():
            yield line, None
            return
        yield "switch prevrandao()", None
        for place, mutant in mutants:
            yield f"case {place} {{ {mutant.after.strip()} }}", mutant.key
        yield f"default {{ {line} }}", None
    elif branch := _BRANCH.match(line):
        yield f"{branch[1]}if (", None
        for place, mutant in mutants:
            changed = _BRANCH.match(mutant.after)
            if changed:
                yield f"block.prevrandao == {place} ? ({changed[2]}) :", mutant.key
        yield f"({branch[2]})) {{", None
    elif line.rstrip().endswith(";") and not _TUPLE.match(line):
        yield from _switched_statement(line, mutants)
    else:
        yield line, None


def _switched_statement(
    line: str, mutants: list[tuple[int, Mutant]]
) -> Iterator[tuple[str, str | None]]:
    declared = _DECLARATION.match(line)
    if declared and declared[2].split()[0] in _NO_TYPE:
        declared = None
    if declared:
        yield f"{declared[1]}{declared[2]} {declared[3]};", None
    for place, mutant in mutants:
        text = mutant.after.strip()
        if declared:
            changed = _DECLARATION.match(mutant.after)
            text = f"{changed[3]} = {changed[4]};" if changed else "%"
        yield f"if (block.prevrandao == {place}) {{ {text} }} else", mutant.key
    rest = f"{declared[3]} = {declared[4]};" if declared else line.strip()
    yield f"{{ {rest} }}", None


def _is_whole(lines: list[str], number: int) -> bool:
    """Whether the line begins where another statement or block ended, inside a function."""
    for line in reversed(lines[: number - 1]):
        code = line.partition("//")[0].strip()
        if code and not code.startswith(("///", "*")):
            return code.endswith(_ENDS) and not _at_contract_level(lines, number)
    return False


def _at_contract_level(lines: list[str], number: int) -> bool:
    return not lines[number - 1].startswith(" " * 8)


def _in_assembly(lines: list[str], number: int) -> bool:
    depth = 0
    for line in reversed(lines[: number - 1]):
        depth += line.count("}") - line.count("{")
        if depth < 0:
            if re.search(r"\bassembly\b", line):
                return True
            if re.search(r"\bfunction\b|^    \)|^    \{|\bconstructor\b", line):
                return False
            depth = 0
    return False
