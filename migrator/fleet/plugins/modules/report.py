#!/usr/bin/python
"""gwmigrate report"""

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Read everything that is known about a job, or write it as a page
description:
  - Runs C(gwmigrate report), also in check mode; without I(html) it changes nothing.
  - In check mode no page is written.
extends_documentation_fragment: gwmigrate.fleet.common
author: The authors of gwmigrate
options:
  html:
    description: Where the page of the job is written.
    type: path
  check:
    description: What M(gwmigrate.fleet.check) kept; the page shows its estimate.
    type: path
"""

EXAMPLES = r"""
- gwmigrate.fleet.report:
    worksheet: /srv/fleet/sales/worksheet.toml
    html: /srv/fleet/sales/report.html
"""

RETURN = r"""# What all of them return, as the notes have it."""

from ansible_collections.gwmigrate.fleet.plugins.module_utils.gwmigrate import Parameters, options_given, run


OPTIONS = {"html": {"type": "path"}, "check": {"type": "path"}}


def arguments(parameters: Parameters) -> list[str]:
    return options_given(parameters, "html", "check")


def main() -> None:
    run(
        "report",
        OPTIONS,
        arguments,
        changed=lambda outcome, parameters: bool(parameters["html"]) and outcome.is_whole,
        check_mode=lambda _parameters: [],
        required_by={"check": ("html",)},
    )


if __name__ == "__main__":
    main()
