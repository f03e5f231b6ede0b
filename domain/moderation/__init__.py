"""Moderation: rules, flags of members, decisions of moderators, and appeals against them."""
