"""A month of the nightly job on simulated files, with faults, beside an undisturbed one."""
