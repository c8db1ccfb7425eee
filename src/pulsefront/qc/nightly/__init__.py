"""The nightly job: scores from checkpoints, metrics for monitoring, the site's folder."""
