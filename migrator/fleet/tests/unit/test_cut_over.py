"""The cut-over waits for a person, and nobody else's word counts.

The real `ansible-playbook` at a terminal, with a program in place of gwmigrate that writes down what it is told.
"""

import json
import os
import pty
import sys
import tempfile
import time
import unittest

PATIENCE_SECONDS = 60

JOB = {"life": {"life": "not-live"}, "abandoned_milliseconds": None, "seal": None, "generation": 1, "proofs": [], "steps": []}
ITEM = {"name": "replicated", "text": "Look at the console", "confirmed": None, "probed": None}


def end(exit_code, result=None):
    said = {"console": "end", "exit_code": exit_code, "verdict": "x", "findings": [], "is_stopped": False}
    return json.dumps({**said, "result": result})


PROGRAM = f"""#!/bin/sh
shift 3
echo "$*" >>"$(dirname "$0")/said"
case $1 in
    status) echo '{end(0, {"status": JOB, "findings": [{"code": "name-kept", "open": 2, "accepted": 0}]})}' ;;
    prepare) echo '{end(0, [ITEM])}' ;;
    *) echo '{end(0)}' ;;
esac
"""

# Sealed already; `finish` says that the source has changed since, until stage two was run as often as its file says.
SEALED = {**JOB, "seal": {"generation": 1}, "proofs": [{"proof": "seal"}]}
CHANGED = {"code": "source-changed-since-seal", "subject": "", "text": "x", "remedy": "y", "verdict": "refused", "accepted": None}


def refused(*findings):
    return json.dumps({**json.loads(end(5)), "verdict": "refused", "findings": findings, "is_stopped": True})


CHANGED_SINCE = f"""#!/bin/sh
shift 3
folder=$(dirname "$0")
echo "$*" >>"$folder/said"
case $1 in
    status) echo '{end(0, {"status": SEALED, "findings": []})}' ;;
    prepare) echo '{end(0, [ITEM])}' ;;
    finish) [ "$(grep -c stage-two "$folder/said")" -lt "$(cat "$folder/times")" ] && echo '{refused(CHANGED)}' || echo '{end(0)}' ;;
    *) echo '{end(0)}' ;;
esac
"""

INVENTORY = "all: {hosts: {sales: {}}, vars: {gwmigrate_source_server: nw1, gwmigrate_destination: lin1}}\n"


class AtATerminal(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name, text in (("gwmigrate-program", PROGRAM), ("site.yml", INVENTORY)):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        os.chmod(os.path.join(self.folder, "gwmigrate-program"), 0o700)

    def change(self, side, times):
        """Has a side of a sealed post office be another than it was, until stage two was run so often."""
        program = CHANGED_SINCE.replace("source-changed", f"{side}-changed")
        for name, text in (("gwmigrate-program", program), ("times", str(times))):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text)

    def cut_over(self, *typed):
        """Runs the playbook, types what is given at each prompt, and gives what the program was told."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            program = os.path.join(os.path.dirname(sys.executable), "ansible-playbook")
            more = ["-e", f"gwmigrate_program={self.folder}/gwmigrate-program", "-e", "gwmigrate_by=Ann"]
            os.execv(program, [program, "-i", "site.yml", "gwmigrate.fleet.cut_over", *more])
        answers, seen, shown = list(typed), 0, ""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            self.assertLess(time.monotonic(), until, shown)
            try:
                shown += os.read(terminal, 1 << 16).decode("utf-8", "replace")
            except OSError:
                break
            if answers and shown.count("anything else leaves") > seen:
                seen += 1
                time.sleep(1)
                os.write(terminal, answers.pop(0).encode() + b"\r")
        self.code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(terminal)
        self.assertIn("[ ] replicated: Look at the console", shown)
        with open(os.path.join(self.folder, "said"), encoding="utf-8") as file:
            return file.read().splitlines()

    def test_another_word_than_the_name_leaves_the_post_office_as_it_is(self):
        self.assertEqual(self.cut_over("yes"), ["status", "prepare"])
        self.assertNotEqual(self.code, 0)

    def test_the_name_confirms_what_was_shown_and_open_findings_are_waited_for_again(self):
        self.assertEqual(
            self.cut_over("sales", "no"),
            ["status", "prepare", "prepare --confirm=replicated --by=Ann", "stage-two", "status"],
        )
        self.assertNotEqual(self.code, 0)

    def test_typed_twice_users_work_on_linux(self):
        self.assertEqual(self.cut_over("sales", "sales")[-1], "finish")
        self.assertEqual(self.code, 0)

    def test_what_stands_in_the_way_of_stage_two_is_said_before_a_person_has_users_go_out(self):
        unmapped = {"code": "library-unmapped", "subject": "lib000a", "text": "x", "remedy": "y", "verdict": "person", "accepted": None}
        stopped = json.loads(end(1, [ITEM]))
        stopped.update(findings=[unmapped], is_stopped=True)
        program = PROGRAM.replace(end(0, [ITEM]), json.dumps(stopped))
        with open(os.path.join(self.folder, "gwmigrate-program"), "w", encoding="utf-8") as file:
            file.write(program)
        self.assertEqual(self.cut_over("sales"), ["status", "prepare"])
        self.assertNotEqual(self.code, 0)
        stopped["findings"].append({**unmapped, "code": "checklist-open"})
        with open(os.path.join(self.folder, "gwmigrate-program"), "w", encoding="utf-8") as file:
            file.write(PROGRAM.replace(end(0, [ITEM]), json.dumps(stopped)))
        os.remove(os.path.join(self.folder, "said"))
        self.assertEqual(self.cut_over("sales")[2], "prepare --confirm=replicated --by=Ann")

    def test_a_mistake_in_the_inventory_of_one_leaves_the_others_alone(self):
        inventory = INVENTORY.replace("{sales: {}}", "{broken: {gwmigrate_settings: {poa: x}}, sales: {}}")
        with open(os.path.join(self.folder, "site.yml"), "w", encoding="utf-8") as file:
            file.write(inventory)
        self.assertEqual(self.cut_over("sales", "sales")[-1], "finish")
        self.assertNotEqual(self.code, 0)

    def test_what_changed_since_the_seal_is_copied_and_sealed_again(self):
        self.change("source", times=1)
        self.assertEqual(self.cut_over("sales")[3:], ["status", "finish", "stage-two", "status", "finish"])
        self.assertEqual(self.code, 0)

    def test_a_destination_that_changed_since_the_seal_is_sealed_again(self):
        self.change("destination", times=1)
        self.assertEqual(self.cut_over("sales")[3:], ["status", "finish", "stage-two", "status", "finish"])
        self.assertEqual(self.code, 0)

    def test_a_source_that_changes_after_each_seal_is_sealed_again_once(self):
        self.change("source", times=9)
        self.assertEqual(self.cut_over("sales")[3:], ["status", "finish", "stage-two", "status", "finish"])
        self.assertNotEqual(self.code, 0)


if __name__ == "__main__":
    unittest.main()
