"""The filters of the collection; what they do is in plugin_utils."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.gwmigrate.fleet.plugins.plugin_utils import page
from ansible_collections.gwmigrate.fleet.plugins.plugin_utils import schedule as planning
from ansible_collections.gwmigrate.fleet.plugins.plugin_utils.toml import toml


def _schedule(post_offices: Iterable[Mapping[str, Any]], **limits: Any) -> dict[str, Any]:
    offices = [planning.PostOffice(**one) for one in post_offices]
    return planning.schedule(offices, planning.Limits(**limits))


def _refusing(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, with what it refuses said as Ansible says it."""

    def filtered(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except (TypeError, ValueError, KeyError) as error:
            raise AnsibleFilterError(f"gwmigrate.fleet.{name}: {error}") from error

    return filtered


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        found = {
            "toml": toml,
            "findings": page.findings,
            "checklist": page.checklist,
            "open_codes": page.open_codes,
            "schedule": _schedule,
            "schedule_table": planning.table,
            "schedule_inventory": planning.inventory,
            "status_row": page.row,
            "status_table": page.table,
            "status_page": page.page,
        }
        return {name: _refusing(name, function) for name, function in found.items()}
