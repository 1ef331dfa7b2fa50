"""Ours and the peers beside each other: gas, times ours, times the floor."""

from collections.abc import Mapping
from typing import Any, Final

Figures = Mapping[str, float]

COLUMNS: Final = {
    "issue": "issue",
    "batch100_per_document": "each of 100",
    "anchor_one": "bare hash",
    "anchor1000_per_document": "each of 1000",
    "amend": "amend",
    "revoke": "revoke",
    "revoke_leaf_of_1000": "revoke leaf",
    "assign_two_consents": "assign",
    "new_slots_issue": "new slots",
}


def comparison(*, ours: Figures, floor: Figures, peers: Mapping[str, Figures]) -> dict[str, Any]:
    """The object that `--json` prints."""
    return {
        "ours": ours,
        "peers": peers,
        "floor": floor,
        "ratio_to_ours": {name: _ratio(found, ours) for name, found in peers.items()},
        "ratio_to_floor": {
            name: _ratio(found, floor) for name, found in {"ours": ours, **peers}.items()
        },
    }


def render(compared: Mapping[str, Any], *, targets: Figures) -> str:
    """The tables that are printed."""
    ours, floor, peers = compared["ours"], compared["floor"], compared["peers"]
    lines = [f"{'ours':<40}{'gas':>12}{'at most':>12}{'floor':>12}{'x floor':>9}"]
    for name, value in ours.items():
        limit = f"{targets[name]:,}" if name in targets else ""
        ratio = compared["ratio_to_floor"]["ours"][name]
        lines.append(f"{name:<40}{value:12,.1f}{limit:>12}{floor[name]:12,.1f}{ratio:9.3f}")
    if not peers:
        return "\n".join(lines)
    rows = {"ours": ours, **peers}
    lines += ["", *_table("gas", {"floor": floor, **rows}, digits=0)]
    lines += ["", *_table("times ours", compared["ratio_to_ours"], digits=2)]
    lines += ["", *_table("times the floor", compared["ratio_to_floor"], digits=2)]
    return "\n".join(lines)


def page_table(*, ours: Figures, floor: Figures, targets: Figures) -> str:
    """Our figures as the documentation has them."""
    lines = ["| | gas | at most | floor | times the floor |", "|---|---|---|---|---|"]
    for name, value in ours.items():
        digits = 0 if value > 1000 or value == int(value) else 1
        limit = f"{targets[name]:,}" if name in targets else "-"
        ratio = f"{value / floor[name]:.3f}"
        lines.append(
            f"| `{name}` | {value:,.{digits}f} | {limit} | {floor[name]:,.{digits}f} | {ratio} |"
        )
    return "\n".join(lines)


def _table(title: str, rows: Mapping[str, Figures], *, digits: int) -> list[str]:
    lines = [f"{title:<32}" + "".join(f"{column:>13}" for column in COLUMNS.values())]
    for name, figures in rows.items():
        cells = [_cell(figures.get(column), column, digits=digits) for column in COLUMNS]
        lines.append(f"{name:<32}" + "".join(f"{cell:>13}" for cell in cells))
    return lines


def _cell(value: float | None, column: str, *, digits: int) -> str:
    if value is None:
        return "-"
    small = column == "anchor1000_per_document" and not digits
    return f"{value:,.{1 if small else digits}f}"


def _ratio(figures: Figures, to: Figures) -> dict[str, float]:
    return {name: round(value / to[name], 4) for name, value in figures.items() if to.get(name)}
