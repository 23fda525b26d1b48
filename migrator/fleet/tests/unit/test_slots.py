"""No more jobs than slots, and no slot outlives its job."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from ansible_collections.gwmigrate.fleet.plugins.module_utils.slots import slots, take

# Holds one slot of each server and writes down when it began and ended.
JOB = """
import sys, time
from ansible_collections.gwmigrate.fleet.plugins.module_utils.slots import slots
folder, log, source, destination = sys.argv[1:]
with slots(folder, {source: 2, destination: 1}):
    with open(log, "a") as file:
        file.write(f"+ {source} {destination}\\n")
    time.sleep(0.2)
    with open(log, "a") as file:
        file.write(f"- {source} {destination}\\n")
"""


class Slots(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_no_server_ever_has_more_jobs_than_its_limit(self):
        log = os.path.join(self.folder, "log")
        pairs = [(f"source {number % 3}", f"destination {number % 4}") for number in range(12)]
        jobs = [subprocess.Popen([sys.executable, "-c", JOB, self.folder, log, *pair]) for pair in pairs]
        self.assertEqual([job.wait(60) for job in jobs], [0] * len(jobs))
        now, most = {}, {}
        with open(log, encoding="utf-8") as file:
            for line in file:
                sign, *servers = line.replace("source ", "source_").replace("destination ", "destination_").split()
                for server in servers:
                    now[server] = now.get(server, 0) + (1 if sign == "+" else -1)
                    most[server] = max(most.get(server, 0), now[server])
        self.assertEqual(len(most), 7)
        for server, many in most.items():
            self.assertLessEqual(many, 2 if server.startswith("source") else 1, server)

    def test_a_job_that_waits_holds_nothing(self):
        with slots(self.folder, {"a": 1}):
            self.assertIsNone(take(self.folder, {"b": 1, "a": 1}))
            held = take(self.folder, {"b": 1})
            self.assertIsNotNone(held)
            os.close(held[0])

    def test_a_slot_is_held_for_as_long_as_the_program_runs_and_ends_with_it(self):
        """Also where the module that started it is gone."""
        with slots(self.folder, {"a": 1}) as held:
            program = subprocess.Popen(["sleep", "60"], pass_fds=held)
        self.assertIsNone(take(self.folder, {"a": 1}))
        program.send_signal(signal.SIGKILL)
        program.wait()
        held = take(self.folder, {"a": 1})
        self.assertIsNotNone(held)
        os.close(held[0])

    def test_names_of_servers_stay_in_the_folder(self):
        with slots(self.folder, {"source ../nw/1": 1}):
            self.assertEqual(os.listdir(self.folder), ["source%20..%2Fnw%2F1.0"])

    def test_a_limit_of_nothing_is_refused_and_not_waited_for(self):
        began = time.monotonic()
        with self.assertRaisesRegex(ValueError, "at least 1"):
            with slots(self.folder, {"a": 0}):
                self.fail("it has no slot")
        self.assertLess(time.monotonic() - began, 5)


if __name__ == "__main__":
    unittest.main()
