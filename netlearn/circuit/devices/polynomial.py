"""Roots of polynomials, element by element of arrays."""

from __future__ import annotations

import numpy as np

from netlearn.arrays import Array

POLISHES = 3
"""Newton steps that take a root from the digits of a closed form to all digits: derived, as each doubles them, and two
would do for four digits."""


def least_positive_root(a: Array, b: Array, c: Array, d: Array) -> tuple[Array, Array]:
    """The least positive root of x^4 + a x^3 + b x^2 + c x + d, and where one is found.

    Ferrari's method (Abramowitz and Stegun, Handbook of Mathematical Functions, 3.8.3) on the real parts; Newton's
    makes it exact then, and carries what is imaginary in the coefficients, so that derivatives by the complex step
    pass. Where none is found, the first is 1: where there is none, or where the resolvent cubic has no root that
    ngspice's formula finds, which takes roots for positive.
    """
    ra, rb, rc, rd = (np.real(coefficient) for coefficient in (a, b, c, d))
    y, there = _greatest_cubic_root(-rb, ra * rc - 4.0 * rd, 4.0 * rb * rd - rc * rc - ra * ra * rd)
    square = np.maximum(0.25 * ra * ra - rb + y, 0.0)
    r = np.sqrt(square)
    product = np.sqrt(np.maximum(0.25 * y * y - rd, 0.0))
    t = np.where(r > 0, (0.5 * ra * y - rc) / np.where(r > 0, 2.0 * r, 1.0), product)
    roots = [*_quadratic_roots(0.5 * ra + r, 0.5 * y + t), *_quadratic_roots(0.5 * ra - r, 0.5 * y - t)]
    least, found = roots[0], np.zeros_like(r) > 0
    for root in roots:
        better = there & (root > 0) & (~found | (root < least))
        least, found = np.where(better, root, least), found | better
    x: Array = np.where(found, least, 1.0)
    for _ in range(POLISHES):
        value = (((x + a) * x + b) * x + c) * x + d
        slope = ((4.0 * x + 3.0 * a) * x + 2.0 * b) * x + c
        x = x - np.where(found & (slope.real != 0), value / np.where(slope.real != 0, slope, 1.0), 0.0)
    return x, found


def _quadratic_roots(p: Array, q: Array) -> tuple[Array, Array]:
    """The real roots of x^2 + p x + q, 0 where there are none."""
    discriminant = 0.25 * p * p - q
    real = discriminant >= 0
    root = np.sqrt(np.where(real, discriminant, 0.0))
    # The greater in size first, without cancellation; their product is q.
    far = -0.5 * p - np.where(p > 0, root, -root)
    near = np.where(far != 0, q / np.where(far != 0, far, 1.0), 0.0)
    return np.where(real, far, 0.0), np.where(real, near, 0.0)


def _greatest_cubic_root(a: Array, b: Array, c: Array) -> tuple[Array, Array]:
    """The greatest real root of y^3 + a y^2 + b y + c where it is known to lie above -a / 3, and where that is."""
    q, r = (a * a - 3.0 * b) / 9.0, (2.0 * a**3 - 9.0 * a * b + 27.0 * c) / 54.0
    above = (q >= 0) & (r < 0)
    q, r = np.where(above, q, 1.0), np.where(above, r, -1.0)
    three = r * r <= q**3
    size = np.sqrt(np.where(three, q, 1.0))
    angle = np.arccos(np.clip(r / size**3, -1.0, 1.0))
    trigonometric = -2.0 * size * np.cos((angle + 2.0 * np.pi) / 3.0)
    # Not np.cbrt, which compiled code lacks: Newton's method mends the last digits.
    cube = np.exp(np.log(np.sqrt(np.where(three, 0.0, r * r - q**3)) - r) / 3.0)
    y: Array = np.where(three, trigonometric, cube + q / cube) - a / 3.0
    return y, above
