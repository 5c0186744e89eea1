"""Targets and weights made from masks: boundaries, objects, boundary weights."""
