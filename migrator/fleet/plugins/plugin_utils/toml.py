"""Writes the settings of a worksheet as TOML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        # A basic string of TOML is one of JSON, but for this character.
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_value(str(name))} = {_value(one)}" for name, one in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    raise ValueError(f"a worksheet has nothing like {value!r}")


def _table(header: str, settings: Mapping[str, Any]) -> str:
    lines = [f"{name} = {_value(value)}" for name, value in settings.items() if value is not None]
    return "\n".join([header, *lines]) + "\n"


def toml(sheet: Mapping[str, Any]) -> str:
    """A worksheet from its sections; a section that is a list is written once for each of its entries.

    A setting that is null is left out.  Raises ValueError for what no worksheet can hold.
    """
    tables = []
    for name, section in sheet.items():
        if isinstance(section, Mapping):
            tables.append(_table(f"[{name}]", section))
        elif isinstance(section, (list, tuple)):
            tables.extend(_table(f"[[{name}]]", one) for one in section)
        else:
            raise ValueError(f"{name} is no section of settings")
    return "\n".join(tables)
