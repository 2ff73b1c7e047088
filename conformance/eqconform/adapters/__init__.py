"""Adapters that ship with the suite."""
