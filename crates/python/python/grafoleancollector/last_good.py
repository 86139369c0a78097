"""The last good configuration on disk, for a start while the backend is away.

A file of two lines, the SHA-256 of the second and JSON. It holds credentials, so only its owner may read it.
"""

import contextlib
import hashlib
import json
import logging
import os
import tempfile
import threading
from pathlib import Path
from typing import Any, Dict, Optional

_FILE = "last-good.json"


class LastGood:
    """What a backend said last of one bot: whose token it is, and what it measures of each protocol."""

    def __init__(self, folder: Path) -> None:
        """Name the folder of the bot; what it holds is read when it is asked for."""
        self._file = folder / _FILE
        self._lock = threading.Lock()
        self._written: Optional[bytes] = None

    def user_id(self) -> Optional[int]:
        """Return whose token it was, if that is known."""
        return self._read().get("user_id")

    def configs(self, protocol: str) -> Optional[str]:
        """Return what was measured of a protocol, as JSON, if that is known."""
        found = self._read().get("configs", {}).get(protocol)
        return found if isinstance(found, str) else None

    def keep_user_id(self, user_id: int) -> None:
        """Remember whose token it is."""
        self._change({"user_id": user_id}, {})

    def keep_configs(self, protocol: str, configs: str) -> None:
        """Remember what is measured of a protocol."""
        self._change({}, {protocol: configs})

    def _read(self) -> Dict[str, Any]:
        try:
            digest, _, text = self._file.read_bytes().partition(b"\n")
        except OSError:
            return {}
        if hashlib.sha256(text).hexdigest().encode() != digest:
            logging.getLogger().warning("%s is damaged and not used: its checksum is wrong", self._file)
            return {}
        found = json.loads(text)
        return found if isinstance(found, dict) else {}

    def _change(self, of_bot: Dict[str, Any], of_protocols: Dict[str, str]) -> None:
        with self._lock:
            known = self._read()
            changed = {**known, **of_bot, "configs": {**known.get("configs", {}), **of_protocols}}
            text = json.dumps(changed).encode()
            if text == self._written or changed == known:
                return
            try:
                self._write(hashlib.sha256(text).hexdigest().encode() + b"\n" + text)
                self._written = text
            except OSError as error:
                logging.getLogger().warning(
                    "The configuration can't be kept for a start without the backend: %s", error
                )

    def _write(self, content: bytes) -> None:
        """Replace the file at once or not at all."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        # Readable by its owner alone from its beginning.
        number, name = tempfile.mkstemp(prefix=_FILE, dir=self._file.parent)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self._file)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
