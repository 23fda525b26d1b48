#!/usr/bin/python
"""gwmigrate lowercase"""

from __future__ import annotations

DOCUMENTATION = r"""
module: lowercase
short_description: Look at the renamings of stage two, or take them back
description:
  - Runs C(gwmigrate lowercase --plan), also in check mode, or C(--undo), which check mode skips.
extends_documentation_fragment: gwmigrate.fleet.common
author: The authors of gwmigrate
options:
  undo:
    description: Give renamed files and folders their old names again.
    type: bool
    default: false
"""

EXAMPLES = r"""
- gwmigrate.fleet.lowercase:
    worksheet: /srv/fleet/sales/worksheet.toml
"""

RETURN = r"""# What all of them return, as the notes have it."""

from ansible_collections.gwmigrate.fleet.plugins.module_utils.gwmigrate import run


OPTIONS = {"undo": {"type": "bool", "default": False}}


def main() -> None:
    run(
        "lowercase",
        OPTIONS,
        lambda parameters: ["--undo" if parameters["undo"] else "--plan"],
        changed=lambda outcome, parameters: parameters["undo"] and outcome.has_changed_a_tree,
        check_mode=lambda parameters: None if parameters["undo"] else ["--plan"],
    )


if __name__ == "__main__":
    main()
