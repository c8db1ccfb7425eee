"""Files are told apart by what stands in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulsefront.errors import ConfigError
from pulsefront.files import firmware_export_directory, sim_data_directory
from pulsefront.studies.files.check import check_file
from pulsefront.studies.files.kinds import FILE_KINDS, FileKind, kind_of_file, kind_of_name


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        (sim_data_directory() / "studies", "study"),
        (sim_data_directory() / "detectors", "detector"),
        (sim_data_directory() / "materials", "material"),
        (firmware_export_directory() / "boards", "board"),
        (firmware_export_directory() / "front_ends", "front_end"),
    ],
)
def test_shipped_files_are_what_they_are(folder: Path, kind: str) -> None:
    files = sorted(folder.glob("*.toml"))
    assert files
    assert {kind_of_file(file)[0].name for file in files} == {kind}


def test_a_manifest_is_no_study(tmp_path: Path) -> None:
    path = tmp_path / "scans.toml"
    path.write_text('kind = "position"\n[[scan]]\nfiles = ["a"]\n')
    assert kind_of_file(path)[0].name == "manifest"


def test_a_mapping_of_failure_tables_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "tables.toml"
    table = 'file = "a.csv"\nunit = "machine"\ntime = "when"\n'
    path.write_text(f'[[failures]]\n{table}[[readings]]\n{table}vlaues = ["volt"]\n')
    found = check_file(path)
    assert found.kind == "failure_tables"
    assert [(one.line, one.field) for one in found.problems] == [(9, "readings.0.vlaues")]


def test_unknown_names_list_the_kinds() -> None:
    assert kind_of_name("board").name == "board"
    with pytest.raises(
        ConfigError, match="one of manifest, failure_tables, front_end, evaluation, study"
    ):
        kind_of_name("bord")


@pytest.mark.parametrize("kind", FILE_KINDS, ids=lambda kind: kind.name)
def test_a_schema_names_every_key_of_every_variant(kind: FileKind) -> None:
    schema = kind.schema()
    parts = {**schema.get("$defs", {}), schema.get("title", ""): schema}
    for model in kind.models.values():
        assert set(parts[model.__name__]["properties"]) == set(model.model_fields)
        assert parts[model.__name__]["additionalProperties"] is False
    if len(kind.models) > 1:
        assert schema["discriminator"]["propertyName"] == "kind"
        assert set(schema["discriminator"]["mapping"]) == set(kind.models)
