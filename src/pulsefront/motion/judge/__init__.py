"""How well detectors of motion do: trials, tuning, the study of detection."""
