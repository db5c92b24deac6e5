"""Types of ``.model`` cards that describe devices, and can do nothing else."""

from __future__ import annotations

DEVICE_MODELS = frozenset((
    "r", "res", "c", "cap", "l", "ind", "d", "npn", "pnp", "njf", "pjf", "nmos", "pmos", "nmf", "pmf", "nhfet",
    "phfet", "sw", "csw", "vswitch", "iswitch", "urc", "ltra", "txl", "cpl", "vdmos", "vdmosn", "vdmosp", "transline",
))  # fmt: skip

CODE_MODELS = frozenset((
    "adc_bridge", "aswitch", "bidi_bridge", "capacitoric", "climit", "cmeter", "core", "d_and", "d_buffer", "d_dff",
    "d_dlatch", "d_dt", "d_fdiv", "d_inverter", "d_jkff", "d_lut", "d_genlut", "d_nand", "d_nor", "d_open_c",
    "d_open_e", "d_or", "d_osc", "d_pulldown", "d_pullup", "d_pwm", "d_ram", "d_srff", "d_srlatch", "d_tff",
    "d_to_real", "d_tristate", "d_xnor", "d_xor", "dac_bridge", "delay", "divide", "gain", "hyst", "ilimit",
    "inductoric", "int", "lcouple", "limit", "lmeter", "memristor", "mult", "multi_input_pwl", "nco", "oneshot",
    "potentiometer", "pswitch", "pwl", "pwlts", "real_delay", "real_gain", "real_to_v", "s_xfer", "sidiode", "sine",
    "slew", "square", "summer", "triangle", "zener",
))  # fmt: skip
"""XSPICE's code models without those that read files or start programs."""
