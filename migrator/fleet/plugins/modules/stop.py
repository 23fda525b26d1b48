#!/usr/bin/python
"""gwmigrate stop"""

from __future__ import annotations

DOCUMENTATION = r"""
module: stop
short_description: End the worker that is at work in order
description:
  - Runs C(gwmigrate stop); check mode skips it.
extends_documentation_fragment: gwmigrate.fleet.common
author: The authors of gwmigrate
"""

EXAMPLES = r"""
- gwmigrate.fleet.stop:
    worksheet: /srv/fleet/sales/worksheet.toml
"""

RETURN = r"""# What all of them return, as the notes have it."""

from ansible_collections.gwmigrate.fleet.plugins.module_utils.gwmigrate import DONE, run


def main() -> None:
    run("stop", changed=lambda outcome, _parameters: outcome.exit_code == DONE)


if __name__ == "__main__":
    main()
