#!/usr/bin/python
"""gwmigrate abandon"""

from __future__ import annotations

DOCUMENTATION = r"""
module: abandon
short_description: Undo the job at the destination
description:
  - Runs C(gwmigrate abandon); without I(undo), and in check mode, it only shows what would be undone.
extends_documentation_fragment: gwmigrate.fleet.common
author: The authors of gwmigrate
options:
  undo:
    description: Do it.
    type: bool
    default: false
"""

EXAMPLES = r"""
- gwmigrate.fleet.abandon:
    worksheet: /srv/fleet/sales/worksheet.toml
"""

RETURN = r"""# What all of them return, as the notes have it."""

from ansible_collections.gwmigrate.fleet.plugins.module_utils.gwmigrate import run


OPTIONS = {"undo": {"type": "bool", "default": False}}


def main() -> None:
    run(
        "abandon",
        OPTIONS,
        lambda parameters: ["--yes"] if parameters["undo"] else [],
        changed=lambda outcome, parameters: parameters["undo"] and outcome.is_whole,
        check_mode=lambda _parameters: [],
    )


if __name__ == "__main__":
    main()
