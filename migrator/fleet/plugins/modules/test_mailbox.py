#!/usr/bin/python
"""gwmigrate test-mailbox"""

from __future__ import annotations

DOCUMENTATION = r"""
module: test_mailbox
short_description: Compare a mailbox on both servers over IMAP
description:
  - Runs C(gwmigrate test-mailbox); check mode skips it.
extends_documentation_fragment: gwmigrate.fleet.common
author: The authors of gwmigrate
"""

EXAMPLES = r"""
- gwmigrate.fleet.test_mailbox:
    worksheet: /srv/fleet/sales/worksheet.toml
"""

RETURN = r"""# What all of them return, as the notes have it."""

from ansible_collections.gwmigrate.fleet.plugins.module_utils.gwmigrate import run


def main() -> None:
    run("test-mailbox")


if __name__ == "__main__":
    main()
