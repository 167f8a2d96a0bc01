"""A sandbox, a program that pages it, and a Chromium that looks, over plain WebDriver.

Listens and asks on loopback only. Each wait has a deadline.
"""

import base64
import json
import os
import subprocess
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEADLINE = 10.0
LINUX_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
PRESS = {"type": "pointerDown", "button": 0}
RELEASE = {"type": "pointerUp", "button": 0}
# What a page would run, load or leave if it took any of it for markup.
HOSTILE = (
    "</h2><script>window.pwned=1</script><img src=x onerror=window.pwned=1>"
    "<svg onload=window.pwned=1><a href=javascript:window.pwned=1>x</a>\u202e&amp;{{7*7}}"
)


def ask(method, url, data=None, headers=None):
    body = None if data is None else json.dumps(data).encode()
    asked = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{method} {url.split('/')[-1]}: {error.code} {error.read()[:400]}")
    return json.loads(text) if text else None


def wait(what, look, seconds=DEADLINE):
    """Until `look` gives something true, or time is up."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise SystemExit(f"expected {what} within {seconds:.0f} s")
        time.sleep(0.02)


class Sandbox:
    """The example `sandbox`, on a free port if it is not told another place."""

    def __init__(self, folder, place="0"):
        command = [os.path.join(folder, "sandbox"), place]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.page = self.process.stdout.readline().split()[-1]
        self.webhook = self.process.stdout.readline().split("=", 1)[1].strip()

    def send(self, title, **fields):
        return ask("POST", self.webhook, {"title": title, **fields})

    def incidents(self):
        return ask("GET", self.page + "api/incidents")["incidents"]

    def stop(self):
        self.process.terminate()
        self.process.wait(DEADLINE)


class Browser:
    """A headless Chromium with one window."""

    def __init__(self, width=1280, height=860, dark=False, scale=1):
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.base = None
        for line in self.driver.stdout:
            if "started successfully on port" in line:
                self.base = f"http://127.0.0.1:{line.rstrip().rstrip('.').split()[-1]}/session"
                break
        if not self.base:
            raise SystemExit("chromedriver did not start")
        args = ["--headless=new", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"]
        args += [f"--force-device-scale-factor={scale}", "--no-proxy-server"]
        # Chromium's own sandbox does not run as root.
        args += ["--no-sandbox"] if LINUX_ROOT else []
        options = {"args": args}
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        told = ask("POST", self.base, {"capabilities": {"alwaysMatch": wanted}})["value"]
        self.session = f"{self.base}/{told['sessionId']}"
        self.size(width, height)
        self.theme(dark)

    def size(self, width, height):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)

    def theme(self, dark):
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", {"features": [feature]})

    def devtools(self, command, params):
        return self.do("goog/cdp/execute", {"cmd": command, "params": params})

    def do(self, path, data=None, method="POST"):
        return ask(method, f"{self.session}/{path}".rstrip("/"), data)["value"]

    def open(self, url):
        self.do("url", {"url": url})

    def run(self, script, *args):
        return self.do("execute/sync", {"script": script, "args": list(args)})

    def click(self, css):
        """With the pointer, at the middle of what is there now."""
        middle = """
          const one = document.querySelector(arguments[0]);
          one.scrollIntoView({ block: 'nearest' });
          const box = one.getBoundingClientRect();
          return [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)];
        """
        x, y = self.run(middle, css)
        self.pointer({"type": "pointerMove", "duration": 0, "x": x, "y": y}, PRESS, RELEASE)

    def pointer(self, *what):
        self.do("actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": what}]})

    def keys(self, text):
        """Typed at whatever has focus, as by hand."""
        down = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self.do("actions", {"actions": [{"type": "key", "id": "keyboard", "actions": down}]})

    def text(self, css):
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", css)

    def texts(self, css):
        return self.run(
            "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)", css
        )

    def complaints(self):
        """What the console says in earnest: errors of scripts, and what the policy forbade."""
        log = self.do("se/log", {"type": "browser"})
        return [line["message"] for line in log if line["level"] == "SEVERE"]

    def picture(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.do("screenshot", method="GET")))

    def stop(self):
        try:
            self.do("", method="DELETE")
        finally:
            self.driver.terminate()
            self.driver.wait(DEADLINE)


def build():
    """The examples; where they are."""
    command = [
        "cargo",
        "build",
        "-q",
        "--features",
        "sandbox",
        "--example",
        "sandbox",
        "--example",
        "say",
    ]
    subprocess.run(command, cwd=ROOT, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    return os.path.join(target, "debug", "examples")


class Program:
    """The example `say`: each line is an `error!` of a running program."""

    def __init__(self, folder, webhook):
        self.process = subprocess.Popen(
            [os.path.join(folder, "say")],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "SPIKE_WEBHOOK_URL": webhook},
        )

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def stop(self):
        self.process.stdin.close()
        self.process.wait(DEADLINE)
