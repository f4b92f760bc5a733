"""Kotlin and Swift by openapi-generator: a class for each kind of record, chosen by ``kind``."""

import re
from pathlib import Path

import pytest

from tests.contract import generators
from tests.contract.generators import ACCOUNTS, API
from tracker.records.kinds import KINDS

pytestmark = pytest.mark.contract

UNIONS = {"RecordRequest": "{}Record", "HeldRecord": "Held{}Record", "RecordVersion": "{}RecordVersion"}


def class_names(pattern: str) -> dict[str, str]:
    """The class of each kind by the pattern of a union."""
    return {kind: pattern.format(kind.title().replace("_", "")) for kind in KINDS}


@pytest.fixture(scope="module")
def kotlin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models in Kotlin. With the generator's other settings, a union has the fields of its last kind alone."""
    made = tmp_path_factory.mktemp("kotlin")
    how = {"serializationLibrary": "kotlinx_serialization", "generateOneOfAnyOfWrappers": "true"}
    generators.openapi_generator(API, "kotlin", made, **how)
    return made / "src" / "main" / "kotlin" / "org" / "openapitools" / "client" / "models"


@pytest.fixture(scope="module")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("swift")
    generators.openapi_generator(API, "swift6", made)
    return made / "Sources" / "OpenAPIClient" / "Models"


@pytest.mark.parametrize("union", UNIONS)
def test_kotlin_has_a_class_for_each_kind_of_record_and_reads_it_by_kind(kotlin, union):
    text = (kotlin / f"{union}.kt").read_text()
    names = class_names(UNIONS[union])

    assert f"sealed interface {union}" in text
    assert 'element["kind"]' in text
    read = re.findall(
        r'"(\w+)" -> \{\s*val decoded = decoder\.json\.decodeFromJsonElement\((\w+)\.serializer', text
    )
    assert dict(read) == names
    for name in names.values():
        assert f"data class {name} (" in (kotlin / f"{name}.kt").read_text()


@pytest.mark.parametrize("union", UNIONS)
def test_swift_has_a_struct_for_each_kind_of_record_and_reads_it_by_kind(swift, union):
    text = (swift / f"{union}.swift").read_text()
    names = class_names(UNIONS[union])

    assert f"public enum {union}" in text
    assert dict(re.findall(r'case "(\w+)":\s*self = \.type\w+\(try (\w+)\(from: decoder\)', text)) == names
    for name in names.values():
        assert f"public struct {name}:" in (swift / f"{name}.swift").read_text()


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_the_data_of_each_kind_of_record_has_its_own_class_in_kotlin_and_swift(kotlin, swift, kind):
    name = kind.name.title().replace("_", "")

    assert f"val `data`: {name}Data?" in (kotlin / f"Held{name}Record.kt").read_text()
    assert re.search(rf"data: {name}Data\?", (swift / f"Held{name}Record.swift").read_text())


@pytest.mark.parametrize("generator", ["kotlin", "swift6"])
def test_the_document_of_sign_in_is_generated_too(generator, tmp_path):
    generators.openapi_generator(ACCOUNTS, generator, tmp_path)
    made = {path.stem for path in tmp_path.rglob("*") if path.suffix in (".kt", ".swift")}

    assert made >= {"Login", "AuthenticatedResponse", "AuthenticationResponse", "Problem"}
