"""Drives the reader study's real pages in Chromium, as readers do.

Usage: .venv/bin/python tests/browser/study.py DOPPELRAY [--pictures FOLDER] [--only-pictures] [--knees REAL FAKES] [--axe axe.min.js]
--pictures keeps a screen of every page, at laptop and tablet size, light and dark; --axe (or $AXE) has axe-core look at each of them.
Needs: pip install playwright; Chromium as /usr/bin/chromium or in $CHROMIUM. Ends with status 0 when all holds.
"""

import argparse
import json
import os
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

COUNT = 4
LAPTOP, TABLET, WIDE_TABLET = {"width": 1440, "height": 900}, {"width": 820, "height": 1180}, {"width": 1180, "height": 820}


class Study:
    """A study that is being served."""

    def __init__(self, binary, folder, design, real, fakes, count=COUNT):
        self.binary, self.folder = binary, folder
        self.run("study", "new", real, fakes, "--out", folder, "--design", design, "--count", count, "--contact", "study@example.org", "--deadline", "2030-06-30")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self.start()

    def run(self, *words):
        done = subprocess.run([self.binary, *map(str, words)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self):
        self.server = subprocess.Popen([self.binary, "study", "serve", self.folder, "--listen", f"127.0.0.1:{self.port}"], stdout=subprocess.DEVNULL)
        for _ in range(200):
            try:
                urllib.request.urlopen(self.base + "/assets/style.css", timeout=1)
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("the server does not start")

    def kill(self):
        self.server.send_signal(signal.SIGKILL)
        self.server.wait()

    def invite(self, *more):
        said = self.run("--json", "study", "invite", self.folder, "--count", 1, "--base", self.base, *more)
        return json.loads(said)[0]["link"]

    def answers(self):
        db = sqlite3.connect(f"file:{self.folder}/study.db?mode=ro", uri=True)
        return db.execute("SELECT count(*) FROM answers WHERE example = 0").fetchone()[0]


def until(holds, what, seconds=15):
    end = time.time() + seconds
    while time.time() < end:
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError(what)


@contextmanager
def browser_page(browser, **options):
    """A page whose errors fail the test: a blocked inline script or a thrown exception are bugs."""
    context = browser.new_context(**options)
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" and "Failed to load resource" not in m.text and "ERR_INTERNET" not in m.text else None)
    yield page
    context.close()
    assert not errors, errors


def come_in(page, link):
    page.goto(link)
    page.get_by_role("button").click()
    page.wait_for_url("**/read")


def begin(page, link):
    come_in(page, link)
    page.locator("input[name=agree]").check()
    page.get_by_role("button").click()
    page.locator("#start").click()
    ready(page)


def ask(page, script, argument=None):
    """What a script says of the page; asked again where the page was just being left."""
    while True:
        try:
            return page.evaluate(script, argument)
        except Error as error:
            if "context was destroyed" not in str(error):
                raise
            page.wait_for_load_state()


def ready(page):
    # No wait_for_function: it needs eval, which the pages' policy forbids.
    until(lambda: ask(page, "(document.querySelector('#said') || {}).textContent || ''") != "", "an image is shown")
    # It is drawn in the next frame.
    ask(page, "() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))))")


def press_start(page, selector="#start"):
    """Enter on the button that has the focus from the beginning; a browser gives it with the first drawing."""
    until(lambda: ask(page, "(selector) => document.activeElement.matches(selector)", selector), f"{selector} has the focus")
    page.keyboard.press("Enter")


def drawn(page):
    return ask(page, "() => document.querySelector('canvas').toDataURL().length + ':' + document.querySelector('canvas').toDataURL().slice(-4000)")


def finish_stretch(page, answer):
    """Answers until another stretch or the end comes."""
    stretch = ask(page, "document.body.dataset.setup")
    name = json.loads(stretch)["stretch"]
    for _ in range(100):
        if ask(page, "document.body.dataset.setup ? JSON.parse(document.body.dataset.setup).stretch : ''") != name:
            return
        answer(page)
        page.wait_for_timeout(60)
    raise AssertionError("the stretch does not end")


def place(page):
    """Names the showing that the page is at."""
    return ask(page, "(document.body.dataset.setup || '') + (document.querySelector('#progress span') || {}).textContent")


@contextmanager
def one_showing(page, go_on):
    """Around the answer to one showing: waits until it can be given, and until it was taken; an example first tells what it was."""
    ready(page)
    until(lambda: ask(page, "!!document.querySelector('#answer input:enabled')"), "an answer can be given")
    before, example = place(page), ask(page, "JSON.parse(document.body.dataset.setup).example")
    yield
    if example:
        page.wait_for_selector("#feedback:visible")
        go_on()
    until(lambda: place(page) != before, "the next one comes")


def keyboard_answer(page, digits):
    """One showing with the keyboard alone."""
    with one_showing(page, lambda: page.keyboard.press("Enter")):
        for digit in digits:
            page.keyboard.press(digit)
        page.keyboard.press("Enter")


def keyboard_only(browser, study):
    answered = study.answers()
    with browser_page(browser, viewport=LAPTOP) as page:
        page.goto(study.invite())
        press_start(page, "button")
        page.wait_for_url("**/read")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("#start")
        press_start(page)
        ready(page)
        before = drawn(page)
        for key, back in (("i", "i"), ("+", "r"), ("b", "r"), ("c", "r")):
            page.keyboard.press(key)
            until(lambda: drawn(page) != before, f"{key} changes the view")
            page.keyboard.press(back)
            until(lambda: drawn(page) == before, f"{back} brings it back")
        page.keyboard.press("?")
        assert page.locator("#keys").is_visible()
        page.keyboard.press("Escape")
        page.keyboard.press("Enter")
        assert page.locator("#missing").inner_text() == "Please answer every question."
        for digits in ("243", "13"):
            for stretch in range(2):
                finish_stretch(page, lambda p: keyboard_answer(p, digits))
                if page.locator("#start").count():
                    press_start(page)
                    ready(page)
        page.wait_for_selector("text=Thank you")
    assert study.answers() == answered + 4 * COUNT, study.answers()


def touch(browser, study):
    before = study.answers()
    with browser_page(browser, viewport=TABLET, has_touch=True, device_scale_factor=2, color_scheme="dark") as page:
        begin(page, study.invite())
        background = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).slice(0, 3).map(Number)")
        assert max(background) < 64, f"a dark room keeps a dark page, not {background}"
        canvas = page.locator("canvas").bounding_box()
        x, y = canvas["x"] + canvas["width"] / 2, canvas["y"] + canvas["height"] / 2
        still = drawn(page)
        cdp = page.context.new_cdp_session(page)
        fingers = lambda apart: [{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}]
        cdp.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": fingers(40)})
        for apart in (60, 90, 120):
            cdp.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": fingers(apart)})
        cdp.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        until(lambda: drawn(page) != still, "two fingers zoom")
        page.locator("#reset").tap()
        until(lambda: drawn(page) == still, "a tap resets")

        for part in ({"grade": 1, "quality": 5, "confidence": 2}, {"verdict": "synthetic", "confidence": 4}):
            for stretch in range(2):
                finish_stretch(page, lambda p: tap(p, part))
                if page.locator("#start").count():
                    page.locator("#start").tap()
                    ready(page)
        page.wait_for_selector("text=Thank you")
    assert study.answers() == before + 4 * COUNT
    db = sqlite3.connect(f"file:{study.folder}/study.db?mode=ro", uri=True)
    bodies = [json.loads(body)["answer"] for (body,) in db.execute("SELECT body FROM answers WHERE part = 1 ORDER BY seq DESC LIMIT ?", (2 * COUNT,))]
    marks = [body["mark"] for body in bodies]
    assert all(mark and abs(mark[0] - 0.5) < 0.02 and abs(mark[1] - 0.5) < 0.02 for mark in marks), bodies


def tap(page, values):
    """One showing with fingers alone; where a mark can be set, it is set in the middle."""
    with one_showing(page, lambda: page.locator("#submit").tap()):
        if page.locator("input[name=mark]").count():
            page.locator("canvas").tap()
            # Two taps in a row would be a double tap.
            page.wait_for_timeout(400)
        for name, value in values.items():
            page.locator(f"label:has(input[name={name}][value='{value}'])").tap()
        page.locator("#submit").tap()


def answer_grade(page, grade=2):
    ready(page)
    for name, value in (("grade", grade), ("quality", 4), ("confidence", 3)):
        page.locator(f"input[name={name}][value='{value}']").check(force=True)
    page.locator("#submit").click()


def through_examples(page):
    def one(page):
        answer_grade(page)
        page.wait_for_selector("#feedback:visible")
        page.locator("#submit").click()

    finish_stretch(page, one)
    page.locator("#start").click()
    ready(page)


def second_window(page, study):
    """Another window of the same browser, at the same place."""
    other = page.context.new_page()
    other.goto(study.base + "/read")
    other.locator("#start").click()
    ready(other)
    return other


def progress(page):
    return page.locator("#progress span").inner_text()


def offline(browser, study):
    """The connection goes in the middle: answers wait in the browser, through a reload even, and come in order."""
    before = study.answers()
    with browser_page(browser, viewport=LAPTOP) as page:
        begin(page, study.invite())
        through_examples(page)
        answer_grade(page)
        until(lambda: study.answers() == before + 1, "the first answer arrives")
        page.wait_for_timeout(500)
        page.context.set_offline(True)
        answer_grade(page, 3)
        answer_grade(page, 4)
        page.wait_for_selector("#banner:visible")
        until(lambda: "(2)" in page.locator("#banner").inner_text(), "both answers are said to wait")
        assert study.answers() == before + 1
        assert progress(page).startswith("4 of"), progress(page)
        page.context.set_offline(False)
        until(lambda: study.answers() == before + 3, "what waited arrives")
        page.wait_for_selector("text=The connection is back")
        # The server is killed and comes again: nothing is lost, nothing doubled.
        study.kill()
        answer_grade(page, 1)
        page.wait_for_selector("#banner:visible")
        study.start()
        until(lambda: study.answers() == before + 4, "what waited for the server arrives", 30)


def example_offline(browser, study):
    """An example's answer waits like any other, is sent once however often one presses, and then is told its truth."""
    with browser_page(browser, viewport=LAPTOP) as page:
        begin(page, study.invite())
        page.wait_for_timeout(300)
        page.context.set_offline(True)
        answer_grade(page)
        page.wait_for_selector("#banner:visible")
        page.locator("#submit").click()
        page.wait_for_timeout(200)
        assert "(1)" in page.locator("#banner").inner_text(), page.locator("#banner").inner_text()
        page.context.set_offline(False)
        page.wait_for_selector("#feedback:visible")
        page.locator("#submit").click()
        until(lambda: progress(page).startswith("Example 2 of"), "the next example comes")


def link_again(browser, study):
    """The link is opened a second time while a page is open: what that page sends then is not lost."""
    before = study.answers()
    with browser_page(browser, viewport=LAPTOP) as one:
        link = study.invite()
        begin(one, link)
        through_examples(one)
        two = one.context.new_page()
        come_in(two, link)
        two.close()
        answer_grade(one, 0)
        until(lambda: study.answers() == before + 1, "the old page's answer arrives")
        until(lambda: progress(one).startswith("2 of"), "the reader is where they were")


def two_tabs_offline(browser, study):
    """Two windows without a connection: of two answers to one image the first counts, and none to another is lost."""
    before = study.answers()
    with browser_page(browser, viewport=LAPTOP) as one:
        begin(one, study.invite())
        through_examples(one)
        two = second_window(one, study)
        for page in (one, two):
            page.wait_for_timeout(500)
        one.context.set_offline(True)
        answer_grade(two, 4)
        two.wait_for_selector("#banner:visible")
        answer_grade(one, 0)
        answer_grade(one, 1)
        one.context.set_offline(False)
        until(lambda: study.answers() == before + 2, "both images are answered")
        one.wait_for_selector("text=answered in another window")
        until(lambda: progress(one).startswith("3 of"), "the reader goes on after them")
    assert study.answers() == before + 2
    db = sqlite3.connect(f"file:{study.folder}/study.db?mode=ro", uri=True)
    bodies = db.execute("SELECT body FROM answers ORDER BY seq DESC LIMIT 2").fetchall()
    assert [json.loads(body)["answer"]["grade"] for (body,) in bodies] == [1, 4]


def two_tabs(browser, study):
    before = study.answers()
    with browser_page(browser, viewport=LAPTOP) as one:
        link = study.invite()
        begin(one, link)
        through_examples(one)
        two = second_window(one, study)
        answer_grade(one, 0)
        until(lambda: study.answers() == before + 1, "the first window's answer arrives")
        answer_grade(two, 4)
        two.wait_for_selector("text=answered in another window")
        until(lambda: progress(two).startswith("2 of"), "the second window goes on where the first is")
        answer_grade(two, 4)
        until(lambda: study.answers() == before + 2, "the second window's answer arrives")


def undo_and_pause(browser, study):
    before = study.answers()
    with browser_page(browser, viewport=LAPTOP) as page:
        link = study.invite()
        begin(page, link)
        through_examples(page)
        answer_grade(page, 0)
        until(lambda: study.answers() == before + 1, "the answer arrives")
        page.keyboard.press("u")
        until(lambda: progress(page).startswith("1 of"), "undo goes back")
        assert page.locator("input[name=grade][value='0']").is_checked()
        answer_grade(page, 3)
        until(lambda: study.answers() == before + 2, "the revision arrives beside the first answer")
        assert progress(page).startswith("2 of")
        page.locator("#pause").click()
        assert page.locator("#paused").is_visible()
        assert page.evaluate("getComputedStyle(document.querySelector('canvas')).visibility") == "hidden"
        page.keyboard.press("Escape")
    # Another device goes on at the same place.
    with browser_page(browser, viewport=TABLET) as page:
        come_in(page, link)
        ready(page)
        assert progress(page).startswith("2 of")


def mark_and_reason(browser, study):
    with browser_page(browser, viewport=LAPTOP) as page:
        begin(page, study.invite())
        box = page.locator("canvas").bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_timeout(100)
        x, y = map(float, page.locator("input[name=mark]").input_value().split())
        assert abs(x - 0.5) < 0.01 and abs(y - 0.5) < 0.01, (x, y)
        page.locator("#unmark").click()
        assert page.locator("input[name=mark]").input_value() == ""
        page.mouse.move(box["x"] + 200, box["y"] + 200)
        page.mouse.wheel(0, -600)
        page.keyboard.press("m")
        assert page.locator("input[name=mark]").input_value() != ""
        page.locator("textarea").fill("too smooth m i r")
        page.locator("input[name=verdict][value=synthetic]").check(force=True)
        page.locator("input[name=confidence][value='5']").check(force=True)
        page.locator("#submit").click()
        page.wait_for_selector("#feedback:visible")
        assert "This example is" in page.locator("#feedback").inner_text()


def finnish(browser, study):
    with browser_page(browser, viewport=LAPTOP, locale="fi-FI") as page:
        page.goto(study.invite())
        assert page.locator("html").get_attribute("lang") == "fi"
        page.get_by_role("link", name="English").click()
    with browser_page(browser, viewport=LAPTOP) as page:
        begin(page, study.invite())
        page.get_by_role("link", name="Suomi").click()
        page.wait_for_selector("text=Kellgren–Lawrence-luokka", state="attached")


def pairs(browser, study):
    before = study.answers()
    with browser_page(browser, viewport=LAPTOP) as page:
        begin(page, study.invite())
        finish_stretch(page, lambda p: keyboard_answer(p, "14"))
        press_start(page)
        ready(page)
        finish_stretch(page, lambda p: keyboard_answer(p, "24"))
        page.wait_for_selector("text=Thank you")
    assert study.answers() == before + COUNT


def coordinate(browser, study):
    with browser_page(browser, viewport=LAPTOP) as page:
        page.goto(study.invite("--coordinator"))
        page.get_by_role("button").click()
        page.wait_for_url("**/coordinate")
        page.locator("input[name=name]").fill("Dr. Grace")
        page.get_by_role("button", name="Make a link").click()
        assert "/enter/" in page.locator(".made").inner_text()
        page.locator("input[name=sure]").check()
        page.get_by_role("button", name="Close the study").click()
        page.wait_for_selector("text=The truth is still sealed")


def accessible(page, axe, where):
    """No violation of WCAG 2.2 A and AA that axe-core can see."""
    if not axe:
        return
    page.evaluate(Path(axe).read_text())
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = page.evaluate("(tags) => axe.run(document, { runOnly: { type: 'tag', values: tags } }).then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html.slice(0, 120)).join(' | ')))", tags)
    assert not found, (where, found)


SIZES = (("laptop", LAPTOP, {}), ("tablet", TABLET, {"has_touch": True}), ("tablet-wide", WIDE_TABLET, {"has_touch": True}))
LOOKS = [(f"{size}-{scheme}", {"viewport": viewport, "color_scheme": scheme, **more}) for scheme in ("light", "dark") for size, viewport, more in SIZES]


def pictures(browser, studies, folder, axe):
    """Screens to be looked at, and checked by axe-core."""
    folder and folder.mkdir(parents=True, exist_ok=True)

    def shoot(page, name, whole=False):
        accessible(page, axe, name)
        folder and page.screenshot(path=str(folder / f"{name}.png"), full_page=whole)

    for at, look in LOOKS:
        reading(browser, studies, at, look, shoot)
        judging(browser, studies, at, look, shoot)
    endings(browser, studies["ending"], shoot)
    reported(browser, studies["ending"], shoot)


def reading(browser, studies, at, look, shoot):
    with browser_page(browser, **look) as page:
        page.goto(studies["two-phase"].base + "/enter/wrong")
        shoot(page, f"{at}-0-wrong")
        link = studies["two-phase"].invite()
        page.goto(link)
        shoot(page, f"{at}-1-welcome")
        come_in(page, link)
        shoot(page, f"{at}-2-consent")
        page.locator("input[name=agree]").check()
        page.get_by_role("button").click()
        page.wait_for_selector("#start")
        shoot(page, f"{at}-3-intro")
        page.locator("#start").click()
        ready(page)
        answer_grade(page)
        page.wait_for_selector("#feedback:visible")
        shoot(page, f"{at}-4-example")
        page.locator("#submit").click()
        finish_stretch(page, lambda p: (answer_grade(p), p.wait_for_selector("#feedback:visible"), p.locator("#submit").click()))
        page.locator("#start").click()
        ready(page)
        page.locator("input[name=grade][value='2']").check(force=True)
        shoot(page, f"{at}-5-grade")
        page.locator("#submit").click()
        shoot(page, f"{at}-5-missing")
        page.locator("#help").click()
        shoot(page, f"{at}-6-keys")
        page.keyboard.press("Escape")
        page.locator("#pause").click()
        shoot(page, f"{at}-6-paused")
        page.keyboard.press("Escape")
        page.wait_for_timeout(300)
        page.context.set_offline(True)
        answer_grade(page)
        page.wait_for_selector("#banner:visible")
        shoot(page, f"{at}-6-offline")
        page.context.set_offline(False)
        page.wait_for_selector("text=The connection is back")
        page.get_by_role("link", name="Suomi").click()
        ready(page)
        shoot(page, f"{at}-6-finnish")


def judging(browser, studies, at, look, shoot):
    with browser_page(browser, **look) as page:
        begin(page, studies["real-or-fake"].invite())
        box = page.locator("canvas").bounding_box()
        page.mouse.click(box["x"] + box["width"] * 0.55, box["y"] + box["height"] * 0.5)
        page.locator("input[name=verdict][value=synthetic]").check(force=True)
        page.wait_for_timeout(150)
        shoot(page, f"{at}-7-judge")
        page.locator("input[name=confidence][value='4']").check(force=True)
        page.locator("#submit").click()
        page.wait_for_selector("#feedback:visible")
        shoot(page, f"{at}-7-told")
    with browser_page(browser, **look) as page:
        begin(page, studies["paired"].invite())
        page.wait_for_timeout(150)
        shoot(page, f"{at}-8-pair")


def endings(browser, study, shoot):
    """What a reader and a coordinator see when one is done, and of a study that is late, closed, unblinded."""
    done, other, coordinator = study.invite(), study.invite(), study.invite("--coordinator")
    with browser_page(browser, viewport=LAPTOP) as page:
        begin(page, done)
        while page.locator("#work").count():
            finish_stretch(page, lambda p: keyboard_answer(p, "14"))
            page.locator("#start").count() and press_start(page)
            page.locator("#work").count() and ready(page)
    acts = {"open": [], "late": ["deadline", "2020-01-01"], "closed": ["freeze"], "unblinded": ["unblind"]}
    for state, (verb, *more) in {name: act or ["deadline", "2030-06-30"] for name, act in acts.items()}.items():
        study.run("study", verb, study.folder, *more)
        for at, look in LOOKS:
            for who, link in {"reader": done if state == "open" else other, "coordinator": coordinator}.items():
                if (who, state) == ("reader", "unblinded"):
                    continue
                with browser_page(browser, **look) as page:
                    page.goto(link)
                    page.get_by_role("button").click()
                    page.wait_for_url("**/read" if who == "reader" else "**/coordinate")
                    if (who, state) == ("coordinator", "open"):
                        page.locator("input[name=name]").fill("Dr. Grace")
                        page.get_by_role("button", name="Make a link").click()
                        page.wait_for_selector(".made")
                    shoot(page, f"{at}-9-{who}-{state}", whole=True)


def reported(browser, study, shoot):
    study.run("study", "report", study.folder)
    for at, look in LOOKS:
        with browser_page(browser, **look) as page:
            page.goto(f"file://{Path(study.folder).resolve()}/report.html")
            shoot(page, f"{at}-10-report", whole=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--only-pictures", action="store_true")
    parser.add_argument("--knees", nargs=2)
    parser.add_argument("--axe", default=os.environ.get("AXE"))
    arguments = parser.parse_args()
    binary = str(Path(arguments.binary).resolve())
    with tempfile.TemporaryDirectory() as work, sync_playwright() as playwright:
        work = Path(work)
        real, fakes = arguments.knees or (work / "real", work / "fakes")
        if not arguments.knees:
            for folder, seed in ((real, 1), (fakes, 2)):
                subprocess.run([binary, "--quiet", "phantom", "--out", folder, "--count", "80", "--size", "64", "--seed", str(seed)], check=True)
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"])
        studies = {d: Study(binary, work / d, d, real, fakes) for d in ("two-phase", "real-or-fake", "paired")}
        if arguments.pictures or arguments.axe:
            studies["ending"] = Study(binary, work / "ending", "real-or-fake", real, fakes)
        steps = [
            (keyboard_only, "two-phase"), (touch, "two-phase"), (offline, "two-phase"), (example_offline, "two-phase"), (two_tabs, "two-phase"),
            (two_tabs_offline, "two-phase"), (link_again, "two-phase"), (undo_and_pause, "two-phase"),
            (finnish, "two-phase"), (mark_and_reason, "real-or-fake"), (pairs, "paired"), (coordinate, "paired"),
        ]
        try:
            if arguments.pictures or arguments.axe:
                pictures(browser, studies, arguments.pictures, arguments.axe)
                print("pictures: done", flush=True)
            for step, design in [] if arguments.only_pictures else steps:
                step(browser, studies[design])
                print(f"{step.__name__}: holds", flush=True)
        finally:
            for study in studies.values():
                study.kill()
            browser.close()


if __name__ == "__main__":
    main()
