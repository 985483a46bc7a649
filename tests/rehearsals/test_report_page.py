"""The report's page in a real browser: light, dark, on a phone and on paper, without a word on the console, without
a request, and never wider than the window. Screenshots stay in build/rehearsals/report-page.

The pages are made by the unit tests' sample builder, so that nothing has to be played first.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]
import packages
import support

PAGES = ("sample", "hostile", "long", "empty")

# One browser for everything; prints what was seen as JSON.
BROWSER = """
const { chromium } = require('playwright-core');
const [executablePath, folder, shots, ...pages] = process.argv.slice(2);
(async () => {
  const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
                 '--disable-background-networking', '--disable-component-update'];
  const browser = await chromium.launch({ executablePath, args: flags });
  const seen = [];
  for (const name of pages) {
    for (const [look, colorScheme, media, width] of [['light', 'light', 'screen', 1280], ['dark', 'dark', 'screen', 1280],
                                                     ['phone', 'light', 'screen', 390], ['print', 'dark', 'print', 720]]) {
      const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
      const one = { name, look, console: [], requests: [] };
      page.on('console', message => one.console.push(message.text()));
      page.on('pageerror', problem => one.console.push(String(problem)));
      page.on('dialog', dialog => { one.console.push('dialog ' + dialog.message()); dialog.dismiss(); });
      page.on('request', request => one.requests.push(request.url()));
      await page.emulateMedia({ media, colorScheme });
      await page.goto('file://' + folder + '/' + name + '.html');
      Object.assign(one, await page.evaluate(() => ({
        scroll: document.documentElement.scrollWidth, client: document.documentElement.clientWidth,
        background: getComputedStyle(document.querySelector('main')).backgroundColor,
        headings: [...document.querySelectorAll('h1,h2')].map(one => one.textContent),
        timeline: document.querySelector('svg.timeline').getBoundingClientRect().width,
        scripts: document.querySelectorAll('script, iframe, object, embed, img').length,
        handlers: [...document.querySelectorAll('*')].filter(one => [...one.attributes].some(a => a.name.startsWith('on'))).length,
        outside: [...document.querySelectorAll('svg.timeline text')].filter(one => one.getBBox().x < 0).map(one => one.textContent),
      })));
      await page.screenshot({ path: shots + '/' + name + '-' + look + '.png', fullPage: true });
      if (media === 'print') await page.pdf({ path: shots + '/' + name + '.pdf', preferCSSPageSize: true });
      seen.push(one);
      await page.close();
    }
  }
  await browser.close();
  console.log(JSON.stringify(seen));
})().catch(problem => { console.error(problem); process.exit(1); });
"""


def unit_tests() -> pathlib.Path:
    program = pathlib.Path(support.BIN) / "unit_report"
    return program if program.exists() else packages.missing(f"{program} is not built")


class ReportPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        program = unit_tests()
        folder = tempfile.TemporaryDirectory(prefix="understudy-report-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        subprocess.run([program, "--gtest_filter=Report.a_sample_page*"], check=True, timeout=60, stdout=subprocess.DEVNULL,
                       env={**os.environ, "UNDERSTUDY_REPORT_SAMPLE": str(cls.folder)})

    def test_json_and_junit_are_what_other_programs_read(self):
        for name in PAGES:
            with self.subTest(name):
                self.assertEqual(json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))["format"], 1)
                root = xml.etree.ElementTree.parse(self.folder / f"{name}.xml").getroot()
                suite = root.find("testsuite")
                self.assertEqual(root.tag, "testsuites")
                cases = suite.findall("testcase")
                self.assertEqual(int(suite.get("tests")), len(cases))
                for outcome, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
                    self.assertEqual(int(suite.get(outcome)), sum(case.find(tag) is not None for case in cases))
                self.assertTrue(all(float(case.get("time")) >= 0 and case.get("classname") for case in cases))

    def test_the_page_is_legible_everywhere_and_asks_for_nothing(self):
        browser, modules = packages.chromium(), packages.modules()
        shots = packages.FOLDER / "report-page"
        shots.mkdir(parents=True, exist_ok=True)
        script = self.folder / "browser.cjs"
        script.write_text(BROWSER, encoding="utf-8")
        done = subprocess.run(["node", script, browser, self.folder, shots, *PAGES], capture_output=True, text=True, timeout=240,
                              stdin=subprocess.DEVNULL, env={**os.environ, "NODE_PATH": str(modules)})
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        seen = json.loads(done.stdout)
        self.assertEqual(len(seen), 4 * len(PAGES))
        backgrounds = {}
        for one in seen:
            with self.subTest(page=one["name"], look=one["look"]):
                self.assertEqual(one["console"], [])
                self.assertEqual(one["requests"], [f"file://{self.folder}/{one['name']}.html"])
                self.assertLessEqual(one["scroll"], one["client"], "it is wider than the window")
                self.assertEqual((one["scripts"], one["handlers"]), (0, 0))
                self.assertEqual(one["outside"], [], "it begins left of the picture")
                self.assertGreater(one["timeline"], 500)
                self.assertIn("Timeline", one["headings"])
                self.assertGreater((shots / f"{one['name']}-{one['look']}.png").stat().st_size, 10_000)
                backgrounds[one["look"]] = one["background"]
        self.assertEqual(backgrounds["light"], "rgb(255, 255, 255)")
        self.assertEqual(backgrounds["print"], "rgb(255, 255, 255)", "printed from a dark desktop it is still on white")
        self.assertNotEqual(backgrounds["dark"], backgrounds["light"])


if __name__ == "__main__":
    unittest.main()
