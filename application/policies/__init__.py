"""Policies: ``when_<event>_then_<action>``. Each issues commands to its own context only."""
