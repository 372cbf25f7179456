"""Runs a command beside `tiergate demo --serve`: TIERGATE_ADDRESS and TIERGATE_TOKEN name its pages and a token.

    demo.py PROGRAM ROLE POWER[,POWER…] -- COMMAND [ARGUMENT…]
"""

import base64
import hashlib
import hmac
import html
import http.cookiejar
import os
import re
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

PASSWORD = "Quiet-Harbour-27-Lanterns"
BEGINS_WITHIN = 180


def code(letters, step):
    """The code of an authenticator (RFC 6238) at a step of 30 seconds."""
    key = base64.b32decode(letters + "=" * (-len(letters) % 8))
    tag = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
    at = tag[-1] & 15
    return "%06d" % ((struct.unpack(">I", tag[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000)


class Browser:
    """As much of one as the pages need: they work without scripts."""

    def __init__(self, address):
        self.address = address
        jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        self.csrf = ""

    def ask(self, path, form=None):
        data = None
        if form is not None:
            data = urllib.parse.urlencode({"csrf": self.csrf, **form}).encode()
        with self.opener.open(urllib.parse.urljoin(self.address, path), data, timeout=30) as answer:
            page = answer.read().decode()
        found = re.search(r'name="csrf" value="([^"]+)"', page)
        self.csrf = html.unescape(found.group(1)) if found else self.csrf
        return page


def marked(page, name):
    found = re.search(r'id="%s">([^<]+)<' % name, page)
    if not found:
        sys.exit(f"the page has no {name}: " + re.sub(r"<[^>]+>", " ", page)[:600])
    return html.unescape(found.group(1)).replace(" ", "")


def token(address, link, role, powers):
    """A token, as the security administrator makes one."""
    browser = Browser(address)
    secret = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(link).query))["token"]
    browser.ask(link)
    browser.ask("/setup", {"token": secret, "name": "security", "password": PASSWORD, "again": PASSWORD})
    letters = marked(browser.ask("/me/second"), "secret").upper()
    now = int(time.time()) // 30
    browser.ask("/me/second", {"password": PASSWORD, "code": code(letters, now)})
    browser.ask("/accounts")
    wanted = {"name": "api-test", "role": role, "days": "1", "reason": "test of the API", "regions": "", "units": ""}
    wanted |= {f"power.{power}": "on" for power in powers}
    return marked(browser.ask("/accounts/token", wanted), "token")


def told(demo):
    """Address and one-time link of the first node that the demo tells."""
    found = {}
    ready = threading.Event()

    def read():
        for line in demo.stdout:
            place = re.match(r"pages of \S+: (http\S+)", line.strip())
            if place:
                found.setdefault("address", place.group(1))
            link = re.match(r"security: (http\S+)", line.strip())
            if link:
                found.setdefault("link", link.group(1))
            if "Ctrl-C ends it" in line:
                ready.set()
        ready.set()

    threading.Thread(target=read, daemon=True).start()
    if not ready.wait(BEGINS_WITHIN) or "link" not in found:
        sys.exit("the demo told no pages")
    return found["address"], found["link"]


def main():
    split = sys.argv.index("--")
    (program, role, powers), command = sys.argv[1:split], sys.argv[split + 1 :]
    with tempfile.TemporaryDirectory() as folder:
        start = [program, "--lang", "en", "demo", "--serve", "--fast", "--cases", "100", "--data", f"{folder}/demo"]
        demo = subprocess.Popen(start, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        try:
            address, link = told(demo)
            key = token(address, link, role, powers.split(","))
            environment = {**os.environ, "TIERGATE_ADDRESS": address, "TIERGATE_TOKEN": key}
            return subprocess.run(command, env=environment, check=False).returncode
        finally:
            demo.terminate()
            demo.wait(30)


if __name__ == "__main__":
    sys.exit(main())
