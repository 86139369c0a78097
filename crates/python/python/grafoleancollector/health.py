"""``/metrics`` for Prometheus and ``/healthz`` for whoever restarts what hangs, where ``GRAFOLEAN_METRICS`` says."""

import http.server
import logging
import os
import threading
from typing import Callable, List, Optional

from ._engine import Engine

_CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def serve(engine: Engine, faults: Callable[[], List[str]]) -> Optional[http.server.ThreadingHTTPServer]:
    """Answer on the address that ``GRAFOLEAN_METRICS`` names, e.g. ``127.0.0.1:9300``; without it, do nothing."""
    address = os.environ.get("GRAFOLEAN_METRICS")
    if not address:
        return None
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(
            f"GRAFOLEAN_METRICS is invalid: {address!r} (expected an address and a port, e.g. 127.0.0.1:9300)"
        )

    class Answer(http.server.BaseHTTPRequestHandler):
        """Answers one request."""

        def do_GET(self) -> None:
            """Send the metrics, or what is wrong."""
            if self.path == "/metrics":
                self._send(200, _CONTENT_TYPE, engine.metrics())
            elif self.path == "/healthz":
                found = faults()
                self._send(503 if found else 200, "text/plain", "\n".join(found or ["ok"]) + "\n")
            else:
                self._send(404, "text/plain", "there are /metrics and /healthz\n")

        def _send(self, status: int, content_type: str, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep requests out of the log."""

    server = http.server.ThreadingHTTPServer((host.strip("[]"), int(port)), Answer)
    threading.Thread(target=server.serve_forever, name="grafolean-metrics", daemon=True).start()
    logging.getLogger().info("/metrics and /healthz are served on %s:%s", *server.server_address[:2])
    return server
