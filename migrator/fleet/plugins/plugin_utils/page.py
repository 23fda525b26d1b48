"""The table and the page of a whole site."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

# How far a job has come, in that order.
STATES = ("unknown", "not-begun", "abandoned", "begun", "copied", "sealed", "starting", "by-hand", "live")

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --bad: #c22; --good: #2a7; }
@media (prefers-color-scheme: dark) { :root { --bad: #f77; --good: #5d9; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 1rem auto; max-width: 75rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem .35rem 0; text-align: left; vertical-align: top; }
.unknown, .starting { color: var(--bad); font-weight: bold; } .by-hand, .live { color: var(--good); font-weight: bold; }
@media (max-width: 45rem) {
  thead { display: none; } tr { display: block; border-bottom: 2px solid var(--line); padding: .5rem 0; }
  td { display: grid; grid-template-columns: 7rem 1fr; border: 0; padding: .1rem 0; overflow-wrap: anywhere; }
  td::before { content: attr(data-name); opacity: .7; font-weight: normal; color: CanvasText; }
}
"""
_COLUMNS = ("Post office", "Source", "Destination", "State", "Findings", "Next")


def row(answer: Mapping[str, Any], name: str, source: str, destination: str, page: str | None = None) -> dict[str, Any]:
    """One post office, from what the module `status` returned; `page` is the page of its job, seen from that of the site."""
    result = answer.get("result") or {}
    state = answer.get("state", "unknown")
    found = ", ".join(open_codes(answer))
    if state == "unknown":
        found = answer.get("msg", "It could not be asked")
    return {
        "name": name,
        "source": source,
        "destination": destination,
        "state": state,
        "at_work": answer.get("at_work", ""),
        "findings": found,
        "next": result.get("next") or "",
        "page": page,
    }


def _sorted(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(rows, key=lambda one: (STATES.index(one["state"]), one["name"]))


def _summary(rows: Sequence[Mapping[str, Any]]) -> str:
    counted = Counter(one["state"] for one in rows)
    parts = [f"{counted[state]} {state}" for state in STATES if counted[state]]
    return f"{len(rows)} post offices: " + ", ".join(parts)


def _cells(one: Mapping[str, Any]) -> tuple[str, ...]:
    state = f"{one['state']} ({one['at_work']})" if one["at_work"] else one["state"]
    return (one["name"], one["source"], one["destination"], state, one["findings"], one["next"])


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The post offices in lines, those that have come least far first."""
    cells = [_COLUMNS] + [_cells(one) for one in _sorted(rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_COLUMNS) - 2)]
    lines = []
    for line in cells:
        front = "  ".join(cell.ljust(width) for cell, width in zip(line, widths))
        back = "; ".join(cell for cell in line[-2:] if cell)
        lines.append(f"{front}  {back}".rstrip())
    return [*lines, _summary(rows)]


def page(rows: Sequence[Mapping[str, Any]], title: str, written: str) -> str:
    """The post offices as one file for a browser that needs no other; `written` says when."""
    body = []
    for one in _sorted(rows):
        name, *others = (escape(cell) for cell in _cells(one))
        if one["page"]:
            name = f'<a href="{escape(one["page"])}">{name}</a>'
        classes = ("", "", "", escape(one["state"]), "", "")
        columns = zip(_COLUMNS, classes, (name, *others))
        tds = "".join(f'<td data-name="{column}" class="{kind}"><span>{cell}</span></td>' for column, kind, cell in columns)
        body.append(f"<tr>{tds}</tr>")
    heads = "".join(f"<th>{column}</th>" for column in _COLUMNS)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n"
        f"<h1>{escape(title)}</h1><p>{escape(_summary(rows))}; as of {escape(written)}</p>\n"
        f"<table><thead><tr>{heads}</tr></thead><tbody>\n" + "\n".join(body) + "\n</tbody></table></body></html>\n"
    )


def findings(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Findings in lines, each with what to do."""
    lines = []
    for one in found:
        about = f" {one['subject']}" if one.get("subject") else ""
        lines.append(f"[{one['code']}]{about}: {one['text']}. {one['remedy']}")
    return lines


def checklist(items: Sequence[Mapping[str, Any]]) -> list[str]:
    """A checklist in lines, a mark for each item that is confirmed."""
    lines = []
    for item in items:
        confirmed = item["confirmed"]
        by = f" (confirmed by {confirmed['by']})" if confirmed else ""
        seen = f"; seen now: {item['probed']['seen']}" if item.get("probed") else ""
        lines.append(f"[{'x' if confirmed else ' '}] {item['name']}: {item['text']}{seen}{by}")
    return lines


def open_codes(answer: Mapping[str, Any]) -> list[str]:
    """What a person has to look at, by code, from what the module `status` returned."""
    found = (answer.get("result") or {}).get("findings") or []
    return [f"{one['open']} {one['code']}" for one in found if one["open"]]
