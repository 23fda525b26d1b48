#!/usr/bin/python
"""gwmigrate verify"""

from __future__ import annotations

DOCUMENTATION = r"""
module: verify
short_description: Compare the destination with its seal, or the source with what was proven of it
description:
  - Runs C(gwmigrate verify); check mode skips it.
extends_documentation_fragment: gwmigrate.fleet.common
author: The authors of gwmigrate
options:
  source:
    description: Read what of the source was not read since it came to rest.
    type: bool
    default: false
  fetch:
    description: Bring what the source has of this entry into the job folder.
    type: str
"""

EXAMPLES = r"""
- gwmigrate.fleet.verify:
    worksheet: /srv/fleet/sales/worksheet.toml
    source: true
"""

RETURN = r"""# What all of them return, as the notes have it."""

from ansible_collections.gwmigrate.fleet.plugins.module_utils.gwmigrate import Parameters, options_given, run


OPTIONS = {"source": {"type": "bool", "default": False}, "fetch": {"type": "str"}}


def arguments(parameters: Parameters) -> list[str]:
    words = ["--source"] if parameters["source"] else []
    return words + options_given(parameters, "fetch")


def main() -> None:
    run(
        "verify",
        OPTIONS,
        arguments,
        changed=lambda outcome, parameters: bool(parameters["fetch"]) and outcome.is_whole,
        mutually_exclusive=[("source", "fetch")],
    )


if __name__ == "__main__":
    main()
