"""A backend for tests of bots: it speaks what bots use of the API, records every request, and fails when told to.

With pytest the fixture ``grafolean_backend`` is there by itself::

    def test_the_load_is_measured(grafolean_backend):
        account = grafolean_backend.inventory.account()
        device = grafolean_backend.inventory.device(account, "load")
        LoadBot(grafolean_backend.url, grafolean_backend.token, 120).run_once()
        assert [it.path for it in grafolean_backend.values()] == [f"entity.{device}.load"]
"""

import copy
import http.server
import itertools
import json
import re
import threading
import time
import urllib.parse
import uuid
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

try:
    import pytest
except ImportError:
    pytest = None  # type: ignore[assignment]

# The id of the bot whose token a backend knows.
USER_ID = 77
# What a rule may have the backend do instead of answering: keep the request waiting, or close its connection.
HANG = "hang"
CLOSE = "close"
Status = Union[int, str]
# What a record holds beside its name, as the backend stores it.
Details = Optional[Dict[str, Any]]


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


class Inventory:
    """Accounts as a backend holds them; a test changes them while a bot runs."""

    def __init__(self) -> None:
        """Begin without accounts."""
        self.lock = threading.Lock()
        self.accounts: Dict[int, Dict[str, Any]] = {}
        self._ids = itertools.count(1001)

    def account(self, name: str = "Test account") -> int:
        """Adds an account and returns its id."""
        with self.lock:
            account = next(self._ids)
            self.accounts[account] = {"name": name, "entities": [], "credentials": [], "sensors": []}
        return account

    def credential(self, account: int, protocol: str, details: Details = None) -> int:
        """Adds a credential and returns its id."""
        record = {"name": "a credential", "protocol": protocol, "details": {} if details is None else details}
        return self._add(account, "credentials", record)

    def sensor(self, account: int, protocol: str, details: Details = None, default_interval: Optional[int] = 60) -> int:
        """Adds a sensor and returns its id."""
        record = {"name": "a sensor", "protocol": protocol, "default_interval": default_interval}
        return self._add(account, "sensors", record | {"details": {} if details is None else details})

    def entity(
        self,
        account: int,
        name: str,
        protocols: Details = None,
        details: Details = None,
        entity_type: str = "device",
        parent: Optional[int] = None,
    ) -> int:
        """Adds an entity, by default a device, and returns its id."""
        record = {"name": name, "entity_type": entity_type, "parent": parent}
        details = {"ipv4": "192.0.2.1"} if details is None else details
        return self._add(account, "entities", record | {"details": details, "protocols": protocols or {}})

    def device(
        self,
        account: int,
        protocol: str,
        name: str = "a device",
        sensor: Details = None,
        credential: Details = None,
        interval: Optional[int] = 60,
        **details: Any,
    ) -> int:
        """Adds a device with one sensor and a credential of a protocol, each with these details; returns its id."""
        used = self.sensor(account, protocol, sensor, default_interval=interval)
        return self.entity(
            account, name, {protocol: attachment(self.credential(account, protocol, credential), used)}, details or None
        )

    def change_sensor(self, account: int, sensor: int, **details: Any) -> None:
        """Changes some of a sensor's details."""
        with self.lock:
            record = self._one(account, "sensors", sensor)
            record["details"] = record["details"] | details

    def attach(self, account: int, entity: int, protocol: str, attachment: Any) -> None:
        """Replaces what of a protocol an entity has."""
        with self.lock:
            record = self._one(account, "entities", entity)
            record["protocols"] = record["protocols"] | {protocol: attachment}

    def _add(self, account: int, kind: str, record: Dict[str, Any]) -> int:
        with self.lock:
            number = next(self._ids)
            self.accounts[account][kind].append({"id": number} | record)
        return number

    def _one(self, account: int, kind: str, number: int) -> Dict[str, Any]:
        return next(record for record in self.accounts[account][kind] if record["id"] == number)


def attachment(credential: Optional[int], *sensors: Any, bot: Optional[int] = None) -> Dict[str, Any]:
    """Returns what an entity has of a protocol; a sensor is an id, or an id and an interval of the entity's own."""
    uses = [use if isinstance(use, tuple) else (use, None) for use in sensors]
    return {"credential": credential, "bot": bot, "sensors": [{"sensor": s, "interval": i} for s, i in uses]}


class Backend:
    """Serves an inventory on a loopback port.

    ``rule(method, path)`` returns a status, ``HANG`` or ``CLOSE`` for requests that are not answered as usual, else None.
    """

    def __init__(self) -> None:
        """Begin to serve an empty inventory."""
        self.token = str(uuid.uuid4())
        self.inventory = Inventory()
        self.rule: Callable[[str, str], Optional[Status]] = lambda method, path: None
        self._lock = threading.Lock()
        self._requests: List[Request] = []
        self._values: List[Value] = []
        self._stopped = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self)
        self.url = f"http://127.0.0.1:{self._server.server_port}/api"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def requests(self, method: Optional[str] = None, pattern: str = "") -> List[Request]:
        """Returns what was asked so far, or those of it of one method whose path holds a pattern."""
        with self._lock:
            found = list(self._requests)
        return [it for it in found if method in (None, it.method) and re.search(pattern, it.path)]

    def values(self, pattern: str = "") -> List[Value]:
        """Returns the values that were taken so far, those whose path holds the pattern."""
        with self._lock:
            return [value for value in self._values if re.search(pattern, value.path)]

    def stop(self) -> None:
        """Lets go of requests that hang, and ends."""
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, query: Dict[str, List[str]], body: Any) -> Tuple[Status, Any]:
        """Returns the status and the body of an answer; the status may be ``HANG`` or ``CLOSE``."""
        status = self.rule(method, path)
        given = b"as the test wants it"
        if status is None:
            status, given = self._usual_answer(method, path, query, body)
        query.pop("b", None)
        now = time.time()
        with self._lock:
            text = urllib.parse.urlencode(query, doseq=True)
            self._requests.append(Request(method, path, text, body, now, status))
            values = re.fullmatch(r"/accounts/(\d+)/values", path)
            if values and status == 204:
                account = int(values[1])
                self._values += [Value(account, it["p"], float(it["v"]), it.get("t"), now) for it in body]
        if status == HANG:
            self._stopped.wait()
            status = CLOSE
        return status, given

    def _usual_answer(self, method: str, path: str, query: Dict[str, List[str]], body: Any) -> Tuple[int, Any]:
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


def _values_status(method: str, body: Any) -> Tuple[int, bytes]:
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

    def __init__(self, address: Tuple[str, int], backend: Backend) -> None:
        super().__init__(address, _Handler)
        self.backend = backend

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keeps quiet about bots that go away without a word: tests kill them."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    server: "_Server"

    def _handle(self) -> None:
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
        self.send_response(int(status))
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(given)))
        self.end_headers()
        if status != 204:
            self.wfile.write(given)

    do_GET = do_POST = do_PUT = do_DELETE = _handle

    def log_message(self, format: str, *args: object) -> None:
        """Keeps requests out of the output."""


if pytest is not None:

    @pytest.fixture
    def grafolean_backend(tmp_path: Any, monkeypatch: Any) -> Iterator[Backend]:
        """A backend on a loopback port; what bots keep on disk meanwhile goes with the test."""
        monkeypatch.setenv("GRAFOLEAN_DATA", str(tmp_path / "grafolean"))
        backend = Backend()
        yield backend
        backend.stop()
