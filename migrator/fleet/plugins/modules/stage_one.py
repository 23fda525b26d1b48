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

from ansible_collections.gwmigrate.fleet.plugins.module_utils.gwmigrate import run


def main() -> None:
    run(
        "stage-one",
        changed=lambda outcome, _parameters: outcome.has_changed_a_tree,
        check_mode=lambda _parameters: ["--plan"],
    )



if __name__ == "__main__":
    main()
