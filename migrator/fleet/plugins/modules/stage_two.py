#!/usr/bin/python
"""gwmigrate stage-two"""

from __future__ import annotations

DOCUMENTATION = r"""
module: stage_two
short_description: Do what must be done while users are out, and seal the result
description:
  - Runs C(gwmigrate stage-two), which refuses while an item of the checklist is not confirmed.
  - In check mode C(--plan) is given, and nothing is done.
extends_documentation_fragment: gwmigrate.fleet.common
author: The authors of gwmigrate
"""

EXAMPLES = r"""
- gwmigrate.fleet.stage_two:
    worksheet: /srv/fleet/sales/worksheet.toml
"""

RETURN = r"""# What all of them return, as the notes have it."""

from ansible_collections.gwmigrate.fleet.plugins.module_utils.gwmigrate import run


def main() -> None:
    run(
        "stage-two",
        changed=lambda outcome, _parameters: outcome.is_whole or outcome.has_changed_a_tree,
        check_mode=lambda _parameters: ["--plan"],
    )


if __name__ == "__main__":
    main()
