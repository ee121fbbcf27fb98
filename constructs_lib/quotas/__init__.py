"""The shared limits that delay or refuse work: what they are, a dashboard of them, and alarms.

`catalogue` has one record a quota; `dashboard` and `alarms` are made from the same records, so that no quota is on one
and missing from the other.
"""
