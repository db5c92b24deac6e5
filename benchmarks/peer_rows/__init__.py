"""The rows of ``benchmarks/peers.py``: a module for each kind of circuit."""
