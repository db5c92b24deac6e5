"""Devices that hold trained values: what they can hold, and what becomes of it."""
