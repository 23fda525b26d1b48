#!/usr/bin/python
"""gwmigrate status"""

from __future__ import annotations

DOCUMENTATION = r"""
module: status
short_description: Say where the job of a post office stands
description:
  - Runs C(gwmigrate status), also in check mode; changes nothing.
extends_documentation_fragment: gwmigrate.fleet.common
author: The authors of gwmigrate
"""

EXAMPLES = r"""
- gwmigrate.fleet.status:
    worksheet: /srv/fleet/sales/worksheet.toml
"""

RETURN = r"""
state:
  description: One of V(unknown), V(not-begun), V(abandoned), V(begun), V(copied), V(sealed), V(starting), V(by-hand) and V(live).
  returned: always
  type: str
at_work:
  description: What is at work on the job now; empty where nothing is.
  returned: always
  type: str
"""

from ansible_collections.gwmigrate.fleet.plugins.module_utils.gwmigrate import (
    Outcome,
    Parameters,
    at_work,
    run,
    state,
)


def more(outcome: Outcome, parameters: Parameters) -> dict[str, object]:
    """What the table of the site needs."""
    return {"state": state(outcome), "at_work": at_work(outcome)}


def main() -> None:
    run("status", check_mode=lambda _parameters: [], more=more)


if __name__ == "__main__":
    main()
