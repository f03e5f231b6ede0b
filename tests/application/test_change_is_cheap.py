"""The cost of changes: a property touches two files, a query service is one file."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from application.engine.executor import CommandContext
from domain.cases.case_commands import (
    AmendCase,
    AttachEvidence,
    CaseCommand,
    RetractEvidence,
    WithdrawCase,
)
from domain.ids import EvidenceId
from tests.application.community import CASE, RESTORE, Reading, decide, erase, moderator
from tests.application.public_cases import PublicCases
from tests.world import World

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGES = ("domain", "application", "adapters", "entrypoints", "config")

SIGN_IN = """
import json
from config.process import Process
from config.settings import read_settings
from application.engine import answers

answers.LONGEST_WAIT = 60.0

process = Process(read_settings())
process.start()
client = process.app.test_client()
account = {"pseudonym": "Anna", "passphrase": "four plain words here"}
client.post("/v1/members", json=account)
token = client.post("/v1/sessions", json=account).json["access_token"]
headers = {"Authorization": f"Bearer {token}"}
"""

REPORT_A_LOSS = """
body = {"title": "A bribe", "story": "They asked for money.", "invented": 250}
reply = client.post("/v1/cases", json=body, headers=headers)
assert reply.status_code == 201, reply.text
headers["Klarity-Token"] = reply.headers["Klarity-Token"]
case = client.get(reply.headers["Location"], headers=headers).json
schemas = client.get("/openapi.json").json["components"]["schemas"]
wrong = client.post("/v1/cases", json={**body, "invented": "much"}, headers=headers)
process.close()

from tests.application.test_codec import codec, recorded
from tests.golden.events import GOLDEN
import msgspec

event = recorded(GOLDEN["cases.CaseReported"], codec())
data = msgspec.json.decode(event.data)
del data["details"]["invented"]
from dataclasses import replace
old = codec().decode(replace(event, data=msgspec.json.encode(data)))
print(json.dumps([
    case["invented"], "invented" in schemas["CaseDocument"]["properties"],
    wrong.json["errors"], old.details.invented,
]))
"""

AMEND_A_PERSONAL_PROPERTY = """
body = {"title": "A bribe", "story": "They asked.", "confided": "Registry", "anonymous": True}
reply = client.post("/v1/cases", json=body, headers=headers)
assert reply.status_code == 201, reply.text
path = reply.headers["Location"]
headers["Klarity-Token"] = reply.headers["Klarity-Token"]
then = client.get(f"{path}/history", headers=headers).json["items"][0]["at"]
before = client.get(f"{path}?as_of={then}", headers=headers).json["confided"]
amended = client.patch(path, json={"confided": ""}, headers=headers)
headers["Klarity-Token"] = amended.headers["Klarity-Token"]
after = client.get(f"{path}?as_of={then}", headers=headers).json["confided"]
proof = client.get(f"{path}/proof", headers=headers).text
process.close()
print(json.dumps([before, after, "Registry" in proof]))
"""

FLAG_WITH_A_NEW_FACT = """
case_id = "12345678-1234-4234-8234-123456789abc"
body = {"subject_kind": "case", "subject_id": case_id, "rule": "spam", "note": ""}
refused = client.post("/v1/flags", json=body, headers=headers)
unknown = client.post("/v1/flags", json={**body, "strikes": 0}, headers=headers)
schemas = client.get("/openapi.json").json["components"]["schemas"]
process.close()
print(json.dumps([
    refused.json["detail"], unknown.status_code, unknown.json["errors"],
    sorted(schemas["Flag"]["properties"]),
]))
"""

COUNT_CASES = '''
"""How many cases has each category?"""

from dataclasses import dataclass, replace

from application.ports.read_models import Find, by_range
from application.engine.query_service import QueryService
from application.engine.rows import Rows
from domain.cases.case_events import CaseReported


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryCount:
    category: str
    cases: int = 0


class CategoryCounts(QueryService[CategoryCount]):
    """How many cases has each category?"""

    name, version = "category-counts", 1
    document, key = CategoryCount, "category"
    indexes = (by_range("cases"),)

    def project(self, event: CaseReported, rows: Rows[CategoryCount]) -> None:
        match event:
            case CaseReported():
                name = event.details.category.value
                row = rows.get(name) or CategoryCount(category=name)
                rows.put(name, replace(row, cases=row.cases + 1))

    def ask(self) -> Find:
        """Categories, the largest first."""
        return Find(order_by="cases")
'''

ASK_FOR_COUNTS = """
for category in ("fraud", "bribery", "fraud"):
    body = {"title": "A case", "story": "It happened.", "category": category}
    reply = client.post("/v1/cases", json=body, headers=headers)
headers = {"Klarity-Token": reply.headers["Klarity-Token"]}
counts = client.get("/v1/category-counts?limit=1", headers=headers).json["items"]
paths = client.get("/openapi.json").json["paths"]
process.close()
print(json.dumps([counts, "/v1/category-counts" in paths]))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project as it is, to be changed."""
    for package in (*PACKAGES, "tests"):
        # With what was compiled, but for the files that another process is writing.
        unfinished = shutil.ignore_patterns("*.pyc.*")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=unfinished)
    return tmp_path


def run(copy: Path, program: str) -> str:
    """What the program prints, run on the changed project."""
    environment = {
        "PYTHONPATH": str(copy),
        "PATH": "/usr/bin:/bin",
        "KLARITY_EVENT_STORE": "memory",
        "KLARITY_DATA": str(copy / "data"),
        "KLARITY_LOG_LEVEL": "ERROR",
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def insert(file: Path, after: str, line: str) -> None:
    text = file.read_text()
    assert text.count(after) == 1
    file.write_text(text.replace(after, f"{after}\n{line}"))


def test_a_property_of_a_case_touches_two_files(copy: Path) -> None:
    insert(
        copy / "domain/cases/case_details.py",
        "    occurred_on: Annotated[date | None, Personal()] = None",
        "    invented: int | None = None",
    )
    insert(
        copy / "application/queries/case_document.py",
        "    occurred_on: Annotated[date | None, Personal()] = None",
        "    invented: int | None = None",
    )
    assert (
        run(copy, SIGN_IN + REPORT_A_LOSS)
        == '[250, true, {"invented": ["Not a valid integer."]}, null]'
    )


def test_a_personal_property_is_sealed_and_hidden_in_the_past_after_it_was_amended(
    copy: Path,
) -> None:
    insert(
        copy / "domain/cases/case_details.py",
        "    occurred_on: Annotated[date | None, Personal()] = None",
        '    confided: Annotated[str, Personal()] = ""',
    )
    insert(
        copy / "application/queries/case_document.py",
        "    occurred_on: Annotated[date | None, Personal()] = None",
        '    confided: Annotated[str, Personal()] = ""',
    )
    assert run(copy, SIGN_IN + AMEND_A_PERSONAL_PROPERTY) == '["Registry", "", false]'


def test_a_fact_touches_its_rule_and_its_use_case_but_not_the_api(copy: Path) -> None:
    rules = copy / "domain/moderation/flag.py"
    insert(rules, "    open_flags: int", "    strikes: int")
    insert(
        rules,
        "    must_be_a_rule(command.rule)",
        "    if facts.strikes:\n"
        '        raise DomainError("forbidden", f"You have {facts.strikes} strikes.")',
    )
    insert(
        copy / "application/use_cases/moderation/moderate.py",
        "            open_flags=len(record.open),",
        "            strikes=3,",
    )
    refusal, status, errors, fields = json.loads(run(copy, SIGN_IN + FLAG_WITH_A_NEW_FACT))
    assert refusal == "You have 3 strikes."
    assert (status, errors) == (422, {"strikes": ["Unknown field."]})
    assert fields == ["note", "rule", "subject_id", "subject_kind"]


def test_a_query_service_is_one_file(copy: Path) -> None:
    (copy / "application/queries/category_counts.py").write_text(COUNT_CASES)
    assert run(copy, SIGN_IN + ASK_FOR_COUNTS) == '[[{"category": "fraud", "cases": 2}], true]'


class TestPublicCases:
    """A query service about public cases takes 35 lines, none about why a case is public."""

    def titles(self, reading: Reading) -> list[str]:
        reading.catch_up()
        return sorted(row.title for row in reading.rows.values())

    def test_its_file_has_at_most_35_lines(self) -> None:
        assert len((HERE / "public_cases.py").read_text().splitlines()) <= 35

    def test_it_lists_public_cases_only_after_hiding_withdrawing_retracting_and_erasing(
        self, world: World
    ) -> None:
        anna, ben, mo = world.member("Anna"), world.member("Ben"), moderator(world)
        cases = Reading(world, PublicCases())
        for case_id in ("c1", "c2", "c3"):
            world.public_case(anna, case_id, title=case_id)
        world.public_case(ben, "c4", title="c4")
        assert self.titles(cases) == ["c1", "c2", "c3", "c4"]

        def on(case_id: str, command: CaseCommand) -> None:
            world.executors.cases.execute(case_id, command, CommandContext())
            world.settle()

        at = world.clock()
        decide(world, CASE, "c1", mo)
        on("c2", WithdrawCase(by=anna, at=at))
        on("c3", RetractEvidence(evidence_id=EvidenceId("e-c3"), by=anna, at=at))
        on("c4", AmendCase(changes={"title": "Amended"}, by=ben, at=at))
        assert self.titles(cases) == ["Amended"]
        decide(world, CASE, "c1", mo, RESTORE, decision_id="d2")
        on("c3", AttachEvidence(evidence=(world.evidence(anna, "more"),), by=anna, at=at))
        assert self.titles(cases) == ["Amended", "c1", "c3"]
        erase(world, anna)
        assert self.titles(cases) == self.titles(Reading(world, PublicCases())) == ["Amended"]
