"""Sets up a hub for a bench: one account, one bot, many devices with a few sensors each. Standard library only."""

import json
import sys
import urllib.request


class Backend:
    """A Grafolean-compatible backend as its administrator sees it."""

    def __init__(self, url):
        self.url = url
        self.authorization = None

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("Content-Type", "application/json")
        if self.authorization:
            request.add_header("Authorization", self.authorization)
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(request, data, timeout=30) as answer:
            self.authorization = answer.headers.get("X-JWT-Token") or self.authorization
            text = answer.read()
        return json.loads(text) if text else None


def populate(url, protocol, devices, sensors, interval):
    """Creates all of it and gives the bot's token."""
    backend = Backend(url)
    person = {"username": "bench", "password": "bench-password", "name": "Bench", "email": "bench@example.org"}
    backend.call("POST", "/admin/migratedb")
    backend.call("POST", "/admin/first", person)
    backend.call("POST", "/auth/login", {"username": person["username"], "password": person["password"]})
    account = f"/accounts/{backend.call('POST', '/admin/accounts', {'name': 'Bench'})['id']}"
    bot = backend.call("POST", f"{account}/bots", {"name": "bench bot", "protocol": protocol})["id"]
    permissions = [("values", ["POST", "PUT"]), ("entities", ["GET"]), ("credentials", ["GET"]), ("sensors", ["GET"])]
    for what, methods in permissions:
        body = {"resource_prefix": f"{account[1:]}/{what}", "methods": methods}
        backend.call("POST", f"{account}/bots/{bot}/permissions", body)
    credential = {"name": "bench", "protocol": protocol, "details": {}}
    credential = backend.call("POST", f"{account}/credentials", credential)["id"]
    uses = []
    for number in range(sensors):
        sensor = {"name": f"sensor {number}", "protocol": protocol, "default_interval": interval, "details": {}}
        uses.append({"sensor": backend.call("POST", f"{account}/sensors", sensor)["id"], "interval": None})
    attachment = {"credential": credential, "bot": bot, "sensors": uses}
    for number in range(devices):
        address = f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        entity = {"name": f"device {number}", "entity_type": "device", "details": {"ipv4": address}}
        backend.call("POST", f"{account}/entities", entity | {"protocols": {protocol: attachment}})
    return backend.call("GET", f"{account}/bots/{bot}/token")["token"]


if __name__ == "__main__":
    print(populate(sys.argv[1], "ping", devices=1_000, sensors=3, interval=60))
