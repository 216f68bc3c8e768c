"""The guide for partners, word for word: its commands run in a shell against a real server."""

import os
import re
import subprocess
from pathlib import Path

from api.limits.messages import TEXTS
from api.refusals import FAULT_TEXTS, REFUSALS, refusal_code
from tests.api.clients.conftest import HERE, Partner

GUIDE = (HERE.parents[2] / "docs" / "guides" / "partners.md").read_text("utf-8")
IN_CONTEXT = {"UNAUTHENTICATED", "FORBIDDEN"}


def test_the_guide_works_word_for_word(partner: Partner, tmp_path: Path) -> None:
    script = "\n".join(re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL))
    script = script.replace("http://127.0.0.1:8000/graphql", partner.url)
    script = script.replace("/tmp/redress", str(tmp_path / "redress"))  # noqa: S108

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=os.environ | {"KEY": partner.key, "no_proxy": "*", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    said = done.stdout
    assert done.returncode == 0, done.stderr
    assert '"role":"PARTNER"' in said
    first, again = re.findall(r'"position":\d+,"complaint":\{"id":"[^"]+","number":"[^"]+"', said)
    assert first == again
    assert re.search(r'"code":"IDEMPOTENCY_KEY_REUSED".*422', said)
    assert re.search(r'"InvalidValue".*[\u4e00-\u9fff].*"field":"subject"', said)
    assert '{"data":{"complaints":{"totalCount":1}}}' in said
    assert said.count('"partnerReference":"acme-1"') == 2
    assert said.count('"hasNextPage":true') == said.count('"hasNextPage":false') == 1
    assert '"code":"INVALID_VALUE","rule":"out_of_range","field":"first"' in said
    assert re.search(r"Cannot query field 'nothing'.*400", said)
    assert re.search(r'"title":"Unauthorized".*401', said)
    assert re.search(r"(?mi)^ratelimit: .*\br=", said)
    assert re.search(r"(?mi)^redress-cost: \d{2,}", said)


def test_the_guide_names_codes_that_there_are() -> None:
    known = {*TEXTS, *FAULT_TEXTS, *IN_CONTEXT, *map(refusal_code, REFUSALS)}
    section = GUIDE.split("## Errors and refusals")[1].split("\n## ")[0]
    named = set(
        re.findall(r"`([A-Z]+(?:_[A-Z]+)+|UNAUTHENTICATED|FORBIDDEN|UNAVAILABLE)`", section)
    )

    assert len(named) > 10
    assert named <= known


def test_the_guide_leads_to_files_that_there_are() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", GUIDE):
        assert (HERE.parents[2] / "docs" / "guides" / target).resolve().is_file(), target
