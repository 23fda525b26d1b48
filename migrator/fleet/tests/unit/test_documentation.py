"""Each module takes what its documentation says, and is known to the collection."""

import importlib
import pathlib
import unittest

import yaml
from ansible_collections.gwmigrate.fleet.plugins.action.worksheet import ActionModule
from ansible_collections.gwmigrate.fleet.plugins.doc_fragments.common import ModuleDocFragment
from ansible_collections.gwmigrate.fleet.plugins.module_utils.gwmigrate import COMMON

ROOT = pathlib.Path(__file__).resolve().parents[2]


def plain(options):
    """What is said of options, without the words, and with what counts where nothing is said."""
    known = {"type": "str", "required": False, "default": None, "elements": None}
    return {name: {key: one.get(key, usual) for key, usual in known.items()} for name, one in options.items()}


class Documentation(unittest.TestCase):
    def test_options_are_those_that_are_documented(self):
        self.assertEqual(plain(COMMON), plain(yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]))
        names = [file.stem for file in (ROOT / "plugins/modules").glob("*.py")]
        self.assertGreater(len(names), 15)
        for name in names:
            module = importlib.import_module(f"ansible_collections.gwmigrate.fleet.plugins.modules.{name}")
            said = yaml.safe_load(module.DOCUMENTATION)
            self.assertEqual(said["module"], name)
            yaml.safe_load(module.EXAMPLES)
            yaml.safe_load(module.RETURN)
            if name == "worksheet":
                self.assertEqual(set(said["options"]), ActionModule._VALID_ARGS)
                continue
            options = getattr(module, "OPTIONS", {})
            self.assertEqual(plain(options), plain(said.get("options", {})), name)

    def test_what_the_roles_call_is_in_the_group_that_their_defaults_are_for(self):
        group = set(yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]["commands"])
        called = set()
        for file in ROOT.glob("roles/*/tasks/*.yml"):
            lines = (line.strip() for line in file.read_text().splitlines())
            called |= {line[:-1] for line in lines if line.startswith("gwmigrate.fleet.") and line.endswith(":")}
        self.assertEqual(called - {"gwmigrate.fleet.worksheet"}, group)


if __name__ == "__main__":
    unittest.main()
