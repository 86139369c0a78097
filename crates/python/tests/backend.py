"""A fake backend that speaks what bots use of the API, records every request, and fails when told to."""

import copy
import http.server
import json
import re
import threading
import time
import urllib.parse
import uuid
from typing import Any, NamedTuple, Optional

from inventory import Inventory

USER_ID = 77
# What a test may have the backend do instead of answering.
HANG = "hang"
CLOSE = "close"


class Request(NamedTuple):
    """A request as it came in; the token is left out of the query."""

    method: str
    path: str
    query: str
    body: Any
    time: float
    status: Any


class Value(NamedTuple):
    """A value that the backend took; `t` is None where the backend's clock would have stamped it."""

    account: int
    path: str
    value: float
    t: Optional[float]
    arrival: float


class Backend:
    """Serves an inventory on a loopback port.

    `rule(method, path)` gives a status, `HANG` or `CLOSE` for requests that shall not be answered as usual, else None.
    """

    def __init__(self):
        self.token = str(uuid.uuid4())
        self.inventory = Inventory()
        self.rule = lambda method, path: None
        self._lock = threading.Lock()
        self._requests = []
        self._values = []
        self._stopped = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self)
        self.url = f"http://127.0.0.1:{self._server.server_port}/api"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def requests(self, method=None, pattern=""):
        """Gives what was asked so far, or those of it of one method whose path holds a pattern."""
        with self._lock:
            found = list(self._requests)
        return [it for it in found if method in (None, it.method) and re.search(pattern, it.path)]

    def values(self, pattern=""):
        """Gives the values that were taken so far, those whose path holds the pattern."""
        with self._lock:
            return [value for value in self._values if re.search(pattern, value.path)]

    def stop(self):
        """Lets go of those that hang, and ends."""
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method, path, query, body):
        """Gives the status and the body of an answer; the status may be `HANG` or `CLOSE`."""
        status = self.rule(method, path)
        given = b"as the test wants it"
        if status is None:
            status, given = self._usual_answer(method, path, query, body)
        query.pop("b", None)
        now = time.time()
        with self._lock:
            query = urllib.parse.urlencode(query, doseq=True)
            self._requests.append(Request(method, path, query, body, now, status))
            values = re.fullmatch(r"/accounts/(\d+)/values", path)
            if values and status == 204:
                account = int(values[1])
                self._values += [Value(account, it["p"], float(it["v"]), it.get("t"), now) for it in body]
        if status == HANG:
            self._stopped.wait()
            status = CLOSE
        return status, given

    def _usual_answer(self, method, path, query, body):
        if path == "/status/info":
            return 200, {"alive": True, "db_migration_needed": False, "db_version": 30, "user_exists": True}
        token = query.get("b", [""])[0]
        if token != self.token:
            return (500, b"Could not validate access") if token.endswith("\n") else (401, b"Access denied")
        if method == "GET" and path == "/profile":
            record = {"id": USER_ID, "name": "a bot", "protocol": None, "tied_to_account": None, "config": None}
            return 200, {"user_id": USER_ID, "user_type": "bot", "record": record}
        if method == "GET" and path == "/profile/permissions":
            return 200, {"list": [{"id": 1, "resource_prefix": None, "methods": None}]}
        with self.inventory.lock:
            accounts = copy.deepcopy(self.inventory.accounts)
        if method == "GET" and path == "/accounts":
            return 200, {"list": [{"id": number, "name": it["name"]} for number, it in accounts.items()]}
        below = re.fullmatch(r"/accounts/(\d+)/(entities|credentials|sensors|values)(?:/(\d+))?", path)
        if not below or int(below[1]) not in accounts:
            return 403, b"Access to resource denied, insufficient permissions"
        if below[2] == "values":
            return _values_status(method, body)
        records = accounts[int(below[1])][below[2]]
        if method != "GET":
            return 403, b"Access to resource denied, insufficient permissions"
        if below[3] is None:
            return 200, {"list": records}
        found = [record for record in records if record["id"] == int(below[3])]
        return (200, found[0]) if found else (404, {"detail": "No such record"})


def _values_status(method, body):
    keys = {"POST": {"p", "v"}, "PUT": {"p", "v", "t"}}.get(method)
    if keys is None:
        return 405, b"Method not allowed"
    if not isinstance(body, list) or not body or any(not isinstance(it, dict) or set(it) != keys for it in body):
        return 400, b"Input validation failed"
    return 204, b""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    # A bot of the established kind opens a connection for each request.
    request_queue_size = 128

    def __init__(self, address, backend):
        super().__init__(address, _Exchange)
        self.backend = backend

    def handle_error(self, request, client_address):
        """Says nothing of bots that go away without a word: tests kill them."""


class _Exchange(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _exchange(self):
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urllib.parse.urlsplit(self.path)
        path = address.path
        if path.startswith("/api/") and "//" not in path:
            path = path[len("/api") :] if path.endswith("/status/info/") else path[len("/api") :].rstrip("/")
        query = urllib.parse.parse_qs(address.query, keep_blank_values=True)
        body = json.loads(text) if text else None
        status, given = self.server.backend.answer(self.command, path, query, body)
        if status == CLOSE:
            self.close_connection = True
            return
        given = given if isinstance(given, bytes) else json.dumps(given).encode()
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(given)))
        self.end_headers()
        if status != 204:
            self.wfile.write(given)

    do_GET = do_POST = do_PUT = do_DELETE = _exchange

    def log_message(self, format, *args):
        """Keeps requests out of the output."""
