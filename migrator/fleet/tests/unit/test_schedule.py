"""The schedule breaks no limit, whatever the site is like."""

import random
import unittest

from ansible_collections.gwmigrate.fleet.plugins.plugin_utils import schedule as planning

HOUR = 3600.0


def site(seed, count=200, sources=20, destinations=25):
    """Post offices of all sizes, a few of them larger than any night."""
    chance = random.Random(seed)
    return [
        planning.PostOffice(
            name=f"po{number:03}",
            source=f"nw{chance.randrange(sources)}",
            destination=f"lin{chance.randrange(destinations)}",
            stage_one_seconds=chance.lognormvariate(0, 0.8) * HOUR,
            cut_over_seconds=chance.lognormvariate(0, 0.5) * 0.3 * HOUR,
        )
        for number in range(count)
    ]


class Schedule(unittest.TestCase):
    def check(self, planned, offices, limits):
        """Looks at every moment at which a job begins, in another way than the schedule is made."""
        waves = {name: number for number, wave in enumerate(planned["waves"]) for name in wave}
        too_long = {one["name"] for one in planned["too_long"]}
        self.assertEqual(sum(map(len, planned["waves"])), len(waves), "nobody is in two waves")
        self.assertEqual(set(waves) | too_long, {one.name for one in offices})
        self.assertFalse(set(waves) & too_long)
        expected = {}
        for one in offices:
            fits = max(one.stage_one_seconds, one.cut_over_seconds) * limits.factor <= limits.window_seconds
            self.assertEqual(fits, one.name in waves, one)
            if fits:
                expected[one.name, "stage-one"] = (waves[one.name], one.stage_one_seconds)
                expected[one.name, "cut-over"] = (waves[one.name] + 1, one.cut_over_seconds)
        for number, night in enumerate(planned["nights"]):
            for job in night:
                placed, seconds = expected.pop((job["name"], job["what"]))
                self.assertEqual(placed, number)
                self.assertAlmostEqual(job["end_seconds"] - job["start_seconds"], seconds * limits.factor)
                self.assertLessEqual(job["end_seconds"], limits.window_seconds)
                moment = job["start_seconds"]
                now = [one for one in night if one["start_seconds"] <= moment < one["end_seconds"]]
                self.assertLessEqual(len(now), limits.at_once)
                of = [one for one in now if one["source"] == job["source"]]
                to = [one for one in now if one["destination"] == job["destination"]]
                self.assertLessEqual(len(of), limits.per_source)
                self.assertLessEqual(len(to), limits.per_destination)
                self.assertLessEqual(sum(one["what"] == "cut-over" for one in to), 1)
        self.assertEqual(expected, {}, "everybody has both jobs, once")

    def test_no_limit_is_broken_and_every_post_office_is_there_once(self):
        for seed in range(12):
            limits = planning.Limits(per_source=1 + seed % 3, per_destination=1 + seed % 2, at_once=3 + seed)
            offices = site(seed, count=80 + 10 * seed)
            self.check(planning.schedule(offices, limits), offices, limits)

    def test_the_order_of_the_inventory_changes_nothing(self):
        offices = site(1)
        shuffled = list(offices)
        random.Random(2).shuffle(shuffled)
        self.assertEqual(planning.schedule(offices, planning.Limits()), planning.schedule(shuffled, planning.Limits()))

    def test_what_does_not_fit_is_named_and_in_no_wave(self):
        large = planning.PostOffice("large", "nw1", "lin1", 5 * HOUR, 60)
        small = planning.PostOffice("small", "nw1", "lin1", HOUR, 60)
        planned = planning.schedule([large, small], planning.Limits())
        self.assertEqual(planned["waves"], [["small"]])
        self.assertEqual(planned["too_long"], [{"name": "large", "what": "stage-one", "seconds": 10 * HOUR}])
        self.assertIn("DOES NOT FIT into a night: large, stage-one takes 10:00", planning.table(planned))
        self.assertEqual(planning.inventory(planned), "[wave_1]\nsmall\n\n[too_long]\nlarge\n")

    def test_one_source_that_may_be_read_by_one_takes_as_many_nights_as_its_post_offices_need(self):
        offices = [planning.PostOffice(f"po{number}", "nw", f"lin{number}", 2 * HOUR, 60) for number in range(6)]
        planned = planning.schedule(offices, planning.Limits(per_source=1, factor=1.0))
        # Four of two hours fill the first night but leave no minute for a cut-over, which is in the second.
        self.assertEqual([len(wave) for wave in planned["waves"]], [4, 2])
        self.assertEqual(len(planned["nights"]), 3)

    def test_a_limit_of_nothing_is_refused(self):
        for name in ("window_seconds", "per_source", "per_destination", "at_once", "factor"):
            with self.assertRaisesRegex(ValueError, name):
                planning.Limits(**{name: 0})

    def test_no_post_office_needs_no_night(self):
        planned = planning.schedule([], planning.Limits())
        self.assertEqual(planning.table(planned), ["0 post offices, 0 waves, 0 nights"])


if __name__ == "__main__":
    unittest.main()
