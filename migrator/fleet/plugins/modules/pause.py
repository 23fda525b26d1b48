#!/usr/bin/python
"""gwmigrate pause"""

from __future__ import annotations

DOCUMENTATION = r"""
module: pause
short_description: Halt the worker that is at work
description:
  - Runs C(gwmigrate pause); check mode skips it.
extends_documentation_fragment: gwmigrate.fleet.common
author: The authors of gwmigrate
"""

EXAMPLES = r"""
- gwmigrate.fleet.pause:
    worksheet: /srv/fleet/sales/worksheet.toml
"""

RETURN = r"""# What all of them return, as the notes have it."""

from ansible_collections.gwmigrate.fleet.plugins.module_utils.gwmigrate import DONE, run


def main() -> None:
    run("pause", changed=lambda outcome, _parameters: outcome.exit_code == DONE)


if __name__ == "__main__":
    main()
