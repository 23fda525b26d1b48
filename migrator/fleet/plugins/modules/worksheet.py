#!/usr/bin/python
"""Documentation of an action; the code is in plugins/action/worksheet.py"""

from __future__ import annotations

DOCUMENTATION = r"""
module: worksheet
short_description: Write the worksheet of a post office
description:
  - Writes the file at the controller, readable by its owner alone, and also in check mode, as a plan needs it.
author: The authors of gwmigrate
options:
  path:
    description: The file; the folders above it are made.
    type: path
    required: true
  text:
    description: What the worksheet says.
    type: str
    required: true
"""

EXAMPLES = r"""
- gwmigrate.fleet.worksheet:
    path: /srv/fleet/sales.toml
    text: "{{ lookup('ansible.builtin.template', 'worksheet.toml.j2') }}"
"""

RETURN = r"""# Whether it is another than before.
"""
