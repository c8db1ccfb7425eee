"""A study file becomes a run directory: the main job, resumable."""
