"""The package's backend for tests, read from its source: the Python that runs these tests does not have the package."""

import importlib.util
import pathlib

_SOURCE = pathlib.Path(__file__).parent.parent / "python" / "grafoleancollector" / "testing.py"
_spec = importlib.util.spec_from_file_location("grafolean_testing", _SOURCE)
_testing = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_testing)

Backend, attachment = _testing.Backend, _testing.attachment
CLOSE, HANG, USER_ID = _testing.CLOSE, _testing.HANG, _testing.USER_ID
