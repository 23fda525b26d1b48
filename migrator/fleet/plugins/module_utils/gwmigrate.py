"""Runs a command of gwmigrate, and says to Ansible what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from .slots import slots

# Exit codes (GUIDE.md, "Exit codes") that are no failure: done, findings that need a person, nothing to do.
DONE = 0
NEEDS_A_PERSON = 1
NOTHING_TO_DO = 3
NO_FAILURE = (DONE, NEEDS_A_PERSON, NOTHING_TO_DO)

# How many findings, and how many entries of a list, an answer keeps: Ansible holds those of all hosts in memory.
KEPT = 100
# How much is kept of what a program that failed has written to standard error, in bytes.
KEPT_BYTES = 2000

# What a finding's verdict must be for a person to look at it.
NO_FINDING = ("done", "nothing-to-do")

# What the worker counts where it changes a tree at the destination.
CHANGES = ("files_copied", "files_removed", "set_aside", "renamed", "queued_items")

COMMON = {
    "worksheet": {"type": "path", "required": True},
    "program": {"type": "path", "default": "gwmigrate"},
    "slots": {"type": "dict", "default": {}},
    "slots_folder": {"type": "path"},
}


@dataclass
class Outcome:
    """What a command came to."""

    exit_code: int
    # The last line of `--json`; empty where the program did not come so far.
    end: dict[str, Any] = field(default_factory=dict)
    # The same line as it was printed.
    line: str = ""
    # What the workers changed at the destination, by the names of CHANGES.
    counts: dict[str, int] = field(default_factory=dict)
    error: str = ""

    @property
    def result(self) -> Any:
        """What the command gave; none where it has nothing to show."""
        return self.end.get("result")

    @property
    def is_whole(self) -> bool:
        """Whether the command has come to its end, whatever it found."""
        return self.exit_code in NO_FAILURE and not self.end.get("is_stopped", False)

    @property
    def has_changed_a_tree(self) -> bool:
        """Whether anything at the destination is another than before."""
        return any(self.counts.values())

    def findings(self) -> list[dict[str, Any]]:
        """What a person has to look at; what was accepted is no longer among it."""
        found = self.end.get("findings") or []
        # What protects mail counts also where somebody has accepted it.
        return [one for one in found if one["verdict"] not in NO_FINDING and not (one["verdict"] == "person" and one.get("accepted"))]


def outcome_of(lines: Iterable[str]) -> Outcome:
    """Reads what `gwmigrate --json` printed, line by line; only its last line and the counts are kept.

    The exit code is that of the last line; -1 where there is none.
    """
    outcome = Outcome(exit_code=-1)
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if not isinstance(said, dict):
            continue
        if said.get("console") == "end":
            outcome.end, outcome.line, outcome.exit_code = said, line, said["exit_code"]
        event = said.get("worker") or {}
        if event.get("event") == "finished":
            for name in CHANGES:
                outcome.counts[name] = outcome.counts.get(name, 0) + event["counts"].get(name, 0)
    return outcome


def shortened(value: Any) -> Any:
    """The same with no list longer than KEPT."""
    if isinstance(value, dict):
        return {name: shortened(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shortened(one) for one in value[:KEPT]]
    return value


def message(outcome: Outcome) -> str:
    """One line for a person."""
    found = outcome.findings()
    if not outcome.end:
        return f"gwmigrate ended with {outcome.exit_code} and said nothing more: {outcome.error}"
    if not found:
        return {DONE: "Done", NOTHING_TO_DO: "Nothing to do"}.get(outcome.exit_code, str(outcome.end["verdict"]))
    worst = [one for one in found if one["verdict"] == outcome.end["verdict"]] or found
    first = worst[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    about = f" {first['subject']}" if first.get("subject") else ""
    return f"[{first['code']}]{about}: {first['text']}. {first['remedy']}{more}"


def answer(outcome: Outcome, changed: bool) -> dict[str, Any]:
    """What a module returns."""
    found = outcome.findings()
    return {
        "changed": changed,
        "failed": outcome.exit_code not in NO_FAILURE,
        "msg": message(outcome),
        "exit_code": outcome.exit_code,
        "stopped": bool(outcome.end.get("is_stopped", not outcome.end)),
        "findings": found[:KEPT],
        "findings_count": len(found),
        "counts": outcome.counts,
        "next": outcome.end.get("next"),
        "back": outcome.end.get("back"),
        "result": shortened(outcome.result),
    }


def execute(words: list[str], held: tuple[int, ...] = ()) -> Outcome:
    """Runs gwmigrate; the files `held` stay open in it, so that a slot is taken for as long as it runs.

    Raises OSError where it cannot be started.
    """
    with tempfile.TemporaryFile() as error:
        with subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=error,
            pass_fds=held,
            encoding="utf-8",
            errors="replace",
        ) as process:
            assert process.stdout is not None
            outcome = outcome_of(process.stdout)
        if not outcome.end or process.returncode < 0:
            outcome.exit_code = process.returncode
            outcome.end = {}
        size = error.seek(0, os.SEEK_END)
        error.seek(max(0, size - KEPT_BYTES))
        outcome.error = error.read().decode("utf-8", "replace").strip()
    return outcome


Parameters = Mapping[str, Any]


def options_given(parameters: Parameters, *names: str) -> list[str]:
    """The options of the command line with these names that have a value."""
    return [f"--{name}={parameters[name]}" for name in names if parameters[name]]


def run(
    command: str,
    options: Mapping[str, Any] | None = None,
    arguments: Callable[[Parameters], list[str]] = lambda _parameters: [],
    changed: Callable[[Outcome, Parameters], bool] = lambda _outcome, _parameters: False,
    check_mode: Callable[[Parameters], list[str] | None] = lambda _parameters: None,
    more: Callable[[Outcome, Parameters], dict[str, Any]] = lambda _outcome, _parameters: {},
    needless: Callable[[Outcome, Parameters], str | None] | None = None,
    **rules: Any,
) -> NoReturn:
    """The whole of a module.

    `arguments` are those of the command line; `check_mode` gives those that change nothing, and none where there are
    no such.  `more` is what the module returns besides.  `needless` is asked with the status of the job, once the slots are
    held, and says why the command must not run now.  `rules` are those of `AnsibleModule`.
    """
    module = AnsibleModule(argument_spec={**COMMON, **(options or {})}, supports_check_mode=True, **rules)
    parameters = module.params
    given: list[str] | None = arguments(parameters)
    if module.check_mode:
        given = check_mode(parameters)
        if given is None:
            module.exit_json(skipped=True, changed=False, msg=f"gwmigrate {command} has no plan; nothing was done")
    if parameters["slots"] and not parameters["slots_folder"]:
        module.fail_json(msg="slots need a slots_folder")
    program = module.get_bin_path(parameters["program"], required=True)
    front = [program, "--json", "--worksheet", parameters["worksheet"]]
    words = [*front, command, *(given or [])]
    try:
        with slots(parameters["slots_folder"], parameters["slots"]) as held:
            outcome = execute([*front, "status"], held) if needless else None
            if outcome and needless and outcome.exit_code in NO_FAILURE:
                fail_unless_known(module, outcome)
                why = needless(outcome, parameters)
                if why:
                    module.exit_json(changed=False, msg=why, exit_code=NOTHING_TO_DO, stopped=False, findings=[])
                outcome = None
            outcome = outcome or execute(words, held)
        extra = more(outcome, parameters)
        if "state" in extra:
            fail_unless_known(module, outcome, **extra)
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"gwmigrate {command}: {error}")
    if module.check_mode and "--plan" in words:
        is_changed = outcome.is_whole and bool((outcome.result or {}).get("steps"))
    else:
        is_changed = changed(outcome, parameters)
    module.exit_json(**answer(outcome, is_changed), **extra)


def fail_unless_known(module: AnsibleModule, outcome: Outcome, **extra: Any) -> None:
    """Ends the module as failed where `gwmigrate status` has come to an end that says nothing of the job."""
    if outcome.exit_code in NO_FAILURE and not outcome.is_whole and state(outcome) == "unknown":
        module.exit_json(**{**answer(outcome, False), "failed": True}, **extra)


def state(outcome: Outcome) -> str:
    """Where a job stands, from what `gwmigrate status` gave."""
    if outcome.exit_code == NOTHING_TO_DO:
        return "not-begun"
    job = (outcome.result or {}).get("status")
    if not job:
        return "unknown"
    life = str(job["life"]["life"])
    if life == "starting" and job["facts"]["agent"] is None:
        # The worksheet names no software, so nothing was ever told to an agent: a person starts it.
        return "by-hand"
    if life != "not-live":
        return life
    if job["abandoned_milliseconds"] is not None:
        return "abandoned"
    seal = job["seal"] or {}
    if seal.get("generation") == job["generation"] and any(line["proof"] == "seal" for line in job["proofs"]):
        return "sealed"
    steps = {line["step"]: line["state"] for line in job["steps"]}
    is_copied = all(steps.get(step) in ("done", "skipped") for step in ("copy-data", "clean-up"))
    return "copied" if is_copied else "begun"


def at_work(outcome: Outcome) -> str:
    """What is at work on a job, from what `gwmigrate status` gave; empty where nothing is."""
    job = (outcome.result or {}).get("status") or {}
    running = job.get("running") or {}
    return running.get("task") or ("a controller" if job.get("controller") else "")
