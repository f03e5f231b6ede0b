"""Reactions: ``when_<event>_then_<action>``, each giving commands to its own context only."""
