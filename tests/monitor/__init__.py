"""The monitor: its pages as a program that reads HTML sees them, and in a real browser."""
