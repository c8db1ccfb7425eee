"""Text of GE and Philips consoles, and DICOM structured reports, in their published forms."""

from __future__ import annotations

import pytest

from pulsefront.errors import QCDataError, UnsupportedFormat
from pulsefront.qc.readers.open import open_source
from pulsefront.qc.site import Mapping, Site, UnitSettings
from pulsefront.qc.times import end_of_day
from strategies_qc import NOW, read_log

GE = """ IMAGE QUALITY TEST RESULTS
Detector serial number: 12345

Global Brightness Non Uniformity   8.1   0.0   20.0   PASSED
Local SNR Non Uniformity           31.2  0.0   25.0   FAILED
High Frequency Modulation          n/a   0.0   25.0   FAILED
"""

PHILIPS = """Daily QC Report
Start Time: Tue Jun 02 07:12:33 2015
Hardware Sensors: PASSED
PMT Gain Calibration: PASSED
Avg Error: 0.25%
Energy Test: PASSED
      | Centroid | Resolution
  Avg | 100.1    | 12.9%
  Min | 98.7     | 11.0%
Timing Resolution: 612-ps
"""

PHILIPS_SITE = Site(
    timezone="Europe/Amsterdam",
    mappings={"*.txt": Mapping(format="philips-gemini", fixed={"unit_id": "TF1"})},
)


def test_ge_report(tmp_path):
    path = tmp_path / "20261001_qap.txt"
    path.write_text(GE)
    site = Site(units=(UnitSettings(unit_id="XR1", aliases=("12345",)),))
    frame, _, rejects, _ = read_log(path, site)
    assert frame["unit_id"].tolist() == ["XR1", "XR1"]
    assert frame["value"].tolist() == [8.1, 31.2]
    assert frame["status"].tolist() == ["pass", "fail"]
    assert frame["action_high"].tolist() == [20.0, 25.0]
    assert set(frame["measured_at"]) == {end_of_day("2026-09-30")}
    assert [(reject.row, reject.reason) for reject in rejects] == [
        (6, "High Frequency Modulation: the value is no number")
    ]


def test_ge_report_without_a_date_in_its_name_says_what_to_do(tmp_path):
    path = tmp_path / "qap.txt"
    path.write_text(GE)
    with pytest.raises(UnsupportedFormat, match="name it as the console does"):
        read_log(path)


def test_philips_report(tmp_path):
    path = tmp_path / "day.txt"
    path.write_text(PHILIPS)
    (batch,) = open_source(path, PHILIPS_SITE, now_s=NOW).batches()
    frame = batch.measurements.set_index("test")
    assert frame["value"].to_dict() == {
        "PMT Avg Error": 0.25,
        "Energy Avg-Centroid": 100.1, "Energy Avg": 12.9,
        "Energy Min-Centroid": 98.7, "Energy Min": 11.0,
        "Timing Resolution": 612.0,
    }  # fmt: skip
    assert set(frame["unit_id"]) == {"TF1"}
    # 07:12:33 on the wall, in summer.
    assert frame["measured_at"].iloc[0] == end_of_day("2015-06-01") + 5 * 3600 + 12 * 60 + 33
    assert (batch.rows, batch.passed) == (9, {"text": 3})


def test_report_that_does_not_tell_its_scanner_asks_for_it(tmp_path):
    path = tmp_path / "day.txt"
    path.write_text(PHILIPS)
    with pytest.raises(QCDataError, match="does not tell which scanner"):
        read_log(path)


def concept(meaning):
    from pydicom.dataset import Dataset

    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99X", meaning
    return code


def item(kind, meaning, **more):
    from pydicom.dataset import Dataset

    made = Dataset()
    made.ValueType, made.ConceptNameCodeSequence = kind, [concept(meaning)]
    for name, value in more.items():
        setattr(made, name, value)
    return made


def number(meaning, value, unit):
    from pydicom.dataset import Dataset

    measured = Dataset()
    measured.NumericValue = value
    code = concept(unit)
    code.CodeValue = unit
    measured.MeasurementUnitsCodeSequence = [code]
    return item("NUM", meaning, MeasuredValueSequence=[measured])


def write_report(path, **more):
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    head = item(
        "CONTAINER",
        "head 1",
        ContentSequence=[
            number("Peak", "140.6", "keV"),
            number("FWHM", "9.8", "%"),
            item("TEXT", "Comment"),
        ],
    )
    report = item("CONTAINER", "Daily QC", ContentSequence=[head])  # fmt: skip
    report.SOPClassUID = more.pop("kind", "1.2.840.10008.5.1.4.1.1.88.33")
    report.SOPInstanceUID = "1.2.3"
    report.StudyDate, report.StudyTime = "20261001", "070500"
    report.ContentDate, report.ContentTime = "20261001", "071500"
    report.StationName, report.Manufacturer = "SYMBIA1", "X"
    report.DeviceSerialNumber = "777"
    for name, value in more.items():
        setattr(report, name, value)
    report.file_meta = FileMetaDataset()
    report.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    report.file_meta.MediaStorageSOPClassUID = report.SOPClassUID
    report.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    report.save_as(path, enforce_file_format=True)
    return path


def test_dicom_structured_report(tmp_path):
    pytest.importorskip("pydicom", reason="pydicom is not installed")
    path = write_report(tmp_path / "report.dcm")
    (batch,) = open_source(path, Site(), now_s=NOW).batches()
    frame = batch.measurements
    assert frame["test"].tolist() == ["Peak", "FWHM"]
    assert frame["component_id"].tolist() == ["head 1", "head 1"]
    assert frame["measurement_unit"].tolist() == ["keV", "%"]
    assert frame["value"].tolist() == [140.6, 9.8]
    assert set(frame["unit_id"]) == {"SYMBIA1"}
    assert set(frame["measured_at"]) == {end_of_day("2026-09-30") + 7 * 3600 + 300}
    assert batch.units["serial"].tolist() == ["777"]
    assert batch.rows == 2


def test_dicom_that_is_no_report_is_refused_in_a_line(tmp_path):
    pytest.importorskip("pydicom", reason="pydicom is not installed")
    path = write_report(tmp_path / "image.dcm", kind="1.2.840.10008.5.1.4.1.1.20")
    with pytest.raises(UnsupportedFormat, match="no structured report"):
        read_log(path)
    cut = path.read_bytes()[:300]
    path.write_bytes(cut)
    with pytest.raises(UnsupportedFormat):
        read_log(path)
