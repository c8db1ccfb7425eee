"""Quality control of a fleet of scanners: logs in, a failure predictor, a nightly job."""
