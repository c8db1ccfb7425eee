"""Results of Varian's Machine Performance Check."""

from __future__ import annotations

import shutil

import pytest

from pulsefront.errors import QCDataError
from strategies_qc import iso_time, read_log


def test_mpc_results(tmp_path):
    folder = tmp_path / "NDS-WKS-SN1234-2024-03-05-07-12-33-0001-BeamCheckTemplate6x"
    folder.mkdir()
    path = folder / "Results.csv"
    path.write_text(
        "Name [Unit], Value, Threshold, Evaluation Result\n"
        "IsoCenterGroup/IsoCenterSize [mm], 0.31, 0.50, Pass\n"
        "BeamGroup/BeamOutputChange [%],-2.4,2.00,Fail\n"
        "broken,x,1,Pass\n"
    )
    frame, _, rejects, _ = read_log(path)
    assert frame["test"].tolist()[0] == "BeamCheckTemplate6x/IsoCenterGroup/IsoCenterSize"
    assert frame["measurement_unit"].tolist() == ["mm", "%"]
    assert frame["status"].tolist() == ["pass", "fail"]
    assert frame["action_high"].tolist() == [0.5, 2.0]
    assert set(frame["unit_id"]) == {"1234"}
    assert iso_time(frame.loc[0, "measured_at"]) == "2024-03-05T07:12:33Z"
    assert len(rejects) == 1
    shutil.copy(path, tmp_path / "Results.csv")
    with pytest.raises(QCDataError, match="neither machine nor time"):
        read_log(tmp_path / "Results.csv")
