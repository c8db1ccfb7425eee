"""Reports of scanners' consoles: one module a vendor, and DICOM structured reports."""
