"""Measurements: each a program of its own, each figure a ratio in one run or a count."""
