"""Sending values: what has been sent is on disk, whatever becomes of the job, the thread or the process after it."""

import logging
import time
from typing import Any

from .engines import origin_of
from .keeping import keep
from .run import Run, current
from .values import checked


def send_results_to_grafolean(backend_url: str, bot_token: str, account_id: Any, values: Any) -> None:
    """Send values of an account: a list of ``{"p": path, "v": number}`` or a dict of paths and numbers.

    Within a run of a job they are that run's, with its due time; elsewhere they are of this moment. When it returns they
    are on disk, and they are sent until the backend takes them. Nothing is raised: what is wrong is logged.
    """
    log = logging.getLogger()
    if not values:
        log.warning("No results available to be sent to Grafolean, skipping.")
        return
    log.info("Sending results to Grafolean")
    try:
        account, good = int(account_id), checked(values)
        if good:
            origin, run = origin_of(backend_url, bot_token), current()
            if run is None or run.origin != origin:
                # A bot may well send elsewhere too.
                run = Run(time.time(), origin)
            keep(origin, [(account, run.stamped(account, good))])
    except Exception:
        log.exception("Error sending data to Grafolean")
