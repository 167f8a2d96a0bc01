"""What a person sees in the inbox and does there, in the order of one sitting."""

import json
import os
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack

from browser import HOSTILE, PRESS, RELEASE, Browser, Program, Sandbox, wait


def names(browser):
    return browser.texts("#rows .name")


def appears_without_a_reload(browser, sandbox, program):
    browser.open(sandbox.page)
    wait("the first steps", lambda: sandbox.webhook in browser.text("#detail"))
    wait("the page to be live", lambda: browser.text("#live") == "live")
    browser.run("window.mine = 'not reloaded'")
    program.say("card payment failed")
    wait("the incident in the list", lambda: names(browser) == ["card payment failed in say"])
    wait("its details", lambda: "card payment failed in say" in browser.text("#detail h2"))
    assert browser.run("return document.title").startswith("(1) "), "the title has no count"
    assert browser.run("return window.mine") == "not reloaded"


def resolve_by_click(browser, sandbox, program):
    browser.click("#detail .act.first")
    wait("an empty list", lambda: names(browser) == [])
    assert [one["status"] for one in sandbox.incidents()] == ["resolved"]
    wait("it to be resolved in its details", lambda: browser.text("#detail .tag") == "resolved")
    wait(
        "it to say what comes next", lambda: "opens a new incident" in browser.text("#detail .acts")
    )
    other = "disk of the order book is full"
    program.say(other)
    wait("another title", lambda: names(browser) == [f"{other} in say"])


def a_program_resolves_and_opens_again(browser, sandbox, program):
    program.say("gateway is unreachable")
    wait("it to open", lambda: "gateway is unreachable in say" in names(browser))
    program.say("ok gateway is unreachable")
    wait("it to go", lambda: "gateway is unreachable in say" not in names(browser))
    program.say("gateway is unreachable")
    wait("a new one", lambda: "gateway is unreachable in say" in names(browser))
    of_it = [one["status"] for one in sandbox.incidents() if one["title"].startswith("gateway")]
    assert of_it == ["open", "resolved"], of_it


def by_key(browser, sandbox, _):
    browser.run("document.activeElement.blur()")
    before = len(names(browser))
    browser.click("#rows li:first-child .row")
    title = names(browser)[0]
    browser.keys("a")
    wait("it to be acknowledged", lambda: browser.text("#detail .tag") == "acknowledged")
    browser.keys("r")
    wait("it to leave the list", lambda: len(names(browser)) == before - 1)
    browser.keys("2")
    wait("it under Resolved", lambda: title in names(browser))
    browser.keys("1")
    browser.keys("/")
    browser.keys("no such title")
    wait("nothing to be found", lambda: names(browser) == [])
    browser.run(
        "const box = document.getElementById('search'); box.value = '';"
        "box.dispatchEvent(new Event('input')); box.blur()"
    )
    browser.keys("j")
    wait(
        "a choice",
        lambda: browser.run("return document.querySelectorAll('[aria-current=true]').length") == 1,
    )


def search_in_a_body(browser, sandbox, _):
    sandbox.send(
        "a body", body={"message": "m", "fields": {"order": 4711, "deep": {"er": ["x", "needle"]}}}
    )
    wait("it", lambda: "a body" in names(browser))
    browser.run(
        "[...document.querySelectorAll('.row')].find(r => r.innerText.includes('a body')).click()"
    )
    wait("its tree", lambda: "4711" in browser.text("#detail .tree"))
    browser.keys("f")
    browser.keys("needle")
    wait("what was searched for, marked", lambda: browser.texts("#detail mark") == ["needle"])
    assert "4711" not in browser.text("#detail .tree")
    wait("the count", lambda: "1 found" in browser.text("#detail .head"))
    # A repeat redraws it and takes neither the words nor the focus away.
    sandbox.send("a body", body={"message": "again", "more": "needle"})
    wait("the latest body", lambda: "more" in browser.text("#detail .tree"))
    assert (
        browser.run("return document.activeElement.id + document.activeElement.value")
        == "findneedle"
    )
    browser.run("document.activeElement.blur()")


def what_can_not_be_seen_is_written_out(browser, sandbox, _):
    turned = "invoice\u202egpj.exe\u200b"
    body = {"message": turned, turned: 1, "more": "\u200b" * 5000}
    sent = json.dumps({"title": "a file " + turned, "body": body}, ensure_ascii=False)
    urllib.request.urlopen(urllib.request.Request(sandbox.webhook, sent.encode()), timeout=10)
    shown = lambda css: browser.run(
        "return [...document.querySelectorAll(arguments[0])].map(it => it.textContent).join()", css
    )
    wait("what is said of it", lambda: "U+202E" in shown("#said"))
    browser.run(
        "[...document.querySelectorAll('.row')].find(r => r.innerText.includes('a file')).click()"
    )
    wait("its tree", lambda: "invoice" in shown("#detail .tree"))
    browser.keys("f")
    browser.keys("invoice")
    wait("two that are found", lambda: browser.texts("#detail mark") == ["invoice"] * 2)
    written = "invoiceU+202Egpj.exeU+200B"
    assert written in shown("#detail .tree"), "it is turned round in the tree"
    # One behind the other, as a person who pastes a name searches for it.
    browser.run(
        "const box = document.getElementById('find'); box.value = arguments[0];"
        "box.dispatchEvent(new Event('input')); box.blur()",
        turned,
    )
    marks = lambda: browser.texts("#detail mark")
    wait("it whole", lambda: marks() == [written] * 2)
    assert written in shown("#detail .raw pre"), "it is turned round in the raw request"
    for unseen in "\u202e\u200b":
        assert unseen not in shown("body"), repr(unseen)


def faults_and_the_raw_request(browser, sandbox, _):
    browser.click("#fault label:nth-of-type(2) span")
    wait("the banner", lambda: "answered 500" in browser.text("#faulty"))
    asked = urllib.request.Request(sandbox.webhook, b'{"title":"lost to a fault"}', method="POST")
    try:
        urllib.request.urlopen(asked, timeout=10)
        raise SystemExit("expected the answer 500")
    except urllib.error.HTTPError as error:
        assert error.code == 500, error.code
    browser.keys("3")
    wait("the request", lambda: "lost to a fault" in names(browser))
    browser.click("#rows li:first-child .row")
    wait("it in full", lambda: "POST /{token}/push-events" in browser.text("#detail pre"))
    assert sandbox.webhook.split("/")[3] not in browser.text("body")
    browser.click("#fault label:nth-of-type(1) span")
    wait("no banner", lambda: browser.text("#faulty") == "")
    assert sandbox.send("after the fault") == {"Ok": True}
    browser.keys("1")
    wait("what comes after it", lambda: "after the fault" in names(browser))


def the_limit(browser, sandbox, _):
    for _ in range(23):
        sandbox.send("too often")
    wait(
        "the count of what was dropped",
        lambda: any("4 dropped" in row for row in browser.texts(".row")),
    )
    browser.run(
        "[...document.querySelectorAll('.row')]"
        ".find(row => row.innerText.includes('too often')).click()"
    )
    wait("the limit in words", lambda: "20 triggers came within 60 s" in browser.text("#limit"))


def nothing_hostile_happens(browser, sandbox, program):
    browser.run("window.pwned = 0")
    program.say(HOSTILE)
    sandbox.send(
        HOSTILE, body={HOSTILE: HOSTILE, "list": [HOSTILE, {HOSTILE: None}]}, severity=HOSTILE
    )
    sandbox.send(HOSTILE + " as text", body=HOSTILE)
    sandbox.send("__proto__", body={"__proto__": {"a": HOSTILE}, "constructor": HOSTILE})
    count = lambda: sum("pwned" in name or "proto" in name for name in names(browser))
    wait("the four in the list", lambda: count() == 4)
    for row in range(4):
        browser.run("document.querySelectorAll('.row')[arguments[0]].click()", row)
        title = names(browser)[row]
        wait("its details", lambda: browser.text("#detail h2").startswith(title[:8]))
        browser.run("for (const one of document.querySelectorAll('.raw')) one.open = true")
    assert ran(browser) == [0, 0], ran(browser)
    assert browser.complaints() == [], "the browser complains"
    # The twin: the same text as markup is found by both looks, and the policy has its own word.
    browser.run("document.getElementById('none').innerHTML = arguments[0]", HOSTILE)
    assert ran(browser)[1] > 0, "the check can't fail"
    wait(
        "the policy to refuse it",
        lambda: any("Content Security" in said for said in browser.complaints()),
    )
    assert ran(browser)[0] == 0
    browser.open("data:text/html,<p id=none></p>")
    browser.run(
        "window.pwned = 0; document.getElementById('none').innerHTML = arguments[0]", HOSTILE
    )
    wait("it to run where nothing forbids it", lambda: ran(browser)[0] == 1)


def on_a_phone(browser, sandbox, _):
    browser.size(390, 844)
    look = "return ['.list', '.detail'].map(it => document.querySelector(it).checkVisibility())"
    seen = lambda: browser.run(look)
    browser.open("about:blank")
    browser.open(sandbox.page)
    wait("the list alone", lambda: names(browser) and seen() == [True, False])
    number = browser.run("return document.querySelectorAll('.row').length")
    for row in range(number):
        browser.run("document.querySelectorAll('.row')[arguments[0]].click()", row)
        wait("the incident alone", lambda: browser.text("#detail h2") and seen() == [False, True])
        wide = "return document.scrollingElement.scrollWidth - innerWidth"
        assert browser.run(wide) <= 0, f"it is too wide by {browser.run(wide)} px"
        if row % 2:
            browser.click("#detail .back")
        else:
            browser.do("back", {})
        wait("the list again", lambda: len(names(browser)) == number and seen() == [True, False])
    # The twin: what is too wide would be seen.
    browser.run(
        "document.getElementById('none').hidden = false;"
        "document.getElementById('none').append(Object.assign(document.createElement('pre'),"
        "{ innerText: 'x'.repeat(300), className: 'x' }));"
        "document.querySelector('.x').style.whiteSpace = 'pre';"
        "document.querySelector('.x').style.overflow = 'visible'"
    )
    assert browser.run(wide) > 0, "the check can't fail"
    browser.size(1280, 860)


def a_storm_leaves_what_is_read_alone(browser, sandbox, _):
    body = {"message": "m", "fields": {"order": 1}, "span": {"path": "p"}}
    sandbox.send("read in a storm", body=body)
    browser.open("about:blank")
    browser.open(sandbox.page)
    wait("it", lambda: "read in a storm" in names(browser))
    browser.click("#rows li:first-child .row")
    wait("its tree", lambda: "order" in browser.text("#detail .tree"))
    browser.click("#detail .branch summary")
    wait("a branch to be closed", lambda: "order" not in browser.text("#detail .tree"))
    browser.run("document.getElementById('act-a').focus()")
    for count in range(5):
        sandbox.send("read in a storm", body={**body, "count": count})
    wait(
        "the last of them",
        lambda: "5" in browser.text("#detail .facts") and "4" in browser.text(".tree"),
    )
    assert "order" not in browser.text("#detail .tree"), "what was closed has opened"
    assert browser.run("return document.activeElement.id") == "act-a"
    # A click is not lost to what comes between its press and its release.
    at = browser.run(
        "const box = document.getElementById('act-a').getBoundingClientRect();"
        "return [Math.round(box.x) + 9, Math.round(box.y) + 9]"
    )
    move = {"type": "pointerMove", "duration": 0, "x": at[0], "y": at[1]}
    browser.pointer(move, PRESS)
    sandbox.send("read in a storm", body={**body, "count": 77})
    sandbox.send("in the same storm")
    time.sleep(0.5)
    assert "in the same storm" not in names(browser), "the list moved under the pointer"
    browser.pointer(RELEASE)
    wait("it to be acknowledged", lambda: browser.text("#detail .tag") == "acknowledged")
    wait(
        "what came meanwhile",
        lambda: "77" in browser.text(".tree") and "in the same storm" in names(browser),
    )


def the_next_error_of_the_program_opens_a_new_one(browser, sandbox, program):
    """The program was not told of the click: its next occurrence goes out 30 s after the first."""
    browser.open(sandbox.page)
    title = "card payment failed in say"
    of_it = lambda: [one["status"] for one in sandbox.incidents() if one["title"] == title]
    assert of_it() == ["resolved"], of_it()

    def said_again():
        program.say("card payment failed")
        time.sleep(0.2)
        return title in names(browser)

    wait("a new incident of the same title", said_again, 40)
    assert of_it() == ["open", "resolved"], of_it()


def ran(browser):
    """What a hostile text has done: run, or become elements that the page has none of."""
    return browser.run(
        "const made = document.querySelectorAll('img, main script, #detail a[href^=java]');"
        "return [window.pwned, made.length]"
    )


def another_origin_is_turned_away(browser, sandbox, _):
    other = sandbox.page.replace("127.0.0.1", "localhost")
    browser.open(other)
    tried = """
      const done = arguments[arguments.length - 1];
      const was = (promise) => promise.then((a) => a.status || a.type, () => 'failed');
      Promise.all([
        was(fetch(arguments[0] + 'api/incidents', { method: 'DELETE' })),
        was(fetch(arguments[0] + 'api/incidents')),
        was(fetch(`${arguments[0]}api/incidents/${arguments[1]}/resolve`,
          { method: 'POST', mode: 'no-cors' })),
      ]).then(done);
    """
    # The page's own policy would stop these before the server does.
    browser.devtools("Page.setBypassCSP", {"enabled": True})
    browser.open(other)
    states = lambda: [(one["number"], one["status"]) for one in sandbox.incidents()]
    before = states()
    assert before[0][1] == "open"
    told = browser.do("execute/async", {"script": tried, "args": [sandbox.page, before[0][0]]})
    assert told[:2] == ["failed", "failed"], told
    assert states() == before
    # The twin: the same from the page itself is done.
    browser.open(sandbox.page)
    told = browser.do("execute/async", {"script": tried, "args": [sandbox.page, before[0][0]]})
    assert told[:2] == [204, 200], told
    assert sandbox.incidents() == []
    browser.devtools("Page.setBypassCSP", {"enabled": False})


def clear_by_key(browser, sandbox, _):
    sandbox.send("to be cleared")
    browser.open(sandbox.page)
    wait("it", lambda: names(browser) == ["to be cleared"])
    # A key that is held asks, and does not answer itself.
    hold = {"type": "keyDown", "key": "C", "code": "KeyC", "text": "C"}
    browser.devtools("Input.dispatchKeyEvent", hold)
    for _ in range(5):
        browser.devtools("Input.dispatchKeyEvent", {**hold, "autoRepeat": True})
    browser.devtools("Input.dispatchKeyEvent", {"type": "keyUp", "key": "C", "code": "KeyC"})
    time.sleep(0.3)
    assert len(sandbox.incidents()) == 1, "a key that was held has cleared all"
    wait("the question", lambda: "sure?" in browser.text("#clear"))
    wait("it to rest", lambda: "sure?" not in browser.text("#clear"))
    browser.keys("C")
    wait("the question", lambda: "sure?" in browser.text("#clear"))
    assert len(sandbox.incidents()) == 1
    browser.keys("C")
    wait("the first steps", lambda: "Nothing has paged yet" in browser.text("#detail"))
    assert sandbox.incidents() == []


TESTS = [
    appears_without_a_reload,
    resolve_by_click,
    a_program_resolves_and_opens_again,
    by_key,
    search_in_a_body,
    what_can_not_be_seen_is_written_out,
    faults_and_the_raw_request,
    the_limit,
    nothing_hostile_happens,
    on_a_phone,
    a_storm_leaves_what_is_read_alone,
    the_next_error_of_the_program_opens_a_new_one,
    another_origin_is_turned_away,
    clear_by_key,
]


def beyond_loopback(folder, browser, sandbox):
    """An inbox that others can reach says so; one that they can't is the twin."""
    browser.open(sandbox.page)
    wait("the page to be live", lambda: browser.text("#live") == "live")
    assert browser.text("#beyond") == ""
    other = Sandbox(folder, "0.0.0.0:0")
    try:
        browser.open(other.page)
        wait(
            "the warning",
            lambda: "Open to the network: it listens on 0.0.0.0" in browser.text("#beyond"),
        )
    finally:
        other.stop()
    browser.open(sandbox.page)


def restart(folder, browser, sandbox):
    """A page that was open goes on by itself with another sandbox on the same port."""
    sandbox.send("before")
    wait("it", lambda: names(browser) == ["before"])
    browser.run("window.mine = 'not reloaded'")
    port = sandbox.page.rstrip("/").rsplit(":", 1)[1]
    sandbox.stop()
    wait("the page to notice", lambda: browser.text("#live") == "reconnecting")
    again = Sandbox(folder, port)
    try:
        again.send("after")
        wait("what the other one has, alone", lambda: names(browser) == ["after"])
        assert browser.run("return window.mine") == "not reloaded"
    finally:
        again.stop()


def run(folder):
    start = time.monotonic()
    with ExitStack() as ends:
        sandbox = Sandbox(folder)
        ends.callback(sandbox.stop)
        browser = Browser()
        ends.callback(browser.stop)
        program = Program(folder, sandbox.webhook)
        ends.callback(program.stop)
        try:
            for one in TESTS:
                one(browser, sandbox, program)
                print(f"ok  {one.__name__}")
            for one in (beyond_loopback, restart):
                one(folder, browser, sandbox)
                print(f"ok  {one.__name__}")
        except BaseException:
            browser.picture(os.path.join(tempfile.gettempdir(), "inbox-failed.png"))
            seen = "failed; what was seen: inbox-failed.png in the temporary folder"
            print(seen, browser.complaints())
            raise
    print(f"{len(TESTS) + 2} tests in {time.monotonic() - start:.0f} s")
