"""The worksheet, the table and the page hold what they are given, whatever it is."""

import tomllib
import unittest
from html.parser import HTMLParser

from ansible_collections.gwmigrate.fleet.plugins.plugin_utils import page
from ansible_collections.gwmigrate.fleet.plugins.plugin_utils.toml import toml

ODD = 'Ü "quoted" \\ back\n\t\x07 \x7f {{ x }} <b>&amp;</b> \U0001f4ee'


class Toml(unittest.TestCase):
    def test_what_is_written_is_read_again(self):
        sheet = {
            "source": {"kind": "cifs", "options": ["ro", ODD], "live": False, "password": {"file": ODD, "a b": 1}},
            "copy": {"quiet_seconds": 60, "share": 0.5},
            "documents.area": [{"library": "one"}, {"library": ODD}],
        }
        read = tomllib.loads(toml(sheet))
        areas = sheet.pop("documents.area")
        self.assertEqual(read, {**sheet, "documents": {"area": areas}})

    def test_what_is_null_is_left_out(self):
        self.assertEqual(tomllib.loads(toml({"poa": {"ip": None, "http_port": 7181}})), {"poa": {"http_port": 7181}})

    def test_what_no_worksheet_has_is_refused(self):
        for sheet in ({"poa": "x"}, {"poa": {"ip": object()}}):
            with self.assertRaises(ValueError):
                toml(sheet)


class Reader(HTMLParser):
    """The texts of all cells, and all links."""

    def __init__(self):
        super().__init__()
        self.cells, self.links, self.tags = [], [], set()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag == "td":
            self.cells.append("")
        if tag == "a":
            self.links.append(dict(attributes)["href"])

    def handle_data(self, data):
        if self.cells and self.lasttag in ("td", "span", "a"):
            self.cells[-1] += data


def answer(state, **more):
    return {"state": state, "result": {"next": "gwmigrate finish", "findings": []}, **more}


class Site(unittest.TestCase):
    def rows(self):
        found = answer("copied")
        found["result"]["findings"] = [{"code": "name-kept", "open": 3, "accepted": 1}, {"code": "x", "open": 0, "accepted": 2}]
        return [
            page.row(answer("live"), "zoo", "nw1", "lin1", "zoo.html"),
            page.row(found, ODD, "nw1", "lin1", 'a"b.html'),
            page.row({"state": "unknown", "msg": "[remote-unreachable] no answer"}, "lost", "nw2", "lin2"),
        ]

    def test_the_page_says_what_it_was_given_and_nothing_of_it_is_markup(self):
        text = page.page(self.rows(), "A <site>", "today")
        reader = Reader()
        reader.feed(text)
        self.assertNotIn("b", reader.tags)
        self.assertEqual(reader.cells[0], "lost")
        self.assertEqual(reader.cells[6], ODD)
        self.assertIn("3 name-kept", reader.cells)
        self.assertEqual(reader.links, ['a"b.html', "zoo.html"])
        self.assertNotIn("http", text.replace("http-equiv", ""), "it needs nothing from elsewhere")

    def test_the_table_has_each_post_office_and_those_that_need_somebody_first(self):
        lines = page.table(self.rows())
        self.assertTrue(lines[1].startswith("lost"), lines)
        self.assertIn("[remote-unreachable] no answer", lines[1])
        self.assertEqual(lines[-1], "3 post offices: 1 unknown, 1 copied, 1 live")


if __name__ == "__main__":
    unittest.main()
