"""The backend for tests of bots, as their authors use it: a fixture of pytest."""

import os
import pathlib
import subprocess

GUIDE = pathlib.Path(__file__).parent.parent.parent.parent / "docs" / "testing-a-bot.md"
README = pathlib.Path(__file__).parent.parent / "README.md"


def test_the_test_of_the_guide_passes_and_fails_with_its_bot(ours, tmp_path):
    blocks = [block.split("```")[0] for block in GUIDE.read_text(encoding="utf-8").split("```python\n")[1:]]
    (test,) = [block for block in blocks if "grafolean_backend" in block]
    bot = README.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    # As the guide says, what executes the bot stands below a guard.
    definition, execution = bot.rstrip().rsplit("\n", 1)
    guarded = f'{definition}\nif __name__ == "__main__":\n    {execution}\n'
    (tmp_path / "load_bot.py").write_text(guarded, encoding="utf-8")
    (tmp_path / "test_load_bot.py").write_text(test, encoding="utf-8")
    passed = run_pytest(ours, tmp_path)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    (tmp_path / "load_bot.py").write_text(guarded.replace(".load", ".lode"), encoding="utf-8")
    failed = run_pytest(ours, tmp_path)
    assert failed.returncode == 1 and "lode" in failed.stdout, failed.stdout


def run_pytest(package, folder):
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [package.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
