"""Train resistive networks written as SPICE netlists."""

from netlearn.netlist.netlist import Netlist, parse, read

__all__ = ["Netlist", "parse", "read"]
