"""Benches: what the service costs beside yardsticks run in the same minute. `python3 dev.py bench NAME`."""
