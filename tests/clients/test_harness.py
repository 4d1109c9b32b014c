"""The harness itself: a comparison that cannot fail would show nothing."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path
from typing import Any, cast
from unittest import mock

from harness import cases, compare, contract, lookups, servers
from harness.compare import ABSENT, Difference, Tolerance, Tolerances
from harness.report import Summary, failure
from harness.runner import Result, Run, Runner, runs
from harness.worker import Worker

OPERATIONS = contract.load()

SEED = """
[caller.organization]
key = "k"

[lookup.sync]
path = "/api/syncs"
"""


class Differences(unittest.TestCase):
    def found(self, native: object, shim: object) -> list[tuple[str, object, object]]:
        return [(item.pointer, item.native, item.shim) for item in compare.differences(native, shim)]

    def test_equal_values_do_not_differ(self) -> None:
        value = {"a": [1, {"b": None}], "c": 1.5}
        self.assertEqual(self.found(value, {"c": 1.5, "a": [1, {"b": None}]}), [])

    def test_null_differs_from_absent(self) -> None:
        self.assertEqual(self.found({"a": None}, {}), [("/a", None, ABSENT)])

    def test_numbers_of_another_kind_differ(self) -> None:
        self.assertEqual(self.found({"a": 1}, {"a": 1.0}), [("/a", 1, 1.0)])
        self.assertEqual(self.found({"a": 1}, {"a": True}), [("/a", 1, True)])

    def test_lists_are_compared_in_order(self) -> None:
        self.assertEqual(self.found([1, 2], [2, 1, 3]), [("/0", 1, 2), ("/1", 2, 1), ("/2", ABSENT, 3)])

    def test_keys_are_escaped(self) -> None:
        self.assertEqual(self.found({"a/b~": 1}, {"a/b~": 2}), [("/a~1b~0", 1, 2)])

    def test_an_object_differs_from_a_list(self) -> None:
        self.assertEqual(self.found({"a": {}}, {"a": []}), [("/a", {}, [])])


class ToleratedDifferences(unittest.TestCase):
    def test_only_what_is_covered_is_tolerated(self) -> None:
        entry = Tolerance("python-*", "bulk_sync.list", "/value/data/*/mode", "because")
        tolerances = Tolerances([entry])
        found = [Difference("/value/data/3/mode", 1, 2), Difference("/value/data/3/modes", 1, 2)]
        tolerated, rest = tolerances.split("python-1.18.0", "bulk_sync.list", "n", found)
        self.assertEqual((tolerated, rest), (found[:1], found[1:]))
        self.assertEqual(tolerances.unused(), [])

    def test_only_added_means_absent_natively(self) -> None:
        tolerances = Tolerances([Tolerance("*", "*", "/value/a", "because", only_added=True)])
        found = [Difference("/value/a", 1, 2), Difference("/value/a", ABSENT, 2)]
        self.assertEqual(tolerances.split("c", "o", "n", found), (found[1:], found[:1]))

    def test_an_entry_for_a_case_covers_no_other(self) -> None:
        tolerances = Tolerances([Tolerance("*", "*", "/value/a", "because", case="users: change")])
        found = [Difference("/value/a", 1, 2)]
        self.assertEqual(tolerances.split("c", "o", "users: change the email, as user", found), (found, []))
        self.assertEqual(tolerances.split("c", "o", "users: list, as user", found), ([], found))

    def test_an_entry_for_another_client_is_unused(self) -> None:
        tolerances = Tolerances([Tolerance("node-*", "*", "/**", "because")])
        found = [Difference("/value", 1, 2)]
        self.assertEqual(tolerances.split("python-1.18.0", "bulk_sync.list", "n", found), ([], found))
        self.assertEqual(len(tolerances.unused()), 1)

    def test_err_entry_without_reason(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "tolerated.toml")
            file.write_text('[[tolerated]]\nclient = "*"\noperation = "*"\npointer = "/a"\nreason = " "\n')
            with self.assertRaises(ValueError):
                compare.load_tolerances(file)

    def test_the_file_loads(self) -> None:
        compare.load_tolerances()


class CaseFiles(unittest.TestCase):
    def findings(self, text: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "cases.toml").write_text(SEED + text)
            with self.assertRaises(cases.BadCases) as raised:
                cases.load(OPERATIONS, Path(folder))
        return str(raised.exception)

    def scenario(self, step: str) -> str:
        return f'[[scenario]]\nname = "n"\ncallers = ["organization"]\n[[scenario.step]]\n{step}\n'

    def test_the_files_load_and_reach_most_areas(self) -> None:
        loaded = cases.load(OPERATIONS)
        called = {step.call for scenario in loaded.scenarios for step in scenario.steps}
        areas = {operation.split(".")[0] for operation in OPERATIONS}
        self.assertEqual(areas, {call.split(".")[0] for call in called})
        self.assertGreater(len(runs(loaded)), len(loaded.scenarios))

    def test_err_unknown_operation(self) -> None:
        self.assertIn("not an operation", self.findings(self.scenario('call = "syncs.list"')))

    def test_err_unknown_argument(self) -> None:
        self.assertIn(
            "pages is no argument", self.findings(self.scenario('call = "model_sync.list"\narguments = {pages = 1}'))
        )

    def test_err_missing_path_argument(self) -> None:
        self.assertIn("path argument id", self.findings(self.scenario('call = "model_sync.get"')))

    def test_err_reference_to_nothing(self) -> None:
        step = 'call = "model_sync.get"\narguments = {id = "$before.data.id"}'
        self.assertIn("nothing is saved", self.findings(self.scenario(step)))
        step = 'call = "model_sync.get"\narguments = {id = "$seed.unheard.id"}'
        self.assertIn("no such lookup", self.findings(self.scenario(step)))

    def test_err_unknown_key(self) -> None:
        self.assertIn("unknown key saves", self.findings(self.scenario('call = "model_sync.list"\nsaves = "x"')))

    def test_err_alias_of_nothing(self) -> None:
        alias = '[alias."model_sync.list"]\npages = ["page"]\n'
        self.assertIn("alias model_sync.list: pages is no argument", self.findings(alias))

    def test_each_makes_a_scenario_of_every_entry(self) -> None:
        table = {"name": "n", "each": {"a": {"id": 1}, "b": {"id": 2}}, "step": [{"arguments": {"id": "$each.id"}}]}
        made = cases.variants(table)
        self.assertEqual([item["name"] for item in made], ["n: a", "n: b"])
        self.assertEqual([item["step"][0]["arguments"]["id"] for item in made], [1, 2])


class Expectations(unittest.TestCase):
    def test_an_error_is_not_a_value(self) -> None:
        error = {"outcome": "error", "status": 404}
        self.assertFalse(cases.Step("x").expects(error))
        self.assertTrue(cases.Step("x", expect=[400, 404]).expects(error))
        self.assertFalse(cases.Step("x", expect=404).expects({"outcome": "value", "value": 1}))
        self.assertTrue(cases.Step("x", expect=["value", 404]).expects({"outcome": "value", "value": 1}))

    def test_of_an_answer_that_the_sdk_cannot_read_nothing_is_expected(self) -> None:
        self.assertTrue(cases.Step("x", expect=404).expects({"outcome": "unreadable", "type": "t", "places": {}}))

    def test_a_step_needs_what_it_refers_to(self) -> None:
        step = cases.Step("x", {"a": ["$read.data", "$seed.me.id", "$$text"]}, copy="$other.data")
        self.assertEqual(step.needs, {"read", "other"})


class Seeds(unittest.TestCase):
    def seed(self) -> lookups.Seed:
        found = {
            "old": cases.Lookup("old", "/api/syncs", where={"state.name": ["a", "b"]}, absent=["gone"]),
            "other": cases.Lookup("other", "/api/syncs", differs={"id": "$seed.old.id"}),
        }
        seed = lookups.Seed(cases.Cases([], found, {}), "http://127.0.0.1:9")
        seed.answers["organization", "/api/syncs", lookups.LEGACY] = {
            "data": [{"id": 1, "state": {"name": "c"}}, {"id": 2, "state": {"name": "b"}, "gone": []}]
        }
        return seed

    def test_the_first_that_fits_is_taken(self) -> None:
        self.assertEqual(
            self.seed().resolve({"a": ["$seed.old.id", "$seed.old.state.name", "$own.id"]}), {"a": [2, "b", "$own.id"]}
        )

    def test_differs_excludes(self) -> None:
        self.assertEqual(self.seed().resolve("$seed.other.id"), 1)

    def test_err_nothing_there(self) -> None:
        with self.assertRaises(lookups.NotFound):
            self.seed().resolve("$seed.old.missing")


class Addresses(unittest.TestCase):
    def test_the_first_line_is_read_in_either_format(self) -> None:
        for line in (
            "2026-01-01T00:00:00Z  INFO started listen=127.0.0.1:41 admin=127.0.0.1:42",
            '{"level":"INFO","fields":{"message":"started","listen":"127.0.0.1:41","admin":"127.0.0.1:42"}}',
            "INFO \x1b[3mlisten\x1b[0m\x1b[2m=\x1b[0m127.0.0.1:41 \x1b[3madmin\x1b[0m\x1b[2m=\x1b[0m127.0.0.1:42",
        ):
            found = dict(servers.ADDRESS.findall(servers.ANSI.sub("", line)))
            self.assertEqual(found, {"listen": "127.0.0.1:41", "admin": "127.0.0.1:42"})

    def test_what_the_emulator_prints_is_read(self) -> None:
        self.assertEqual(servers.ADDRESS.findall("emulator   http://127.0.0.1:41"), [("emulator", "127.0.0.1:41")])


class NeutralAddresses(unittest.TestCase):
    def setUp(self) -> None:
        self.sides = servers.Sides(Path("none"), Path(tempfile.gettempdir()))
        self.sides.native_url, self.sides.behind_url, self.sides.shim_url = (
            f"http://127.0.0.1:{n}" for n in (41, 42, 43)
        )

    def test_addresses_of_the_server_that_was_asked_are_equal(self) -> None:
        native = self.sides.without_addresses("native", {"a": "http://127.0.0.1:41/x", "b": "http://localhost:41/y"})
        shim = self.sides.without_addresses("shim", {"a": "http://127.0.0.1:43/x", "b": "http://localhost:42/y"})
        self.assertEqual(native, shim)

    def test_an_address_that_leads_around_the_shim_differs(self) -> None:
        native = self.sides.without_addresses("native", {"a": "http://127.0.0.1:41/x"})
        shim = self.sides.without_addresses("shim", {"a": "http://127.0.0.1:42/x"})
        self.assertNotEqual(native, shim)


class FakeSides:
    """Two sides that start without servers."""

    native_only = False
    native_url, shim_url, behind_url = "native", "shim", "behind"
    starts = 0

    def start(self) -> None:
        self.starts += 1

    def without_addresses(self, side: str, answer: dict[str, Any]) -> dict[str, Any]:
        return answer


class FakeWorker:
    """Answers every call of a side in the same way, and remembers the calls."""

    def __init__(self, native: dict[str, Any], shim: dict[str, Any]) -> None:
        self.answers = {"native": native, "shim": shim}
        self.asked: list[dict[str, Any]] = []

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(question)
        return self.answers[question["side"]]

    def forget(self) -> None:
        pass


class Runs(unittest.TestCase):
    VALUE = {"outcome": "value", "value": {"data": []}}
    UNREADABLE = {"outcome": "unreadable", "type": "pydantic.ValidationError", "places": {'["data", "mode"]': "enum"}}
    missing: set[str] = set()

    def run_steps(
        self,
        native: dict[str, Any],
        shim: dict[str, Any],
        steps: list[cases.Step] | None = None,
        states: tuple[bytes, bytes] = (b"{}", b"{}"),
        tolerances: list[Tolerance] | None = None,
        header: bool = False,
    ) -> list[Result]:
        scenario = cases.Scenario("n", ["organization"], steps or [cases.Step("webhooks.list")])
        loaded = cases.Cases([scenario], {}, {"organization": cases.Caller("organization", "key")})
        self.sides, self.worker = FakeSides(), FakeWorker(native, shim)
        runner = Runner(
            "python-1.18.0",
            True,
            cast(Worker, self.worker),
            cast(servers.Sides, self.sides),
            loaded,
            OPERATIONS,
            Tolerances(tolerances or []),
        )
        runner.supported = set(OPERATIONS) - self.missing
        stored = {"native": states[0], "behind": states[1]}
        with mock.patch.object(lookups, "state", stored.get):
            found = list(runner.run(Run(scenario, "organization", header)))
            self.stale = runner.stale
        return found

    def test_equal_answers_are_equal_and_only_native_names_the_version(self) -> None:
        found = self.run_steps(self.VALUE, self.VALUE)
        self.assertEqual([result.status for result in found], ["equal"])
        self.assertEqual([question["version"] for question in self.worker.asked], ["2024-02-08", None])

    def test_the_header_goes_to_the_shim_when_asked_for(self) -> None:
        self.run_steps(self.VALUE, self.VALUE, header=True)
        self.assertEqual([question["version"] for question in self.worker.asked], ["2024-02-08"] * 2)

    def test_other_answers_are_different(self) -> None:
        found = self.run_steps(self.VALUE, {"outcome": "value", "value": {"data": [1]}})
        self.assertEqual(found[0].status, "different")
        self.assertEqual(found[0].differences, [Difference("/value/data/0", ABSENT, 1)])

    def test_equal_errors_are_different_where_a_value_was_expected(self) -> None:
        error = {"outcome": "error", "type": "polytomic.NotFoundError", "status": 404, "body": {}}
        self.assertEqual(self.run_steps(error, error)[0].status, "different")
        expected = [cases.Step("webhooks.list", expect=404)]
        self.assertEqual(self.run_steps(error, error, expected)[0].status, "equal")

    def test_other_state_after_a_write_is_different_and_both_start_afresh(self) -> None:
        write = [cases.Step("webhooks.remove", {"id": "1"})]
        found = self.run_steps(self.VALUE, self.VALUE, write, (b'{"rows": [1]}', b'{"rows": []}'))
        self.assertEqual([result.status for result in found], ["different"])
        self.assertEqual(found[0].differences, [Difference("/state/rows/0", 1, ABSENT)])
        self.assertTrue(self.stale)

    def test_other_state_after_reads_only_is_found_at_the_end(self) -> None:
        found = self.run_steps(self.VALUE, self.VALUE, None, (b"[1]", b"[2]"))
        self.assertEqual([(result.operation, result.status) for result in found][1:], [("state", "different")])

    def test_tolerated_state_is_counted_once(self) -> None:
        entry = Tolerance("*", "webhooks.remove", "/state/rows/*", "because")
        write = cases.Step("webhooks.remove", {"id": "1"})
        states = (b'{"rows": [1]}', b'{"rows": []}')
        # The states are looked at before the second removal, and at the end.
        found = self.run_steps(self.VALUE, self.VALUE, [write, write], states, [entry])
        self.assertEqual([result.status for result in found], ["tolerated", "equal"])
        self.assertFalse(self.stale)


    def test_what_raises_over_the_same_places_raises_alike(self) -> None:
        found = self.run_steps(self.UNREADABLE, self.UNREADABLE)
        self.assertEqual([result.status for result in found], ["alike"])

    def test_what_raises_on_one_side_only_or_elsewhere_is_different(self) -> None:
        elsewhere = {**self.UNREADABLE, "places": {'["data", "name"]': "enum"}}
        for native, shim in (
            (self.UNREADABLE, self.VALUE),
            (self.VALUE, self.UNREADABLE),
            (self.UNREADABLE, elsewhere),
        ):
            self.assertEqual([result.status for result in self.run_steps(native, shim)], ["different"])

    def test_steps_that_need_what_could_not_be_read_are_skipped_and_others_run(self) -> None:
        steps = [
            cases.Step("webhooks.list", save="all"),
            cases.Step("webhooks.get", {"id": "$all.data.0.id"}),
            cases.Step("webhooks.list"),
        ]
        found = self.run_steps(self.UNREADABLE, self.UNREADABLE, steps)
        self.assertEqual([result.status for result in found], ["alike", "skipped", "alike"])

    def test_steps_that_this_sdk_lacks_are_skipped_and_others_run(self) -> None:
        self.missing = {"webhooks.enable"}
        steps = [cases.Step("webhooks.enable", {"id": "1"}, save="on"), cases.Step("webhooks.get", {"id": "$on.id"})]
        found = self.run_steps(self.VALUE, self.VALUE, [*steps, cases.Step("webhooks.list")])
        self.assertEqual([result.status for result in found], ["skipped", "skipped", "equal"])

    def test_a_removal_does_not_hide_what_a_write_did(self) -> None:
        steps = [cases.Step("webhooks.disable", {"id": "1"}), cases.Step("webhooks.remove", {"id": "1"})]
        found = self.run_steps(self.VALUE, self.VALUE, steps, (b"[1]", b"[2]"))
        self.assertEqual([result.status for result in found], ["different", "equal"])


class Reports(unittest.TestCase):
    def test_a_failing_case_shows_pointer_and_both_values(self) -> None:
        shown = failure(Result("c", "o", "case", "different", [Difference("/value/a", 1, ABSENT)], "why"))
        self.assertEqual(
            shown.split(), ["DIFFERENT", "c", "o", "(case)", "why", "/value/a", "native", "1", "shim", "(absent)"]
        )

    def test_the_table_counts_and_operations_without_cases_are_named(self) -> None:
        results = [Result("a", "o", "n", "equal"), Result("a", "o", "m", "alike"), Result("b", "o", "n", "skipped")]
        summary = Summary(results, {"b": {"o"}, "a": {"o", "p"}})
        rows = [row.split() for row in summary.table().splitlines()]
        self.assertEqual(rows[1], ["b", "0", "of", "1", "0", "0", "0", "0", "0", "1"])
        self.assertEqual(rows[2], ["a", "1", "of", "2", "2", "1", "1", "0", "0", "0"])
        self.assertEqual(dict(summary.untested()), {"b": {"o"}, "a": {"p"}})

    def test_what_raises_alike_is_listed_by_operation_and_place(self) -> None:
        results = [Result(client, "o", "n", "alike", note='{"x": "enum"}') for client in ("a", "b", "a")]
        self.assertEqual(Summary(results, {}).unreadable(), ['RAISES ALIKE o at {"x": "enum"}: a (2), b (1)'])


if __name__ == "__main__":
    unittest.main()
