"""TypeScript: the examples of the documents are of the types that two generators make of the OpenAPI document."""

import json
import re
from pathlib import Path

import pytest

from tests.contract import generators
from tests.contract.generators import ACCOUNTS, API
from tests.servers import ROOT

pytestmark = pytest.mark.contract

DEVICE = "0191d6a0-0000-7000-8000-000000000001"
COMPILER = {
    "compilerOptions": {
        "strict": True, "noEmit": True, "target": "es2022", "module": "esnext", "moduleResolution": "bundler",
        "lib": ["es2022", "dom", "dom.iterable"], "types": [],
    },
    "include": ["*.ts", "fetch", "accounts"],
}  # fmt: skip
USE = """
import type { components, paths } from "./schema";
import type { HeldRecord, PushRequest, RecordRequest } from "./fetch";
import { syncPull, syncPush } from "./fetch";

type Schemas = components["schemas"];
type Answer = paths["/api/v1/sync/push"]["post"]["responses"]["200"]["content"]["application/json"];

const kinds: readonly RecordRequest["kind"][] = [KINDS];
const ofOne: readonly PushRequest[] = [EXAMPLES];
const ofOther: readonly Schemas["PushRequest"][] = [EXAMPLES];

export function intensity(record: HeldRecord, same: Schemas["HeldRecord"]): number | undefined {
  if (record.kind === "sleep") return record.data?.hours;
  return record.kind === "pain" && same.kind === "pain" ? record.data?.intensity ?? same.data?.intensity : undefined;
}

export function statuses(answer: Answer): string[] {
  return answer.results.map((result) => result.status);
}

export async function sync(): Promise<HeldRecord[]> {
  const headers = { "X-Device": "DEVICE" };
  for (const body of ofOne) await syncPush({ body, headers });
  const page = await syncPull({ headers });
  return page.data?.records ?? [];
}

export const wrong: RecordRequest = {
  kind: "pain", id: "DEVICE", revision: 1, recorded_at: "2026-03-02T21:10:00+01:00", time_zone: "Europe/Amsterdam",
  // @ts-expect-error a number is no string
  data: { intensity: "6" },
};
export { kinds, ofOther };
"""


def pushes() -> list[str]:
    """The bodies of every push in the documents, as a reader copies them."""
    pages = [page.read_text() for page in (ROOT / "docs" / "sync.md", ROOT / "docs" / "api.md")]
    bodies = [
        body
        for page in pages
        for body in re.findall(r"```json request POST /api/v1/sync/push[^\n]*\n(.*?)```", page, re.DOTALL)
    ]
    bodies += re.findall(r"/api/v1/sync/push .*? -d '(\{.*?\})'", (ROOT / "README.md").read_text(), re.DOTALL)
    return [json.dumps(json.loads(body.replace("{device}", DEVICE))) for body in bodies]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the types and the clients that are generated."""
    made = tmp_path_factory.mktemp("typescript")
    types, client = generators.npm_program("openapi-typescript"), generators.npm_program("openapi-ts")
    generators.run_well([types, API, "-o", made / "schema.ts"])
    generators.run_well([client, "-i", API, "-o", made / "fetch", "--no-log-file"], cwd=made)
    generators.run_well([client, "-i", ACCOUNTS, "-o", made / "accounts", "--no-log-file"], cwd=made)
    (made / "tsconfig.json").write_text(json.dumps(COMPILER))
    return made


def use(kinds: str, examples: str) -> str:
    return USE.replace("KINDS", kinds).replace("EXAMPLES", examples).replace("DEVICE", DEVICE)


def compiled(folder: Path, source: str) -> tuple[int, str]:
    (folder / "use.ts").write_text(source)
    done = generators.run([generators.npm_program("tsc"), "--project", folder])
    return done.returncode, done.stdout


def test_the_pushes_of_the_documents_compile_with_the_generated_types(folder):
    found = pushes()
    code, said = compiled(folder, use('"pain", "journal"', ", ".join(found)))

    assert len(found) >= 4
    assert code == 0, said


def test_a_push_that_the_schema_refuses_does_not_compile_with_the_generated_types(folder):
    faulty = pushes()[0].replace('"intensity": 6', '"intensty": 6')
    code, said = compiled(folder, use('"mood"', faulty))

    assert code != 0
    assert '"mood"' in said
    assert "intensty" in said
