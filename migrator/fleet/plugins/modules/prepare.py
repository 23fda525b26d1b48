#!/usr/bin/python
"""gwmigrate prepare"""

from __future__ import annotations

DOCUMENTATION = r"""
module: prepare
short_description: Stop the Linux POA and work off the checklist
description:
  - Runs C(gwmigrate prepare); I(result) is the checklist as it stands.
  - Nothing is confirmed but what I(confirm) names, and nothing that is seen to be otherwise.
  - Check mode skips it.
extends_documentation_fragment: gwmigrate.fleet.common
author: The authors of gwmigrate
options:
  confirm:
    description: Items of the checklist that a person has done and seen.
    type: list
    elements: str
    default: []
  withdraw:
    description: Items whose confirmation is taken back.
    type: list
    elements: str
    default: []
  by:
    description: Who confirms them.
    type: str
  note:
    description: What is to be remembered with it.
    type: str
"""

EXAMPLES = r"""
- gwmigrate.fleet.prepare:
    worksheet: /srv/fleet/sales/worksheet.toml
    confirm: [objects-reconfigured, ip-address]
    by: Ann
"""

RETURN = r"""# What all of them return, as the notes have it."""

from ansible_collections.gwmigrate.fleet.plugins.module_utils.gwmigrate import Parameters, options_given, run


OPTIONS = {
    "confirm": {"type": "list", "elements": "str", "default": []},
    "withdraw": {"type": "list", "elements": "str", "default": []},
    "by": {"type": "str"},
    "note": {"type": "str"},
}


def arguments(parameters: Parameters) -> list[str]:
    words = [f"--{what}={item}" for what in ("confirm", "withdraw") for item in parameters[what]]
    return words + options_given(parameters, "by", "note")


def main() -> None:
    run(
        "prepare",
        OPTIONS,
        arguments,
        changed=lambda outcome, parameters: outcome.is_whole and bool(parameters["confirm"] or parameters["withdraw"]),
    )


if __name__ == "__main__":
    main()
