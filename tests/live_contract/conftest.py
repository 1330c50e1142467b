"""Servers held against their contract on a real engine."""
