"""``/metrics`` for Prometheus and ``/healthz`` for whoever restarts what hangs, where ``GRAFOLEAN_METRICS`` says."""

import http.server
import logging
import socket
import threading
from typing import Callable, List, Optional

from ._engine import Engine, Settings

_CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def serve(
    engine: Engine, settings: Settings, faults: Callable[[], List[str]]
) -> Optional[http.server.ThreadingHTTPServer]:
    """Answer on the address that ``GRAFOLEAN_METRICS`` names, e.g. ``127.0.0.1:9300``; without it, do nothing."""
    address = settings.address("metrics")
    if address is None:
        return None

    class Answer(http.server.BaseHTTPRequestHandler):
        """Answers one request."""

        def do_GET(self) -> None:
            """Send the metrics, or what is wrong."""
            if self.path == "/metrics":
                self._send(200, _CONTENT_TYPE, engine.metrics())
            elif self.path == "/status.json":
                self._send(200, "application/json", engine.statuses())
            elif self.path == "/healthz":
                found = faults()
                self._send(503 if found else 200, "text/plain", "\n".join(found or ["ok"]) + "\n")
            else:
                self._send(404, "text/plain", "there are /metrics, /healthz and /status.json\n")

        def _send(self, status: int, content_type: str, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep requests out of the log."""

    class Server(http.server.ThreadingHTTPServer):
        """Listens on addresses of either family."""

        address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET

    server = Server(address, Answer)
    threading.Thread(target=server.serve_forever, name="grafolean-metrics", daemon=True).start()
    logging.getLogger().info("/metrics and /healthz are served on %s:%s", *server.server_address[:2])
    return server
