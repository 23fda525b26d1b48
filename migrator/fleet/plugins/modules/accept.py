#!/usr/bin/python
"""gwmigrate accept"""

from __future__ import annotations

DOCUMENTATION = r"""
module: accept
short_description: Say that a finding is known
description:
  - Runs C(gwmigrate accept); what was refused or not proven cannot be accepted.
  - Check mode skips it.
extends_documentation_fragment: gwmigrate.fleet.common
author: The authors of gwmigrate
options:
  code:
    description: The code of the finding.
    type: str
    required: true
  entry:
    description: What it is about, as it is shown.
    type: str
    default: ""
  all:
    description: Accept everything with this code, also what comes later.
    type: bool
    default: false
  withdraw:
    description: Take it back.
    type: bool
    default: false
  by:
    description: Who accepts it.
    type: str
  note:
    description: Why.
    type: str
"""

EXAMPLES = r"""
- gwmigrate.fleet.accept:
    worksheet: /srv/fleet/sales/worksheet.toml
    code: name-kept
    entry: OFFILES/FD1A/LINK
    by: Ann
    note: nobody opens it
"""

RETURN = r"""# What all of them return, as the notes have it."""

from ansible_collections.gwmigrate.fleet.plugins.module_utils.gwmigrate import Parameters, options_given, run


OPTIONS = {
    "code": {"type": "str", "required": True},
    "entry": {"type": "str", "default": ""},
    "all": {"type": "bool", "default": False},
    "withdraw": {"type": "bool", "default": False},
    "by": {"type": "str"},
    "note": {"type": "str"},
}


def arguments(parameters: Parameters) -> list[str]:
    words = [f"--{name}" for name in ("all", "withdraw") if parameters[name]]
    words += options_given(parameters, "by", "note")
    entry = [parameters["entry"]] if parameters["entry"] else []
    return [*words, "--", parameters["code"], *entry]


def main() -> None:
    run(
        "accept",
        OPTIONS,
        arguments,
        changed=lambda outcome, _parameters: outcome.is_whole,
        required_if=[("withdraw", False, ("by", "note"))],
    )


if __name__ == "__main__":
    main()
