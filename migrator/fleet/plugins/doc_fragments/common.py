"""What all modules have in common."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  worksheet:
    description: The worksheet of the job, a file of the machine that the module runs at.
    type: path
    required: true
  program:
    description: The program gwmigrate, as a path or as a name that C(PATH) has.
    type: path
    default: gwmigrate
  slots:
    description:
      - How many commands may be at work at the same time, by the name of what they share, such as a server.
      - The command waits until each of these names has a free slot, and holds one of each until it ends.
    type: dict
    default: {}
  slots_folder:
    description: Where the slots are, a folder of the machine that the module runs at; needed where I(slots) is given.
    type: path
notes:
  - Exit codes 0 and 3 are C(ok) or C(changed), 1 is C(ok) with I(findings), all others fail.  4 may be tried again.
  - Returned are I(exit_code); I(stopped), whether the command stopped before its end (with exit code 1 a person has to
    do something first); I(findings), up to 100 of what a person has to look at, and their number I(findings_count);
    I(counts), what was changed at the destination; I(next), the command that comes next, and I(back), how to go back;
    and I(result), what the command gave as C(gwmigrate --json) prints it, with lists cut to 100 entries.
  - The module runs at the controller, because gwmigrate goes to the destination itself.
"""
