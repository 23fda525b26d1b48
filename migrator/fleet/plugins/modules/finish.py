#!/usr/bin/python
"""gwmigrate finish"""

from __future__ import annotations

DOCUMENTATION = r"""
module: finish
short_description: Look at the source once more and start the Linux POA for users
description:
  - Runs C(gwmigrate finish); check mode skips it.
extends_documentation_fragment: gwmigrate.fleet.common
author: The authors of gwmigrate
options:
  source_is_gone:
    description: Do not look at the source any more, because it is gone for good.
    type: bool
    default: false
  by:
    description: Who says that the source is gone.
    type: str
  note:
    description: Why.
    type: str
"""

EXAMPLES = r"""
- gwmigrate.fleet.finish:
    worksheet: /srv/fleet/sales/worksheet.toml
"""

RETURN = r"""# What all of them return, as the notes have it."""

from ansible_collections.gwmigrate.fleet.plugins.module_utils.gwmigrate import Parameters, run


OPTIONS = {
    "source_is_gone": {"type": "bool", "default": False},
    "by": {"type": "str"},
    "note": {"type": "str"},
}


def arguments(parameters: Parameters) -> list[str]:
    if not parameters["source_is_gone"]:
        return []
    return ["--source-is-gone", f"--by={parameters['by']}", f"--note={parameters['note']}"]


def main() -> None:
    run(
        "finish",
        OPTIONS,
        arguments,
        changed=lambda outcome, _parameters: outcome.is_whole,
        required_if=[("source_is_gone", True, ("by", "note"))],
    )


if __name__ == "__main__":
    main()
