"""XML: hostile, oversized, damaged."""

from __future__ import annotations

import pytest

from pulsefront.errors import TruncatedFile, UnsupportedFormat
from pulsefront.qc.readers.text.xml import read_xml
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.ingest import find_files, ingest
from pulsefront.qc.store.tables import schema
from strategies_qc import NOW, siemens_report

BOMB = "<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;&a;'>]>"
OUTSIDE = "<!DOCTYPE x SYSTEM 'file:///etc/passwd'>"


@pytest.mark.parametrize("head", [BOMB, OUTSIDE, "<!DOCTYPE x>"])
def test_document_types_and_entities_are_refused(tmp_path, head):
    path = siemens_report(tmp_path / "a.xml", head=head)
    with pytest.raises(UnsupportedFormat, match="document type or entities"):
        read_xml(path)


def test_names_come_without_their_namespaces(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text('<a xmlns="urn:x" xmlns:y="urn:y"><b y:c="1">text</b></a>')
    root = read_xml(path)
    assert root.tag == "a"
    assert root.findtext("b") == "text"
    assert root.find("b").attrib == {"c": "1"}


def test_deep_nesting_is_refused(tmp_path):
    path = tmp_path / "deep.xml"
    path.write_text("<a>" * 5000 + "</a>" * 5000)
    with pytest.raises(UnsupportedFormat, match="nests deeper"):
        read_xml(path)


def test_empty_and_truncated_xml_are_told_apart_from_nonsense(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text("")
    with pytest.raises(TruncatedFile):
        read_xml(path)
    path.write_text("<a><b>1</b>")
    with pytest.raises(TruncatedFile):
        read_xml(path)
    path.write_text("<a><b>1</a>")
    with pytest.raises(UnsupportedFormat):
        read_xml(path)


def test_huge_and_oddly_encoded_reports_are_refused_and_the_rest_ingested(tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    siemens_report(logs / "good.xml")
    with open(logs / "huge.xml", "wb") as file:
        file.write(b'<?xml version="1.0"?><SystemQualityReport>')
        file.truncate(65 * 2**20)  # sparse: takes no disk
    report = (logs / "good.xml").read_text(encoding="utf-8")
    odd = report.replace('encoding="utf-8"', 'encoding="x-nobody-knows"')
    (logs / "odd.xml").write_text(odd, encoding="utf-8")
    with Store(tmp_path / "qc.db") as store:
        result = ingest(store, find_files([logs]), now_s=NOW)
        assert store.count(schema.quarantine) == 2
        stored = store.count(schema.measurement) + store.count(schema.service)
        assert stored == result.counts.new > 0
    reasons = {file.path.name: file.refused for file in result.refused}
    assert set(reasons) == {"huge.xml", "odd.xml"}
    assert "too large" in reasons["huge.xml"]
    assert "encoding" in reasons["odd.xml"]
