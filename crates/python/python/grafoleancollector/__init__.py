"""Bots for Grafolean: subclass :class:`Collector`, say in ``jobs()`` what is to be done, and ``execute()`` it.

``collector`` is what bots have always imported. Below it: ``sending`` takes values, ``running`` calls the functions of
jobs, ``processes`` calls them in processes of their own, ``engines`` holds one engine for each backend and token,
``health`` serves metrics, ``logs`` carries the engine's log lines to :mod:`logging`.
"""

from .collector import Collector, MultipleIntervalsTrigger
from .engines import BackendUnreachable
from .sending import send_results_to_grafolean

__all__ = ["BackendUnreachable", "Collector", "MultipleIntervalsTrigger", "send_results_to_grafolean"]
