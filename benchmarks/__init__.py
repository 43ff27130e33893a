"""Benchmarks: the cost of the service, compared with baselines in one run. `python3 dev.py bench NAME`."""
