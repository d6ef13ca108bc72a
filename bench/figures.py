# SPDX-License-Identifier: Apache-2.0
"""How measurements are printed."""
import statistics


def summary(values):
    """median (min - max)"""
    return "%.0f (%.0f - %.0f)" % (statistics.median(values), min(values), max(values))


def table(headings, rows):
    widths = [max(len(str(row[i])) for row in [headings] + rows) for i in range(len(headings))]
    for row in [headings] + rows:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())
