"""Validation designs: k-fold, k-fold with hold-out, nested, leave one group out.

After Figure 5 of the SNMMI AI Task Force's report (Bradshaw et al. 2022). All of it lies within the
training events of the study; whole groups are divided, never events, and what decides (a choice of
width, an ablation) never sees the events that it is measured on.
"""

from pulsefront.studies.validation.designs import groups_of, trainings_of
from pulsefront.studies.validation.divisions import validate_designs

__all__ = ["groups_of", "trainings_of", "validate_designs"]
