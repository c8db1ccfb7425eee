"""Jobs on measured files: pickoff, inspection, pairing, calibration, splits of scans."""
