#!/usr/bin/python
"""gwmigrate queues"""

from __future__ import annotations

DOCUMENTATION = r"""
module: queues
short_description: Carry over what arrived in the queues of the source after stage two
description:
  - Runs C(gwmigrate queues); check mode skips it.
extends_documentation_fragment: gwmigrate.fleet.common
author: The authors of gwmigrate
"""

EXAMPLES = r"""
- gwmigrate.fleet.queues:
    worksheet: /srv/fleet/sales/worksheet.toml
"""

RETURN = r"""# What all of them return, as the notes have it."""

from ansible_collections.gwmigrate.fleet.plugins.module_utils.gwmigrate import run


def main() -> None:
    run("queues", changed=lambda outcome, _parameters: bool((outcome.result or {}).get("carried")))


if __name__ == "__main__":
    main()
