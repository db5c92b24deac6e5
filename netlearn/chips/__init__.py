"""Chips in the loop: what gives outputs for values and inputs, as a program, a function, or an object."""
