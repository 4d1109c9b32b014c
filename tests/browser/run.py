"""The dashboard in headless Chromium: tests/browser/run.py PROGRAM PICTURES

Runs the demo in shadow mode, calls it as clients do, and looks at the page as people do. Pictures of it are
written to the folder PICTURES.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import tomllib
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from driver import Browser, until

REPOSITORY = Path(__file__).resolve().parents[2]
TOKEN = "a token for the tests"
MARKUP = '<script>document.title="hacked"</script><img src=x onerror=alert(1)>'


class Demo:
    """A demo on free ports."""

    def __init__(self, program, *flags, token=TOKEN):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SHIM_")}
        environment["SHIM_ADMIN_TOKEN"] = token
        self.process = subprocess.Popen(
            [program, "demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *flags],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment,
        )
        first = self.process.stderr.readline()
        field = lambda name: re.search(rf'\b{name}=(\S+)', re.sub(r"\x1b\[[0-9;]*m", "", first)).group(1)
        self.shim, self.admin = (f"http://{field(name)}" for name in ("listen", "admin"))
        # A full pipe would stop the demo.
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def call(self, path, **headers):
        request = urllib.request.Request(self.shim + path, headers={"Authorization": "Bearer demo-a-user", **headers})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def end(self):
        self.process.terminate()
        self.process.wait(30)


class Dashboard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.demo = Demo(PROGRAM, "--rollout", "shadow")
        cls.addClassCleanup(cls.demo.end)
        cls.browser = cls.enterClassContext(Browser())
        for path in ("/api/syncs", "/api/bulk/syncs", "/api/organizations", "/api/me", "/nowhere"):
            cls.demo.call(path, **{"User-Agent": MARKUP})
        # The demo's own clients call too.
        until(lambda: cls.opened().count("caller ") >= 4)

    @classmethod
    def opened(cls, path="/"):
        cls.browser.open(cls.demo.admin + path)
        return cls.browser.text()

    def setUp(self):
        self.browser.size(1280, 900)
        self.browser.scheme("light")
        self.browser.complaints()
        self.browser.requests()

    def test_the_page_asks_nobody_else_and_has_nothing_to_complain_of(self):
        text = self.opened()
        self.assertIn("polytomic 1.18.0 (Python)", text)
        self.assertEqual(self.browser.complaints(), [])
        asked = self.browser.requests()
        self.assertIn(self.demo.admin + "/dashboard.css", asked)
        self.assertEqual([each for each in asked if not each.startswith(self.demo.admin + "/")], [])

    def test_what_a_client_says_is_text(self):
        text = self.opened()
        self.assertIn(MARKUP, text)
        self.assertEqual(self.browser.run("return document.title"), "Migration to 2025-09-18 · polytomic-shim")
        self.assertEqual(self.browser.run("return document.querySelectorAll('main img, script').length"), 0)

    def test_scripts_that_get_in_all_the_same_do_not_run(self):
        self.opened()
        blocked = self.browser.run(
            "const script = document.createElement('script'); script.textContent = 'window.ran = true';"
            "document.body.append(script); return window.ran === undefined"
        )
        self.assertTrue(blocked)
        self.assertTrue(any("Content Security Policy" in each for each in self.browser.complaints()))

    def test_it_fits_every_screen_in_light_and_dark(self):
        grounds = set()
        for width in (1280, 768, 390, 320):
            for scheme in ("light", "dark"):
                self.browser.size(width, 844)
                self.browser.scheme(scheme)
                self.opened()
                self.browser.run("document.querySelectorAll('.client details').forEach((each, place) => each.open = place < 2 || innerWidth === 320)")
                wide = self.browser.run("return document.documentElement.scrollWidth")
                self.assertLessEqual(wide, width, f"{width} {scheme}")
                grounds.add(self.browser.run("return getComputedStyle(document.body).backgroundColor"))
                self.browser.shoot(PICTURES / f"dashboard-{width}-{scheme}.png")
        self.assertEqual(len(grounds), 2, grounds)

    def test_texts_can_be_read_against_their_ground(self):
        for scheme in ("light", "dark"):
            self.browser.scheme(scheme)
            self.opened()
            self.assertEqual(self.browser.run(CONTRAST), [], scheme)

    def test_every_part_has_a_name(self):
        self.opened()
        self.assertEqual(self.browser.run(NAMELESS), [])
        self.assertEqual(self.browser.run("return document.querySelectorAll('h1').length"), 1)

    def test_a_rule_changes_its_mode_for_whoever_knows_the_token(self):
        mode = lambda: self.browser.run(
            "const row = [...document.querySelectorAll('#rules tbody tr')].find("
            "row => row.querySelector('.id').textContent === 'bulk_sync/get');"
            "return row.querySelector('.pill').textContent.trim()"
        )
        self.opened("/?rule=bulk_sync/get")
        self.assertEqual(mode(), "shadow")
        self.submit("not the token at all")
        self.assertIn("The admin token is wrong", self.browser.text("[role=alert]"))
        self.assertEqual(mode(), "shadow")
        self.submit(TOKEN)
        self.assertEqual(mode(), "translate")
        self.assertIn("bulk_sync/get is now in translate", self.browser.text("[role=status]"))
        self.assertIn("by Ada", self.browser.text("#events"))
        # A refused request is an error of the network to the console, and to nobody else.
        self.assertEqual([each for each in self.browser.complaints() if "403" not in each], [])

    def submit(self, token):
        self.browser.run("document.querySelector('[name=mode]').value = 'translate'")
        self.browser.type("[name=by]", "Ada")
        self.browser.type("[name=token]", token)
        self.browser.follow("form button")

    def test_other_times_can_be_chosen(self):
        self.opened("/?range=30d")
        self.assertEqual(self.browser.text(".ranges [aria-current]"), "30 days")
        self.assertIn("requests by day", self.browser.text("#progress"))


class Mismatches(unittest.TestCase):
    """A demo by a rule that forgets a field, so that its answers differ from upstream's own."""

    @classmethod
    def setUpClass(cls):
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        shutil.copytree(REPOSITORY / "rewrite-rules", folder, dirs_exist_ok=True)
        rule = folder / "bulk_sync" / "get.toml"
        whole = rule.read_text()
        broken = whole.replace('[[lens]]\ncode = "bulk_discover"\n', "")
        assert broken != whole
        rule.write_text(broken)
        cls.demo = Demo(PROGRAM, "--rollout", "shadow", "--rules", folder)
        cls.addClassCleanup(cls.demo.end)
        cls.browser = cls.enterClassContext(Browser())
        assert cls.demo.call("/api/bulk/syncs/0000000d-0000-4000-8000-000000000007") == 200
        until(lambda: "No answers have differed" not in cls.opened())

    @classmethod
    def opened(cls):
        cls.browser.open(cls.demo.admin + "/")
        return cls.browser.text("#mismatches")

    def test_what_differs_stands_line_by_line(self):
        for width in (1280, 320):
            for scheme in ("light", "dark"):
                self.browser.size(width, 844)
                self.browser.scheme(scheme)
                text = self.opened()
                for part in ("bulk_sync/get", "/data/discover", "(absent)", "GET /api/bulk/syncs/"):
                    self.assertIn(part, text)
                signs = self.browser.run("return [...document.querySelectorAll('#mismatches .sign')].map(each => each.textContent).join('')")
                self.assertEqual(signs.replace("−+", ""), "")
                self.assertLessEqual(self.browser.run("return document.documentElement.scrollWidth"), width)
                self.assertEqual(self.browser.run(CONTRAST), [])
                self.browser.run("document.querySelector('#mismatches').scrollIntoView()")
                self.browser.shoot(PICTURES / f"mismatch-{width}-{scheme}.png")
        self.assertEqual(self.browser.run(NAMELESS), [])

    def test_the_command_beside_it_makes_a_fixture(self):
        command = re.search(r"polytomic-shim (capture \S+)", self.opened()).group(1)
        done = self.command(*command.split())
        self.assertEqual(done.returncode, 0, done.stderr)
        fixture = tomllib.loads(done.stdout)
        self.assertIn("/api/bulk/syncs/", str(fixture))
        self.assertNotIn("demo-a-user", done.stdout)
        self.assertNotEqual(self.command("capture", "0000-0").returncode, 0)

    def test_the_breaker_is_armed_by_whoever_has_the_token(self):
        done = self.command("rearm", "bulk_sync/get", "--by", "Ada")
        self.assertEqual((done.returncode, done.stdout), (0, "the breaker is armed again for bulk_sync/get\n"))
        self.browser.open(self.demo.admin + "/")
        self.assertIn("by Ada", self.browser.text("#events"))
        for token, rule in (("not the token at all", "bulk_sync/get"), (TOKEN, "bulk_sync/gett")):
            done = self.command("rearm", rule, token=token)
            self.assertNotEqual(done.returncode, 0)
            self.assertNotEqual(done.stderr, "")

    def command(self, *arguments, token=TOKEN):
        environment = {**os.environ, "SHIM_ADMIN_TOKEN": token}
        command = [PROGRAM, *arguments, "--admin", self.demo.admin]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


# Texts whose contrast is below what WCAG 2.2 asks for at level AA: 4.5, or 3 for large ones.
CONTRAST = """
const numbers = color => color.match(/[\\d.]+/g).map(Number);
const light = color => {
  const [r, g, b] = numbers(color).map(part => part / 255).map(
    part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = element => {
  for (let each = element; each; each = each.parentElement) {
    const color = getComputedStyle(each).backgroundColor;
    if (numbers(color)[3] !== 0) return color;
  }
  return 'rgb(255, 255, 255)';
};
const found = [];
for (const element of document.querySelectorAll('body *')) {
  const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
  if (!own || !element.checkVisibility() || element.closest('.hidden, .skip, svg, option')) continue;
  const style = getComputedStyle(element);
  const [one, other] = [light(style.color), light(ground(element))].sort((a, b) => b - a);
  const ratio = (one + 0.05) / (other + 0.05);
  if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) found.push(`${ratio.toFixed(2)} ${element.className} ${element.textContent.slice(0, 40)}`);
}
return [...new Set(found)];
"""

# What assistive technology could not name.
NAMELESS = """
const found = [];
const say = element => found.push(element.outerHTML.slice(0, 80));
for (const table of document.querySelectorAll('table')) {
  if (!table.querySelector('thead th[scope=col]')) say(table);
  for (const row of table.querySelectorAll('tbody tr')) if (!row.querySelector('th[scope=row]')) say(row);
}
for (const svg of document.querySelectorAll('svg')) {
  const names = (svg.getAttribute('aria-labelledby') || '').split(' ').map(id => document.getElementById(id));
  if (svg.getAttribute('role') !== 'img' || names.length < 2 || names.some(each => !each || !each.textContent)) say(svg);
}
for (const section of document.querySelectorAll('section, nav'))
  if (!section.ariaLabel && !document.getElementById(section.getAttribute('aria-labelledby'))) say(section);
for (const field of document.querySelectorAll('input, select')) if (!field.labels.length) say(field);
if (!document.querySelector('main') || !document.documentElement.lang) say(document.body);
const ids = [...document.querySelectorAll('[id]')].map(each => each.id);
ids.filter((id, place) => ids.indexOf(id) !== place).forEach(id => found.push('twice: ' + id));
return found;
"""


if __name__ == "__main__":
    PROGRAM, PICTURES = sys.argv[1], Path(sys.argv[2])
    PICTURES.mkdir(parents=True, exist_ok=True)
    unittest.main(argv=sys.argv[:1])
