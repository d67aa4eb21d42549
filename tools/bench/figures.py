"""From rounds to figures: medians, and how they are printed."""

import json
import statistics

# Fewer say nothing on a machine where others work too.
LEAST_ROUNDS = 5
DIGITS = 4


def rounded(number):
    """DIGITS significant digits, without an exponent."""
    text = f"{float(f'{number:.{DIGITS}g}'):.10f}"
    return text.rstrip("0").rstrip(".")


class Report:
    """`units`: figure -> unit, in the order of printing. `rounds`: for each round, figure -> number."""

    def __init__(self, units, rounds):
        self.units = units
        self.rounds = list(rounds)
        if len(self.rounds) < LEAST_ROUNDS:
            raise ValueError(f"{len(self.rounds)} rounds are too few")

    def median(self, name):
        return statistics.median(found[name] for found in self.rounds)

    def as_text(self):
        return "\n".join(f"figure {name} {rounded(self.median(name))} {unit}" for name, unit in self.units.items())

    def as_json(self, bench):
        figures = [{"name": name, "number": self.median(name), "unit": unit} for name, unit in self.units.items()]
        return json.dumps({"bench": bench, "figures": figures, "rounds": self.rounds}, indent=2)
