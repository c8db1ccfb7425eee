"""Evaluation studies: a frozen export on external data, one claim that was written down before.

Nothing is fitted. The plan is hashed before the data are opened, and holds from then on.
"""
