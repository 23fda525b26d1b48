#!/usr/bin/python
"""gwmigrate stage-one"""

from __future__ import annotations

DOCUMENTATION = r"""
module: stage_one
short_description: Do all that can be done while users work
description:
  - Runs C(gwmigrate stage-one); run again, it makes another pass.
  - In check mode C(--plan) is given, and nothing is done.
  - Reports C(changed) where anything at the destination is another than before.
extends_documentation_fragment: gwmigrate.fleet.common
author: The authors of gwmigrate
options:
  over_seal:
    description:
      - Make a pass also where the destination is sealed, which takes the seal.
      - Otherwise such a job is left as it is; that is looked at once the slots are held.
    type: bool
    default: false
"""

EXAMPLES = r"""
- gwmigrate.fleet.stage_one:
    worksheet: /srv/fleet/sales/worksheet.toml
    slots_folder: /srv/fleet/slots
    slots:
      source nw1: 2
      destination lin1: 1
"""

RETURN = r"""# What all of them return, as the notes have it."""

from ansible_collections.gwmigrate.fleet.plugins.module_utils.gwmigrate import (
    Outcome,
    Parameters,
    run,
    state,
)

OPTIONS = {"over_seal": {"type": "bool", "default": False}}

# A pass over a sealed destination takes its seal; over one that users work at, gwmigrate refuses it.
TOO_FAR = ("sealed", "starting", "by-hand", "live")


def needless(asked: Outcome, parameters: Parameters) -> str | None:
    """Why no pass is wanted any more."""
    standing = state(asked)
    if standing not in TOO_FAR or parameters["over_seal"]:
        return None
    return f"The job is {standing}; no other pass was made"


def main() -> None:
    run(
        "stage-one",
        OPTIONS,
        changed=lambda outcome, _parameters: outcome.has_changed_a_tree,
        check_mode=lambda _parameters: ["--plan"],
        needless=needless,
    )


if __name__ == "__main__":
    main()
