"""What the wheel brings besides its code, and what its page says."""

import json
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).parent.parent.parent.parent
ASK = """
import importlib.metadata, json
found = importlib.metadata.distribution("grafoleancollector")
print(json.dumps({
    "files": [str(file) for file in found.files],
    "metadata": {key: found.metadata.get_all(key) for key in ("License-File", "License-Expression", "Project-URL", "Version")},
    "wheel": found.read_text("WHEEL"),
    "licence": [found.locate_file(file).read_text() for file in found.files if file.name == "LICENSE-MIT"],
}))
"""


def test_the_wheel_has_licences_addresses_and_a_tag_for_any_linux(ours):
    asked = subprocess.run([ours.python, "-c", ASK], capture_output=True, text=True, check=True)
    found = json.loads(asked.stdout)
    assert found["metadata"]["License-Expression"] == ["MIT OR Apache-2.0"]
    assert sorted(found["metadata"]["License-File"]) == ["LICENSE-APACHE", "LICENSE-MIT"]
    assert found["licence"] == [(ROOT / "LICENSE-MIT").read_text()]
    assert any("Homepage" in url for url in found["metadata"]["Project-URL"])
    assert re.search(r"^Tag: cp39-abi3-manylinux_\d+_\d+_\w+$", found["wheel"], re.MULTILINE), found["wheel"]
    assert any(file.endswith("py.typed") for file in found["files"])
    assert not any("/tests/" in file for file in found["files"])


def test_the_readme_states_the_rust_that_a_build_needs():
    (needed,) = re.findall(r'^rust-version = "([0-9.]+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert f"Rust {needed}" in (ROOT / "crates" / "python" / "README.md").read_text()
