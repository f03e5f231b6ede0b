"""Moderation: rules, flags of members, decisions of moderators, and appeals against them.

Read ``rules``, ``subject``, ``flag``, ``record``, ``decision``. Flags and decisions have streams of
their own; policies apply them to their subject, one after the other.
"""
