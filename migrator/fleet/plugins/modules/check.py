#!/usr/bin/python
"""gwmigrate check"""

from __future__ import annotations

DOCUMENTATION = r"""
module: check
short_description: Look at both servers before anything is changed
description:
  - Runs C(gwmigrate check), also in check mode; it leaves both sides as they were.
extends_documentation_fragment: gwmigrate.fleet.common
author: The authors of gwmigrate
options:
  keep:
    description: Where the last line of C(gwmigrate --json check) is kept, which has the estimate.
    type: path
"""

EXAMPLES = r"""
- gwmigrate.fleet.check:
    worksheet: /srv/fleet/sales/worksheet.toml
    keep: /srv/fleet/sales/check.json
"""

RETURN = r"""
kept:
  description: Whether the file of I(keep) was written.
  returned: success
  type: bool
"""

import os

from ansible_collections.gwmigrate.fleet.plugins.module_utils.gwmigrate import (
    Outcome,
    Parameters,
    run,
)


OPTIONS = {"keep": {"type": "path"}}


def keep(outcome: Outcome, parameters: Parameters) -> dict[str, bool]:
    """Keeps the last line, where the check came to an end, for the schedule and for `gwmigrate report --check`."""
    file = parameters["keep"]
    if not file or not outcome.is_whole:
        return {"kept": False}
    unfinished = file + ".new"
    with open(unfinished, "w", encoding="utf-8") as written:
        written.write(outcome.line)
    os.replace(unfinished, file)
    return {"kept": True}


def main() -> None:
    run("check", OPTIONS, check_mode=lambda _parameters: [], more=keep)


if __name__ == "__main__":
    main()
