"""Writes a worksheet; what it is for is in modules/worksheet.py.

At the controller, without a module: a site has hundreds of them, and each module is a program to start.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase


def write(file: Path, text: str) -> bool:
    """Writes a file that only its owner reads, whole or not at all; says whether it is another than before."""
    if file.is_file() and file.read_text(encoding="utf-8") == text:
        return False
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, delete=False) as unfinished:
        unfinished.write(text)
    os.replace(unfinished.name, file)
    return True


class ActionModule(ActionBase):
    """What Ansible looks for."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset(("path", "text"))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            {"path": {"type": "path", "required": True}, "text": {"type": "str", "required": True}}
        )
        try:
            result["changed"] = write(Path(given["path"]), given["text"])
        except OSError as error:
            raise AnsibleActionFail(f"The worksheet cannot be written: {error}") from error
        return result
