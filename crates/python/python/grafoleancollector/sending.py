"""Sending values: durable, and within a run stamped with the time at which the run was due."""

import logging
from typing import Any

from . import running
from .engines import engine_of
from .values import checked


def send_results_to_grafolean(backend_url: str, bot_token: str, account_id: Any, values: Any) -> None:
    """Send values of an account: a list of ``{"p": path, "v": number}`` or a dict of paths and numbers.

    Within a run of a job they are that run's, with its due time; elsewhere they are of this moment. Either way they are
    on disk before they count, are sent until the backend takes them, and nothing is raised.
    """
    log = logging.getLogger()
    if not values:
        log.warning("No results available to be sent to Grafolean, skipping.")
        return
    log.info("Sending results to Grafolean")
    try:
        account, good = int(account_id), checked(values)
        run = running.current()
        if run is not None and run.takes(backend_url, bot_token):
            run.add(account, good)
        elif good:
            engine_of(backend_url, bot_token).send([(account, good)])
    except Exception:
        log.exception("Error sending data to Grafolean")
