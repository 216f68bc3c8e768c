"""`ariadne-codegen`: a client written by a machine from the schema that the server shows."""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import httpx

from tests.api.clients.conftest import HERE, Partner, Scenario

CONFIGURATION = """
[tool.ariadne-codegen]
schema_path = "schema.graphql"
queries_path = "operations.graphql"
target_package_name = "redress_client"
include_comments = "none"

[tool.ariadne-codegen.scalars.DateTime]
type = "datetime.datetime"

[tool.ariadne-codegen.scalars.UUID]
type = "uuid.UUID"

[tool.ariadne-codegen.scalars.Long]
type = "int"
"""


def test_a_generated_client_does_what_a_partner_needs(
    codegen: Path, partner: Partner, scenario: Scenario, tmp_path: Path
) -> None:
    served = httpx.get(partner.url.replace("/graphql", "/schema.graphql"), trust_env=False)
    (tmp_path / "schema.graphql").write_text(served.text, "utf-8")
    operations = (HERE / "operations.graphql").read_text("utf-8")
    (tmp_path / "operations.graphql").write_text(operations, "utf-8")
    (tmp_path / "pyproject.toml").write_text(CONFIGURATION, "utf-8")
    made = subprocess.run(
        [codegen / "ariadne-codegen"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr

    done = subprocess.run(
        [codegen / "python", HERE / "generated_client.py", tmp_path],
        input=json.dumps(
            {"url": partner.url, "streamUrl": partner.stream_url, "key": partner.key}
            | asdict(scenario)
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    scenario.check(json.loads(done.stdout))
