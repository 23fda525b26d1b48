#!/usr/bin/python
"""gwmigrate resume"""

from __future__ import annotations

DOCUMENTATION = r"""
module: resume
short_description: Let a paused worker go on
description:
  - Runs C(gwmigrate resume); check mode skips it.
extends_documentation_fragment: gwmigrate.fleet.common
author: The authors of gwmigrate
"""

EXAMPLES = r"""
- gwmigrate.fleet.resume:
    worksheet: /srv/fleet/sales/worksheet.toml
"""

RETURN = r"""# What all of them return, as the notes have it."""

from ansible_collections.gwmigrate.fleet.plugins.module_utils.gwmigrate import DONE, run


def main() -> None:
    run("resume", changed=lambda outcome, _parameters: outcome.exit_code == DONE)


if __name__ == "__main__":
    main()
