"""PostGraphile, if node and npm are here: installed into a directory that goes afterwards."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.benchmarks.graphql.servers import free_port, serving, url_of

PACKAGE: Final = "postgraphile@5.1.5"
_NODE: Final = "node@22.23.3"  # the one that it wants, whichever is installed
_CONFIG: Final = """
import { makePgService } from "postgraphile/adaptors/pg";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { makeJSONPgSmartTagsPlugin } from "postgraphile/utils";

const ofComplaint = (column, name) => ({
  tags: { foreignKey: `(${column}) references read.complaints (id)|@foreignFieldName ${name}` },
});

export default {
  extends: [PostGraphileAmberPreset],
  plugins: [
    makeJSONPgSmartTagsPlugin({
      version: 1,
      config: {
        class: {
          "read.evidence": ofComplaint("complaint", "evidence"),
          "read.case_entries": ofComplaint("case_id", "timeline"),
        },
      },
    }),
  ],
  pgServices: [
    makePgService({
      connectionString: process.env.BENCH_DATABASE,
      schemas: ["read"],
      pubsub: false,
      poolConfig: { max: 16 },
    }),
  ],
  grafserv: {
    host: "127.0.0.1",
    port: Number(process.env.BENCH_PORT),
    graphiql: false,
    watch: false,
  },
};
"""

NESTED: Final = """
query Nested($after: Cursor) {
  allComplaints(first: 50, after: $after, orderBy: RECEIVED_AT_DESC) {
    edges { node {
      id: rowId number state severity receivedAt
      evidence { nodes { number kind mediaType size sha256 } }
      timeline(first: 10) {
        edges { node { position topic occurredAt actor sentence: sentenceEn } }
      }
    } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
FLAT: Final = """
query Flat($after: Cursor) {
  allComplaints(
    first: 1000, after: $after, condition: { severity: "general" }, orderBy: RECEIVED_AT_DESC
  ) {
    edges { cursor node { id: rowId number state channel category region receivedAt } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
CASE: Final = """
query Case($id: UUID!) {
  complaintByRowId(rowId: $id) {
    id: rowId number state severity
    timeline(first: 500) {
      edges { node { position topic occurredAt recordedAt actor role sentence: sentenceZh } }
    }
  }
}
"""
CURSOR: Final = """
query Cursor($rank: Int!) {
  allComplaints(first: 1, offset: $rank, orderBy: RECEIVED_AT_DESC) { edges { cursor } }
}
"""


@contextmanager
def postgraphile(conninfo: str, directory: Path) -> Iterator[int]:
    """Install and serve; what it sees is the schema ``read``, as a superuser."""
    directory.mkdir()
    (directory / "package.json").write_text('{"private": true}\n', "utf-8")
    (directory / "graphile.config.mjs").write_text(_CONFIG, "utf-8")
    npm = [str(shutil.which("npm")), "install", "--no-audit", "--no-fund", PACKAGE, _NODE]
    subprocess.run(npm, cwd=directory, check=True, capture_output=True)
    port = free_port()
    environment = {
        "BENCH_DATABASE": url_of(conninfo),
        "BENCH_PORT": str(port),
        "NODE_ENV": "production",
        "GRAPHILE_ENV": "production",
    }
    modules = directory / "node_modules"
    command = [
        str(modules / ".bin/node"), str(modules / "postgraphile/dist/cli-run.js"),
        "--config", str(directory / "graphile.config.mjs"),
    ]  # fmt: skip
    with serving(command, environment, port) as served:
        yield served


def installable() -> bool:
    """Say whether there is what it takes."""
    return shutil.which("npm") is not None and shutil.which("node") is not None
