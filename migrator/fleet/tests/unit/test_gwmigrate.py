"""What gwmigrate prints and how it ends becomes what Ansible shows."""

import json
import os
import stat
import subprocess
import sys
import tempfile
import unittest

from ansible_collections.gwmigrate.fleet.plugins.module_utils import gwmigrate

PERSON = {"code": "name-kept", "verdict": "person", "subject": "A/B", "text": "kept", "remedy": "Look at it"}
JOB = {"life": {"life": "not-live"}, "abandoned_milliseconds": None, "seal": None, "generation": 3, "proofs": [], "steps": []}


def end(exit_code, verdict, findings=(), **more):
    return json.dumps({"console": "end", "exit_code": exit_code, "verdict": verdict, "findings": list(findings), **more})


def finished(**counts):
    return json.dumps({"console": "event", "worker": {"event": "finished", "counts": counts}})


class Outcomes(unittest.TestCase):
    def test_each_exit_code_is_a_failure_or_none(self):
        for code, failed in ((0, False), (1, False), (2, True), (3, False), (4, True), (5, True), (6, True), (130, True)):
            answer = gwmigrate.answer(gwmigrate.outcome_of([end(code, "x")]), False)
            self.assertEqual((answer["failed"], answer["exit_code"]), (failed, code))

    def test_what_was_accepted_is_no_finding_but_where_it_protects_mail(self):
        by = {"by": "Ann", "note": "known"}
        found = [PERSON, {**PERSON, "accepted": by}, {**PERSON, "verdict": "refused", "accepted": by}, {**PERSON, "verdict": "done"}]
        outcome = gwmigrate.outcome_of([end(5, "refused", found)])
        self.assertEqual([one["verdict"] for one in outcome.findings()], ["person", "refused"])

    def test_the_message_is_the_worst_finding_with_its_remedy(self):
        worst = {"code": "source-poa-answers", "verdict": "refused", "subject": "", "text": "It answers", "remedy": "Stop it"}
        answer = gwmigrate.answer(gwmigrate.outcome_of([end(5, "refused", [PERSON, worst])]), False)
        self.assertEqual(answer["msg"], "[source-poa-answers]: It answers. Stop it (and 1 more)")

    def test_counts_of_all_orders_are_added_and_what_is_no_json_is_left_out(self):
        lines = [finished(files_copied=2, files_seen=9), "no json", "[]", finished(files_copied=1, renamed=4), end(0, "done")]
        outcome = gwmigrate.outcome_of(lines)
        self.assertEqual(outcome.counts["files_copied"], 3)
        self.assertTrue(outcome.has_changed_a_tree)
        self.assertFalse(gwmigrate.outcome_of([finished(files_seen=9), end(0, "done")]).has_changed_a_tree)

    def test_what_was_stopped_is_not_whole(self):
        self.assertFalse(gwmigrate.outcome_of([end(1, "person", [PERSON], is_stopped=True)]).is_whole)
        self.assertTrue(gwmigrate.outcome_of([end(1, "person", [PERSON], is_stopped=False)]).is_whole)

    def test_lists_are_cut(self):
        answer = gwmigrate.answer(gwmigrate.outcome_of([end(1, "person", [PERSON] * 500, result={"a": [list(range(999))]})]), False)
        self.assertEqual((len(answer["findings"]), answer["findings_count"]), (gwmigrate.KEPT, 500))
        self.assertEqual(len(answer["result"]["a"][0]), gwmigrate.KEPT)

    def test_states_come_from_what_status_says(self):
        def state(**more):
            return gwmigrate.state(gwmigrate.outcome_of([end(0, "done", result={"status": {**JOB, **more}})]))

        steps = [{"step": "copy-data", "state": "done"}, {"step": "clean-up", "state": "skipped"}]
        seal = {"proofs": [{"proof": "seal"}], "steps": steps}
        self.assertEqual(state(), "begun")
        self.assertEqual(state(steps=steps), "copied")
        self.assertEqual(state(seal={"generation": 3}, **seal), "sealed")
        self.assertEqual(state(seal={"generation": 2}, **seal), "copied")
        self.assertEqual(state(life={"life": "live"}), "live")
        self.assertEqual(state(life={"life": "starting"}, facts={"agent": "test"}), "starting")
        self.assertEqual(state(life={"life": "starting"}, facts={"agent": None}), "by-hand")
        self.assertEqual(state(abandoned_milliseconds=1), "abandoned")
        self.assertEqual(gwmigrate.state(gwmigrate.outcome_of([end(3, "nothing-to-do")])), "not-begun")
        self.assertEqual(gwmigrate.state(gwmigrate.outcome_of([end(4, "temporary")])), "unknown")


class Programs(unittest.TestCase):
    """A program in place of gwmigrate, run as the modules run it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def module(self, name, script, **arguments):
        program = os.path.join(self.folder, "gwmigrate")
        with open(program, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + script)
        os.chmod(program, stat.S_IRWXU)
        given = {"worksheet": "sales.toml", "program": program, **arguments}
        done = subprocess.run(
            [sys.executable, "-m", f"ansible_collections.gwmigrate.fleet.plugins.modules.{name}"],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": given}),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        return json.loads(done.stdout)

    def test_a_program_that_says_nothing_has_failed_with_what_it_wrote_last(self):
        answer = self.module("status", "echo 'cannot go on' >&2; exit 101")
        self.assertTrue(answer["failed"])
        self.assertIn("101", answer["msg"])
        self.assertIn("cannot go on", answer["msg"])
        self.assertTrue(answer["stopped"])

    def test_a_program_that_was_killed_behind_its_last_line_has_failed(self):
        self.assertTrue(self.module("status", f"echo '{end(0, 'done')}'; kill -9 $$")["failed"])

    def test_arguments_are_given_as_they_are(self):
        said = os.path.join(self.folder, "said")
        script = f"printf '%s\\n' \"$@\" >{said}; echo '{end(0, 'done')}'"
        answer = self.module("prepare", script, confirm=["ip-address"], by="Ann O'Neill; $(reboot)", note="")
        with open(said, encoding="utf-8") as file:
            words = file.read().splitlines()
        front = ["--json", "--worksheet", "sales.toml", "prepare"]
        self.assertEqual(words, [*front, "--confirm=ip-address", "--by=Ann O'Neill; $(reboot)"])
        self.assertTrue(answer["changed"])

    def test_check_mode_gives_a_plan_or_runs_nothing(self):
        said = os.path.join(self.folder, "said")
        plan = end(0, "done", result={"steps": [1]})
        script = f"printf '%s\\n' \"$@\" >>{said}; echo '{plan}'"
        for name in ("test_mailbox", "prepare", "finish", "queues", "verify", "pause", "resume", "stop"):
            self.assertTrue(self.module(name, script, _ansible_check_mode=True)["skipped"], name)
        self.assertTrue(self.module("accept", script, code="x", withdraw=True, _ansible_check_mode=True)["skipped"])
        self.assertTrue(self.module("lowercase", script, undo=True, _ansible_check_mode=True)["skipped"])
        self.assertFalse(os.path.exists(said))
        for name in ("stage_one", "stage_two"):
            self.assertTrue(self.module(name, script, _ansible_check_mode=True)["changed"], name)
        self.assertTrue(self.module("abandon", script, undo=True, _ansible_check_mode=True)["changed"], "it would")
        with open(said, encoding="utf-8") as file:
            words = file.read().split()
        self.assertEqual(words.count("--plan"), 2)
        self.assertNotIn("--yes", words)

    def test_no_pass_takes_a_seal_unless_that_is_said(self):
        said = os.path.join(self.folder, "said")
        job = {**JOB, "seal": {"generation": 3}, "proofs": [{"proof": "seal"}]}
        sealed = end(0, "done", result={"status": job})
        script = f"echo $4 >>{said}; [ $4 = status ] && echo '{sealed}' || echo '{end(0, 'done')}'"
        self.assertIn("sealed", self.module("stage_one", script)["msg"])
        with open(said, encoding="utf-8") as file:
            self.assertEqual(file.read().split(), ["status"])
        self.assertEqual(self.module("stage_one", script, over_seal=True)["msg"], "Done")

    def test_a_job_that_cannot_be_asked_about_is_left_alone_and_may_be_tried_again(self):
        said = os.path.join(self.folder, "said")
        answer = self.module("stage_one", f"echo $4 >>{said}; echo '{end(4, 'temporary')}'; exit 4")
        self.assertEqual((answer["failed"], answer["exit_code"]), (True, 4))
        with open(said, encoding="utf-8") as file:
            self.assertEqual(file.read().split(), ["status"])

    def test_what_status_could_not_say_is_no_state(self):
        said = os.path.join(self.folder, "said")
        script = f"echo $4 >>{said}; echo '{end(1, 'person', [PERSON], is_stopped=True)}'; exit 1"
        self.assertTrue(self.module("stage_one", script)["failed"])
        with open(said, encoding="utf-8") as file:
            self.assertEqual(file.read().split(), ["status"])
        answer = self.module("status", script)
        self.assertEqual((answer["failed"], answer["state"]), (True, "unknown"))

    def test_a_check_that_failed_keeps_no_estimate(self):
        kept = os.path.join(self.folder, "kept.json")
        self.module("check", f"echo '{end(4, 'temporary')}'; exit 4", keep=kept)
        self.assertFalse(os.path.exists(kept))
        self.assertTrue(self.module("check", f"echo '{end(0, 'done')}'", keep=kept)["kept"])
        with open(kept, encoding="utf-8") as file:
            self.assertEqual(json.load(file)["exit_code"], 0)


if __name__ == "__main__":
    unittest.main()
