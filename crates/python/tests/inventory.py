"""What is set up at the fake backend: accounts with their devices, credentials and sensors."""

import itertools
import threading


class Inventory:
    """Accounts as a backend holds them; a test changes them while a bot runs."""

    def __init__(self):
        self.lock = threading.Lock()
        self.accounts = {}
        self._ids = itertools.count(1001)

    def account(self, name="Test account"):
        """Adds an account and gives its id."""
        with self.lock:
            account = next(self._ids)
            self.accounts[account] = {"name": name, "entities": [], "credentials": [], "sensors": []}
        return account

    def credential(self, account, protocol, details=None):
        """Adds a credential and gives its id."""
        record = {"name": "a credential", "protocol": protocol, "details": {} if details is None else details}
        return self._add(account, "credentials", record)

    def sensor(self, account, protocol, details=None, default_interval=60):
        """Adds a sensor and gives its id."""
        record = {"name": "a sensor", "protocol": protocol, "default_interval": default_interval}
        return self._add(account, "sensors", record | {"details": {} if details is None else details})

    def entity(self, account, name, protocols=None, details=None, entity_type="device", parent=None):
        """Adds an entity, by default a device, and gives its id."""
        record = {"name": name, "entity_type": entity_type, "parent": parent}
        details = {"ipv4": "192.0.2.1"} if details is None else details
        return self._add(account, "entities", record | {"details": details, "protocols": protocols or {}})

    def change_sensor(self, account, sensor, **details):
        """Changes some of a sensor's details."""
        with self.lock:
            record = self._one(account, "sensors", sensor)
            record["details"] = record["details"] | details

    def attach(self, account, entity, protocol, attachment):
        """Says anew what of a protocol an entity has."""
        with self.lock:
            record = self._one(account, "entities", entity)
            record["protocols"] = record["protocols"] | {protocol: attachment}

    def _add(self, account, kind, record):
        with self.lock:
            number = next(self._ids)
            self.accounts[account][kind].append({"id": number} | record)
        return number

    def _one(self, account, kind, number):
        return next(record for record in self.accounts[account][kind] if record["id"] == number)


def attachment(credential, *sensors, bot=None):
    """Gives what an entity has of a protocol; a sensor is an id, or an id and an interval of the entity's own."""
    uses = [use if isinstance(use, tuple) else (use, None) for use in sensors]
    return {"credential": credential, "bot": bot, "sensors": [{"sensor": s, "interval": i} for s, i in uses]}
