# mypy: ignore-errors
"""The same four stages for Metaflow, one after the other: a branch would need a fifth step to join in."""

from metaflow import FlowSpec, step


class FourStages(FlowSpec):
    @step
    def start(self):
        self.numbers = list(range(1, 11))
        self.next(self.evens)

    @step
    def evens(self):
        self.even = [number for number in self.numbers if number % 2 == 0]
        self.next(self.odds)

    @step
    def odds(self):
        self.odd = [number for number in self.numbers if number % 2 == 1]
        self.next(self.end)

    @step
    def end(self):
        self.both = self.even + self.odd


if __name__ == "__main__":
    FourStages()
