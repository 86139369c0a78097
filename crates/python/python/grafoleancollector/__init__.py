"""Bots for Grafolean: subclass :class:`Collector`, name in ``jobs()`` what is to be done, and ``execute()`` it.

``collector`` is what bots have always imported. It plans by ``planning`` and ``settings``, and remembers in ``last_good``
what the backend said. A ``run`` goes on in ``threads`` or ``processes`` (``fork_server`` starts a ``worker``), and comes to
its ``ending``. ``sending`` takes ``values`` and has them kept by ``keeping``. ``engines`` holds one engine for each backend
and token, ``health`` serves metrics, ``logs`` carries the engine's log lines to :mod:`logging`; ``testing`` has a backend
for tests of bots.
"""

from ._engine import VERSION as __version__
from .collector import Collector, MultipleIntervalsTrigger
from .engines import BackendUnreachable
from .sending import send_results_to_grafolean
from .settings import job

__all__ = [
    "BackendUnreachable",
    "Collector",
    "MultipleIntervalsTrigger",
    "__version__",
    "job",
    "send_results_to_grafolean",
]
