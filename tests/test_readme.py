"""The README's tour, word for word: its commands run in a shell against a real server."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.embedded_postgres import EmbeddedPostgres

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def tour() -> str:
    section = README.split("## A five-minute tour")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    environment = os.environ | {
        "REDRESS_DATA_DIR": str(tmp_path / "data"),
        "REDRESS_PORT": "0",
        "REDRESS_LOG_LEVEL": "WARNING",
        "LC_ALL": "C.UTF-8",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli.main", "serve", "--demo"],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    address = ""
    for line in process.stdout:
        found = re.search(r"http://\S+:\d+", line)
        if found:
            address = found.group()
            break
    yield address, environment
    process.terminate()
    process.wait(timeout=30)
    EmbeddedPostgres(tmp_path / "data").destroy()


def test_the_tour_works_word_for_word(server: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    address, environment = server
    script = (
        tour()
        .replace("http://127.0.0.1:8000", address)
        .replace(".venv/bin/redress", f"{sys.executable} -m api.cli.main")
        .replace("/tmp/redress-tour", str(tmp_path / "tour"))  # noqa: S108
    )

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    said = done.stdout
    assert done.returncode == 0, done.stderr
    assert '"state":"RECEIVED","stateLabel":"已接收"' in said
    assert said.count('"__typename":"ComplaintPayload"') == 10
    assert '"code":"RESOLUTION_NEEDED"' in said
    assert '"state":"FOLLOWED_UP","stateLabel":"已回访"' in said
    assert '"state":"CLOSED","stateLabel":"已结案","step":null' in said
    assert '"code":"OWN_CASE"' in said
    assert '"csatLow":' in said
    assert '"then":{"version":' in said
    assert '"code":"WRONG_STATE"' in said
    assert "当前状态" in said
    assert "Assigned to department 运营部" in said
    assert "分派至运营部" in said
    assert '"before":[]' in said
    assert "3 rows read; imported 2 shipments, 1 complaints, 2 ratings" in said
    assert "imported 0 shipments, 0 complaints, 0 ratings; unchanged 2, 1, 2" in said
    assert "waybill_format" in said
    assert '"complaints":{"totalCount":1' in said
    assert '"formatted":"12.50元"' in said
    assert "everything works" in said


def test_every_target_of_the_makefile_that_the_readme_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for name in ("run", "test", "check", "bench", "acceptance", "help", "format", "lock"):
        assert re.search(rf"^{name}:.*## ", makefile, re.MULTILINE), name
