"""Benchmarks: what the driver costs and what it gets out of the wire, on any rig.

Budgets that must hold are tests; what is measured here is looked at, compared and plotted.
"""
