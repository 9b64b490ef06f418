"""The shape of a web scraper: pages are fetched by tasks, faults of the network are tried again by the platform.

It reads a small site of its own on this machine: one page in four fails at first, two are not there.
usage: scraper.py
"""
import collections
import http.server
import re
import threading
import urllib.error
import urllib.parse
import urllib.request

from mpcsfaas import Executor

PAGES = 12
MISSING = ("/gone", "/lost")


class Site(http.server.BaseHTTPRequestHandler):
    """Page n links to the next ones; every fourth answers 503 the first time."""

    asked = collections.Counter()

    def do_GET(self):
        number = self.path.strip("/")
        self.asked[self.path] += 1
        if not number.isdigit() or int(number) >= PAGES:
            return self.answer(404, "there is no such page")
        if int(number) % 4 == 3 and self.asked[self.path] == 1:
            return self.answer(503, "come again")
        links = "".join('<a href="/%d">next</a>' % (int(number) + step) for step in (1, 2) if int(number) + step < PAGES)
        return self.answer(200, links + "".join('<a href="%s">old</a>' % path for path in MISSING if number == "0"))

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Silent."""


def links_of(url):
    """The addresses that a page links to. Raises HTTPError: 503 is tried again, see `retry` below."""
    try:
        with urllib.request.urlopen(url, timeout=10) as page:
            text = page.read().decode()
    except urllib.error.HTTPError as error:
        # An open answer cannot travel; its number can.
        raise (ConnectionError if error.code == 503 else LookupError)("%d for %s" % (error.code, url)) from None
    return [urllib.parse.urljoin(url, link) for link in re.findall('href="([^"]+)"', text)]


site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
threading.Thread(target=site.serve_forever, daemon=True).start()
start = "http://127.0.0.1:%d/0" % site.server_port

with Executor(retry={"max_retries": 3, "backoff": 0.05, "on": [ConnectionError]}, timeout=30.0, tags=["scraper"]) as ex:
    seen, waiting = {start}, {ex.submit(links_of, start): start}
    read, links, failed = 0, 0, []
    while waiting:
        future = next(iter(waiting))
        url = waiting.pop(future)
        try:
            found = future.result()
        except LookupError as error:
            failed.append(str(error))
            continue
        read += 1
        links += len(found)
        for link in found:
            if link not in seen:
                seen.add(link)
                waiting[ex.submit(links_of, link)] = link

print("%d pages read, %d links; %d could not be read: %s" % (read, links, len(failed), "; ".join(sorted(failed))))
site.shutdown()
